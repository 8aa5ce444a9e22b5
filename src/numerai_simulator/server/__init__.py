"""The simulated tournament's server; its door is ``numerai_simulator``."""
