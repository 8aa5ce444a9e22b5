"""XGBoost: binned rows in memory or on disk, and the booster grown from them."""
