"""Ridge regression: products summed in one pass, then solved for every penalty."""
