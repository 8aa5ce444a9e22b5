"""A trained run and live data: predictions that can be submitted."""

from numerai_pipeline.prediction.live import live_ids, predict_live, write_predictions

__all__ = ["live_ids", "predict_live", "write_predictions"]
