"""LightGBM: binned rows from packed shards, and the booster grown from them."""
