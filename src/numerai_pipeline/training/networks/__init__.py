"""Networks: one engine for all Keras families, with an own loop over the batches."""
