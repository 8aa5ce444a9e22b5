"""The sections of a report, in its order; one file for each kind of question."""
