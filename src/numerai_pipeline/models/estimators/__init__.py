"""Estimators of any library: a user's own in ``zoo/``, and those of scikit-learn."""
