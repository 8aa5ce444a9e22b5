"""The page in a browser without network: it fits, it is quiet, it works."""

from pathlib import Path

import pytest
from headless import Browser, headless
from made_report import made_report

from numerai_pipeline.reports import write_report

ROOT = "document.documentElement"
SIZES = f"[{ROOT}.scrollWidth, {ROOT}.clientWidth]"
LIVE = "document.querySelectorAll('figure.live').length"
WANTED = "document.querySelectorAll('figure[data-plot]').length"
# What stands beyond the right edge, also inside of something that scrolls.
BEYOND = """[...document.querySelectorAll('main *')].filter(
    (each) => each.getBoundingClientRect().right >
        document.documentElement.clientWidth + 1
).length"""

FIRST = "document.querySelector('figure.live')"


def check(browser: Browser, page: Path, width: int, theme: str) -> None:
    browser.open(page, width=width, theme=theme)
    needed, given = browser.evaluate(SIZES)
    assert needed == given <= width
    assert browser.evaluate(BEYOND) == 0
    assert browser.evaluate(LIVE) == browser.evaluate(WANTED) > 10
    requests = browser.named("Network.requestWillBeSent")
    assert [each["request"]["url"] for each in requests] == [page.as_uri()]
    noise = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
    assert browser.named(*noise) == []


@pytest.mark.slow
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    write_report(made_report(("mlp", "a_model_with_a_rather_long_name")), page)
    with headless(tmp_path / "profile") as browser:
        check(browser, page, 1_280, "light")
        light = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        legend = browser.evaluate("document.querySelector('.u-legend').innerText")
        assert "mlp" in legend
        browser.evaluate(f"{FIRST}.live.setScale('x', {{min: 300, max: 350}})")
        low, high = (
            browser.evaluate(f"{FIRST}.live.scales.y.{end}") for end in ("min", "max")
        )
        assert 0 < low < high < 8
        browser.evaluate(f"{FIRST}.querySelectorAll('.u-series th')[1].click()")
        assert browser.evaluate(f"{FIRST}.live.series[1].show") is False
        check(browser, page, 390, "dark")
        dark = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        assert light == "rgb(255, 255, 255)" != dark
        browser.open(page, width=390, theme="light", script=False)
        metrics = browser.call("Page.getLayoutMetrics")["cssContentSize"]
        assert metrics["width"] == 390
        assert browser.named("Log.entryAdded") == []
