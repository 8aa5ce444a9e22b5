"""Check predictions, submit them at most once, and record every attempt."""

from numerai_pipeline.submission.checks import CheckedPredictions, check_predictions
from numerai_pipeline.submission.ledger import (
    Attempt,
    Ledger,
    LedgerRow,
    Opening,
)
from numerai_pipeline.submission.submit import Receipt, model_id, submit_once

__all__ = [
    "Attempt",
    "CheckedPredictions",
    "Ledger",
    "LedgerRow",
    "Opening",
    "Receipt",
    "check_predictions",
    "model_id",
    "submit_once",
]
