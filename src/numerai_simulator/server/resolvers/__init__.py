"""One file per part of Numerai's schema; ``schema.py`` puts them together."""
