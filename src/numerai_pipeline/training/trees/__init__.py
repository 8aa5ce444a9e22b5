"""Boosted trees: one engine, with LightGBM, XGBoost and CatBoost as its backends."""
