"""Networks: a file a family, and what all of them share."""
