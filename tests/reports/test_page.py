"""The page: whole, in order, for eyes and programs, and safe from what names hold."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from made_report import made_leaks, made_report

from numerai_pipeline.reports import SECTIONS, Report, render
from numerai_pipeline.scoring import Scores

HOSTILE = "<img src=x onerror=\"alert('1')\">&amp;\x00</script><!--"


@pytest.fixture(scope="module")
def report() -> Report:
    return made_report(n_benchmarks=30)


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return render(report)


def tree_of(page: str) -> ElementTree.Element:
    """Parse a page as XML, which no element left open survives."""
    without = re.sub(r"(<(script|style)\b[^>]*>).*?(</\2>)", r"\1\3", page, flags=re.S)
    return ElementTree.fromstring(without.removeprefix("<!DOCTYPE html>\n"))  # noqa: S314 - made here


def data_of(page: str, identity: str) -> Any:
    """Return the JSON of a script, as a browser finds its end."""
    [content] = re.findall(rf'<script[^>]* id="{identity}">(.*?)</script', page, re.S)
    return json.loads(content)


def words_of(element: ElementTree.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_the_page_is_well_formed_and_in_order(page: str) -> None:
    tree = tree_of(page)
    sections = [each.get("id") for each in tree.iter("section")]
    assert sections == [each.anchor for each in SECTIONS]
    links = [each.get("href") for each in tree.iter("a")]
    assert set(links) == {f"#{anchor}" for anchor in sections}
    pictures = [each for each in tree.iter("figure") if each.get("data-plot")]
    assert len(pictures) >= 15
    for picture in pictures:
        paths = [each.get("d") for each in picture.iter("path")]
        assert paths
        assert all(re.fullmatch(r"[MmLlHhVvz0-9. -]+", path) for path in paths)


def test_it_refers_to_nothing_outside(page: str) -> None:
    for element in tree_of(page).iter():
        for name, value in element.attrib.items():
            if name in ("href", "src", "xlink:href", "action", "data", "srcset"):
                assert value.startswith("#"), (element.tag, name, value)
    style = re.search(r"<style>(.*?)</style>", page, re.S)
    assert style is not None
    assert not re.search(r"url\(|@import", style[1])


def test_scripts_and_styles_run_by_their_hashes_alone(page: str) -> None:
    metas = list(tree_of(page).iter("meta"))
    [policy] = [
        each.get("content", "")
        for each in metas
        if each.get("http-equiv") == "Content-Security-Policy"
    ]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert policy.count("'sha256-") == 3


def test_the_numbers_are_those_of_the_scores(report: Report, page: str) -> None:
    assert data_of(page, "report-data") == json.loads(json.dumps(report.numbers))
    shown = words_of(tree_of(page))
    for model in report.models:
        for metric in ("CORR", "MMC", "FNC", "payout"):
            mean = model.evaluation.row(metric).summary.mean
            assert f"{mean:.4f}" in shown


def test_the_script_gets_the_arrays_as_they_are(report: Report, page: str) -> None:
    data = data_of(page, "plots")
    arrays = [np.frombuffer(base64.b64decode(text), "<f4") for text in data["arrays"]]
    first = data["plots"][0]
    scores = report.models[0].corr.scores
    np.testing.assert_array_equal(arrays[first["x"]], scores.eras)
    own = arrays[first["series"][0]["y"]]
    np.testing.assert_allclose(own, scores.values.cumsum(), rtol=1e-6)
    assert len(set(data["arrays"])) == len(data["arrays"])


def test_it_stays_small(page: str) -> None:
    assert len(page.encode()) < 4_000_000
    few = made_report(n_eras=60, n_folds=2, n_benchmarks=12)
    assert len(render(few).encode()) < 500_000


def test_the_verdict_says_what_the_intervals_allow(report: Report, page: str) -> None:
    [verdict] = [
        each for each in tree_of(page).iter("section") if each.get("id") == "verdict"
    ]
    words = words_of(verdict)
    first = report.models[0].corr.summary
    assert f"mlp: CORR {first.mean:.4f} (95 % interval {first.low:.4f} to" in words
    assert "620 backtest eras, clearly above zero;" in words
    assert "not distinguishable from v53_lgbm_ender20" in words
    assert "clearly worse than v53_lgbm_ender20" in words
    assert "Fast leak check: 1 passed" in words
    assert "one of 3 runs, 1 scored" in words


def test_warnings_come_before_the_verdict() -> None:
    found = made_leaks(Path("elsewhere"), "The column target leaks.")
    report = made_report(n_eras=40, n_folds=1, leaks=found, n_openings=2)
    page = render(report)
    order = [
        page.index(text)
        for text in ("The column target leaks.", "opened 2 times", "clearly above zero")
    ]
    assert order == sorted(order)
    assert "Fast leak check: 1 failed" in page
    assert "of the run elsewhere" in page


def test_names_are_text() -> None:
    page = render(made_report((HOSTILE, "b"), n_eras=60, n_folds=2))
    shown = words_of(tree_of(page))
    assert "<img src=x onerror=\"alert('1')\">&amp;\\x00</script><!--" in shown
    assert "<img" not in page
    assert page.count("<script") == page.count("</script>") == 4
    assert HOSTILE in data_of(page, "report-data")


def test_what_is_missing_is_said_with_the_command_that_adds_it() -> None:
    whole = made_report(("mlp",), n_eras=20, n_folds=1, curves=(), groups={})
    [model] = whole.models
    rows = model.evaluation.rows[:1]
    evaluation = replace(
        model.evaluation, rows=rows, coverage=(), benchmark="", features=None
    )
    bare = replace(model, evaluation=evaluation, leaks=None, trials=None)
    tree = tree_of(render(replace(whole, models=(bare,), comparison=None)))
    said = {
        section.get("id"): words_of(each)
        for section in tree.iter("section")
        for each in section.iter("p")
        if each.get("class") == "missing"
    }
    assert said.keys() == {
        "contribution",
        "difference",
        "exposure",
        "neutralization",
        "similarity",
        "training",
        "payout",
        "models",
    }
    assert all(re.search(r"Add it: nai [a-z]+", words) for words in said.values())
    assert "nai leak-check mlp" in words_of(tree)


def test_a_run_is_shown_on_the_eras_that_were_scored() -> None:
    whole = made_report(("mlp",), n_eras=40, n_folds=1)
    [model] = whole.models
    [fold] = model.evaluation.folds
    choosing = replace(fold, validation=fold.test, test=())
    evaluation = replace(model.evaluation, on="validation", folds=(choosing,))
    page = render(replace(whole, models=(replace(model, evaluation=evaluation),)))
    words = words_of(tree_of(page))
    assert "The epoch was chosen on these eras, so the scores are high." in words
    assert "1: 0157–0196" in words
    # The nearest era that it learned from is 0120, so none is nearer than 37.
    assert re.search(r"27 to 52 ?0\.\d{4}", words)
    assert "1 to 13" not in words


def test_eras_without_any_score_make_a_page_too() -> None:
    whole = made_report(("mlp",), n_eras=40, n_folds=1)
    [model] = whole.models
    own = model.corr
    nothing = replace(own, scores=Scores(own.scores.eras, np.full(40, np.nan)))
    evaluation = replace(model.evaluation, rows=(nothing, *model.evaluation.rows[1:]))
    page = render(replace(whole, models=(replace(model, evaluation=evaluation),)))
    assert "has no score on any of the 40 backtest eras" in words_of(tree_of(page))
    assert "NaN" not in re.sub(r"<script>.*?</script>", "", page, flags=re.S)
