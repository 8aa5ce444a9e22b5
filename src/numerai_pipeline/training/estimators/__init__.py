"""The engine that fits estimators of any library."""
