"""CatBoost: a quantized pool from packed shards, and the model grown from it."""
