"""A tournament on this machine: a synthetic market and Numerai's API over it."""
