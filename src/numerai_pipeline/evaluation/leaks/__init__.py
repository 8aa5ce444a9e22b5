"""Leak checks of a run: they can fail."""

from numerai_pipeline.evaluation.leaks.checks import check_leaks
from numerai_pipeline.evaluation.leaks.report import (
    CheckResult,
    Finding,
    LeakReport,
    read_leak_report,
)

__all__ = ["CheckResult", "Finding", "LeakReport", "check_leaks", "read_leak_report"]
