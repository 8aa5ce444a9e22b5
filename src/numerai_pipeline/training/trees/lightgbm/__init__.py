"""LightGBM: its data sets and its growing model."""

from numerai_pipeline.models.trees import load_lightgbm

# Loads the libraries that it needs, before the modules here import it by name.
load_lightgbm()
