"""How the score falls with the distance from the training, at several purges."""

import math
from collections.abc import Sequence

import numpy as np

from numerai_pipeline.core import SILENT, columns
from numerai_pipeline.data import Fold, Part
from numerai_pipeline.evaluation.leaks.report import CheckResult, Finding
from numerai_pipeline.evaluation.leaks.retraining import (
    FAST_TEST_ERAS,
    FAST_TRAIN_ERAS,
    Retraining,
)
from numerai_pipeline.evaluation.leaks.structure import apart, parts_of
from numerai_pipeline.evaluation.leaks.suspect import Suspect, result_of
from numerai_pipeline.evaluation.out_of_sample import corr_of, predict_part
from numerai_pipeline.scoring import Scores

# By luck one era lies three standard deviations above the others in one case of 700.
_CLEARLY = 3.0

# Horizons of later eras, without which their standard deviation says little.
_LEAST_HORIZONS = 3


def check_purge_profile(retraining: Retraining) -> CheckResult:
    """Compare eras next to the training with eras far from it.

    At a purge of 0 the nearest eras may well score higher: that is the overlap which a
    purge is for. A finding is one at the run's own purge.
    """
    suspect, name = retraining.suspect, "purge profile"
    if suspect.fold.by_rows:
        why = "the parts are rows of the same eras, at no distance"
        return result_of(name, why, [_too_near(suspect, 0, suspect.part.eras[0])])
    findings = _of_own_purge(suspect)
    profile, untested = _profile(retraining)
    if not suspect.is_full:
        untested.append(f"trainings on more than {FAST_TRAIN_ERAS} eras (--full)")
    return result_of(name, profile or "own purge only", findings, untested)


def _of_own_purge(suspect: Suspect) -> list[Finding]:
    """Look at the distance of the scored eras, and whether the nearest score higher."""
    known = [part for name, part in parts_of(suspect).items() if name != suspect.on]
    seen = Part(tuple(sorted({era for part in known for era in part.eras})))
    distance, era, _ = apart(suspect.part, seen)
    findings = []
    if distance <= suspect.needed_purge:
        findings.append(_too_near(suspect, distance, era))
    horizon = columns.horizon_eras(suspect.target)
    scores = corr_of(suspect.out_of_sample, suspect.target)
    near, far, excess = _near_and_far(scores, era, horizon)
    if excess > _CLEARLY:
        findings.append(
            Finding(
                f"the {horizon} eras from {era:04d} on, next to the training, have a "
                f"mean CORR of {near:.4f}, later ones {far:.4f}: {excess:.1f} standard "
                "deviations more. The purge is too short for these targets.",
                file=str(suspect.run.folder / "config.toml"),
                column=suspect.target,
                era=era,
                value=excess,
            )
        )
    return findings


def _too_near(suspect: Suspect, distance: int, era: int) -> Finding:
    return Finding(
        f"the scored era {era:04d} is {distance} eras from what the run learned from "
        f"or was chosen on, but its targets overlap up to {suspect.needed_purge}. "
        "Train without --allow-leak.",
        file=str(suspect.run.folder / "config.toml"),
        era=era,
        value=float(distance),
    )


def _near_and_far(
    scores: Scores, first: int, horizon: int
) -> tuple[float, float, float]:
    """Return the mean CORR of the nearest eras, of later ones, and how far apart.

    The last is in standard deviations of the later eras: the nearest ones overlap, so
    they count as one. All are NaN if there are too few eras.
    """
    is_near = scores.eras < first + horizon
    near, far = (
        values[~np.isnan(values)]
        for values in (scores.values[is_near], scores.values[~is_near])
    )
    if len(near) == 0 or len(far) < _LEAST_HORIZONS * horizon or far.std() == 0:
        return math.nan, math.nan, math.nan
    excess = (near.mean() - far.mean()) / far.std()
    return float(near.mean()), float(far.mean()), float(excess)


def _profile(retraining: Retraining) -> tuple[str, list[str]]:
    """Train up to three distances before the scored eras, each on as many eras."""
    suspect = retraining.suspect
    horizon = columns.horizon_eras(suspect.target)
    tested = suspect.part.eras
    if not suspect.is_full:
        tested = tested[:FAST_TEST_ERAS]
    before = [era for era in suspect.shards.eras() if era < tested[0]]
    purges = (0, horizon, 2 * horizon)
    learned = {purge: [e for e in before if e < tested[0] - purge] for purge in purges}
    n_eras = len(learned[purges[-1]])
    if not suspect.is_full:
        n_eras = min(n_eras, FAST_TRAIN_ERAS)
    if n_eras < 2 or len(tested) < 2 * horizon:
        return "", ["the profile: there are too few eras before and after the purge"]
    copied = {era for eras in learned.values() for era in eras[-n_eras:]}
    shards = retraining.copy("profile", (*copied, *tested))
    found = []
    for purge, eras in learned.items():
        fold = Fold(tuple(eras[-n_eras:]), (), tested, purge)
        run = retraining.train(shards, fold)
        scored = predict_part(run, shards, Part(tested), (suspect.target,), SILENT)
        scores = corr_of(scored, suspect.target)
        found.append(f"purge {purge}: {_line(scores, tested, horizon)}")
    return f"CORR near/far {', '.join(found)}", []


def _line(scores: Scores, tested: Sequence[int], horizon: int) -> str:
    near = scores.values[scores.eras < tested[0] + horizon]
    far = scores.values[scores.eras >= tested[0] + horizon]
    if not len(near) or not len(far):
        return "–"
    return f"{np.nanmean(near):.3f}/{np.nanmean(far):.3f}"
