"""One HTML file that shows a report and asks nobody for anything."""

import base64
import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from numerai_pipeline.core import write_text
from numerai_pipeline.reports.inputs import Report
from numerai_pipeline.reports.interactive import Canvas
from numerai_pipeline.reports.markup import Html, json_script, tag
from numerai_pipeline.reports.sections import (
    curves,
    eras,
    features,
    folds,
    others,
    payout,
    scores,
    training,
    verdicts,
)
from numerai_pipeline.reports.words import counted_eras

_HERE = Path(__file__).parent


class Section(NamedTuple):
    """A part of the page.

    Attributes:
        anchor: its id.
        title: its heading.
        body: makes its content.
    """

    anchor: str
    title: str
    body: Callable[[Report, Canvas], Html]


SECTIONS = (
    Section("verdict", "Verdict", verdicts.verdict_section),
    Section("scores", "Scores", scores.score_table),
    Section("cumulative", "Cumulative CORR", curves.cumulative),
    Section("contribution", "MMC and BMC", curves.contributions),
    Section(
        "difference", "Difference to the benchmark", curves.difference_to_benchmark
    ),
    Section("eras", "Era by era", eras.per_era),
    Section("drawdown", "Drawdown", eras.drawdown),
    Section("distribution", "Distribution and autocorrelation", eras.distribution),
    Section("years", "By year", eras.by_year),
    Section("folds", "By fold and distance from training", folds.by_fold),
    Section("exposure", "Exposure to features", features.exposures),
    Section("neutralization", "Proportion of neutralization", features.sweep),
    Section("similarity", "Similarity to other models", others.similarity),
    Section("training", "Training curves", training.training_curves),
    Section("payout", "Payout", payout.payout),
    Section("models", "The models beside each other", others.several),
    Section("provenance", "Provenance", training.provenance),
)


def write_report(report: Report, path: Path) -> None:
    """Write a report as one HTML file, whole.

    Args:
        report: what it shows.
        path: the file.
    """
    write_text(path, render(report))


def render(report: Report) -> str:
    """Return the page: it needs no network, and no script to be read."""
    canvas = Canvas()
    sections = [_section(section, report, canvas) for section in SECTIONS]
    body = tag(
        "body",
        _contents(),
        tag("main", _head(report), *sections),
        json_script("report-data", report.numbers),
        json_script("plots", canvas.data),
        *(tag("script", Html(script)) for script in _scripts()),
    )
    page = tag("html", _html_head(report), body, lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def _section(section: Section, report: Report, canvas: Canvas) -> Html:
    heading = tag("h2", tag("a", section.title, href=f"#{section.anchor}"))
    return tag("section", heading, section.body(report, canvas), id=section.anchor)


def _contents() -> Html:
    links = (tag("li", tag("a", one.title, href=f"#{one.anchor}")) for one in SECTIONS)
    return tag(
        "nav",
        tag("details", tag("summary", "Contents"), tag("ol", *links), open="open"),
        aria_label="Contents",
    )


def _head(report: Report) -> Html:
    first = report.models[0].evaluation
    scored = first.rows[0].scores.eras
    reach = f" ({scored[0]:04d} to {scored[-1]:04d})" if len(scored) else ""
    about = (
        f"{counted_eras(first.n_eras)}{reach}",
        f"{first.on}",
        f"scored by {first.target}",
        f"{report.made:%Y-%m-%d}",
    )
    return tag(
        "header",
        tag("h1", report.names),
        tag("p", " · ".join(about), class_="about"),
        tag("button", "light / dark", type="button", id="theme", hidden="hidden"),
    )


def _html_head(report: Report) -> Html:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"Report: {report.names}"),
        tag("style", Html(_style())),
    )


def _policy() -> str:
    """Allow the page's own scripts and styles by their hashes, and nothing else."""
    scripts = " ".join(map(_hash, _scripts()))
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_hash(_style())}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


@cache
def _style() -> str:
    return "\n".join(map(_read, ("vendor/uPlot.min.css", "assets/report.css")))


@cache
def _scripts() -> tuple[str, ...]:
    return tuple(map(_read, ("vendor/uPlot.iife.min.js", "assets/report.js")))


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")
