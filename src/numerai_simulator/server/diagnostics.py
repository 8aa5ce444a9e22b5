"""Diagnostics: an upload for the validation eras, scored era by era.

Done at once when it is created. CORR, MMC and BMC are computed for real, era by
era, with ``numerai-tools``; every other figure of Numerai's report stays empty.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from numerai_tools.scoring import correlation_contribution, numerai_corr
from numerai_tools.submissions import validate_headers_numerai, validate_values

from numerai_simulator.clock import format_time
from numerai_simulator.errors import Refusal
from numerai_simulator.market.catalog import ERA, TARGET
from numerai_simulator.server.files import Files
from numerai_simulator.server.state import State, new_id
from numerai_simulator.server.submissions import Uploads, check_shape, read_predictions

VERSION = "v5.3"
_MINE, _EXAMPLE = "mine", "example"


class Diagnostics:
    """The diagnostics of one simulated tournament."""

    def __init__(self, files: Files, state: State, uploads: Uploads) -> None:
        self._files = files
        self._state = state
        self._uploads = uploads

    def create(self, model_id: str, filename: str, now: datetime) -> str:
        """Score an upload against the validation file.

        Returns:
            The id of the diagnostics.

        Raises:
            Refusal: if nothing was uploaded, the upload is not valid or
                covers no era of the validation file.
        """
        path = self._uploads.arrived("diagnostics", filename)
        per_era = self._score(_check(read_predictions(path)))
        result = {
            "status": "done",
            "message": None,
            "updatedAt": format_time(now),
            "trainedOnVal": False,
            "erasAcceptedCount": len(per_era),
            "perEraDiagnostics": per_era,
            **_summary(per_era),
        }
        diagnostics_id = new_id()
        self._state.run(
            "INSERT INTO diagnostics (id, model_id, result) VALUES (?, ?, ?)",
            diagnostics_id,
            model_id,
            json.dumps(result),
        )
        self._uploads.use(filename)
        return diagnostics_id

    def find(self, model_id: str, diagnostics_id: str | None) -> dict[str, Any]:
        """Return diagnostics by id, or a model's latest without one.

        Raises:
            Refusal: if there are none.
        """
        rows = self._state.rows(
            "SELECT * FROM diagnostics WHERE model_id = ? ORDER BY number DESC",
            model_id,
        )
        for row in rows:
            if diagnostics_id in (None, row["id"]):
                found: dict[str, Any] = json.loads(row["result"])
                return found
        raise Refusal(f"the model has no diagnostics {diagnostics_id or ''}.")

    def _score(self, mine: pd.Series) -> list[dict[str, Any]]:
        validation = self._read("validation", [ERA, TARGET])
        validation = validation.dropna(subset=[TARGET])
        table = validation.assign(
            **{
                _MINE: mine.reindex(validation.index),
                _EXAMPLE: self._first_column("validation_example_preds"),
                "meta_model": self._first_column("meta_model"),
                "benchmark": self._first_column("validation_benchmark_models"),
            }
        )
        answers = [
            _score_era(str(era), rows)
            for era, rows in table.groupby(ERA)
            if rows[_MINE].notna().all()
        ]
        if not answers:
            raise Refusal(
                "invalid_submission_ids: the upload covers no era of "
                f"{VERSION}/validation.parquet completely."
            )
        return answers

    def _read(self, stem: str, names: list[str] | None = None) -> pd.DataFrame:
        name = f"{VERSION}/{stem}.parquet"
        path = self._files.find(name)
        if path is None:
            raise Refusal(f"the simulated market has no {name}.")
        return pd.read_parquet(path, columns=names)

    def _first_column(self, stem: str) -> pd.Series:
        return self._read(stem).select_dtypes("number").iloc[:, 0]


def _check(frame: pd.DataFrame) -> pd.Series:
    check_shape(frame)
    try:
        id_column, value_column = validate_headers_numerai(frame)
        validate_values(frame, value_column)
    except AssertionError as error:
        raise Refusal(str(error)) from error
    values: pd.Series = frame.set_index(id_column)[value_column]
    return values


def _score_era(era: str, rows: pd.DataFrame) -> dict[str, Any]:
    target = rows[TARGET]
    corr = numerai_corr(rows[[_MINE, _EXAMPLE]].astype("float64"), target)
    return {
        "era": int(era),
        "validationCorr": _number(corr[_MINE]),
        "examplePredsCorr": _number(corr[_EXAMPLE]),
        "validationMmc": _contribution(rows, "meta_model"),
        "validationBmc": _contribution(rows, "benchmark"),
    }


def _contribution(rows: pd.DataFrame, reference: str) -> float | None:
    """Return MMC or BMC, None in eras for which the reference has no predictions."""
    if rows[reference].isna().any():
        return None
    mine = rows[[_MINE]].astype("float64")
    scores = correlation_contribution(mine, rows[reference], rows[TARGET])
    return _number(scores[_MINE])


def _summary(per_era: list[dict[str, Any]]) -> dict[str, float | None]:
    corr = _values(era["validationCorr"] for era in per_era)
    mmc = _values(era["validationMmc"] for era in per_era)
    both = _values(
        era["validationCorr"] + era["validationMmc"]
        for era in per_era
        if era["validationMmc"] is not None and era["validationCorr"] is not None
    )
    examples = _values(era["examplePredsCorr"] for era in per_era)
    bmc = _values(era["validationBmc"] for era in per_era)
    return {
        **_moments("validationCorr", corr),
        **_moments("validationMmc", mmc),
        **_moments("validationCorrPlusMmc", both),
        "validationMaxDrawdown": _max_drawdown(corr),
        "validationCorrMaxDrawdown": _max_drawdown(corr),
        "examplePredsCorrMean": _number(examples.mean()) if len(examples) else None,
        "validationBmcMean": _number(bmc.mean()) if len(bmc) else None,
    }


def _moments(name: str, values: np.ndarray) -> dict[str, float | None]:
    if not len(values):
        return {}
    std = values.std()
    return {
        f"{name}Mean": _number(values.mean()),
        f"{name}Std": _number(std),
        f"{name}Sharpe": _number(values.mean() / std) if std > 0 else None,
    }


def _max_drawdown(values: np.ndarray) -> float | None:
    """Return the deepest fall of the cumulative score, 0 or negative."""
    if not len(values):
        return None
    path = np.cumsum(values)
    return _number((path - np.maximum.accumulate(path)).min())


def _values(values: Iterable[float | None]) -> np.ndarray:
    return np.array([value for value in values if value is not None], dtype=np.float64)


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
