"""One HTML file from what is on disk: all that is known of some models."""

from numerai_pipeline.reports.gathering import gather
from numerai_pipeline.reports.inputs import ModelReport, Report
from numerai_pipeline.reports.page import SECTIONS, render, write_report

__all__ = [
    "SECTIONS",
    "ModelReport",
    "Report",
    "gather",
    "render",
    "write_report",
]
