"""Boosted trees: one engine, a library each for LightGBM, XGBoost and CatBoost."""
