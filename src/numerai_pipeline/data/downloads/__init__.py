"""Files of a release, fetched whole or continued."""
