"""A trained run and live data: predictions that can be submitted."""

from numerai_pipeline.prediction.live import (
    earlier_live,
    live_ids,
    predict_live,
    write_predictions,
)
from numerai_pipeline.prediction.note import (
    Origin,
    check_origin,
    noted_rows,
    noted_run,
    write_noted,
)

__all__ = [
    "Origin",
    "check_origin",
    "earlier_live",
    "live_ids",
    "noted_rows",
    "noted_run",
    "predict_live",
    "write_noted",
    "write_predictions",
]
