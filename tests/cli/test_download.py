"""`nai download`: what it lists, and what a refused release leaves behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from numerai_pipeline.api import Project
from numerai_pipeline.cli import run
from numerai_simulator import RunningSimulator


@pytest.fixture
def download(
    tmp_path: Path, simulator: RunningSimulator, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Any]:
    """Run `nai download` in a new workspace; gives its code and what is printed."""
    Project(tmp_path).init(simulation=simulator.url)

    def call(*words: str) -> tuple[int, str, str]:
        code = run(["download", *words, "-q", "-w", str(tmp_path)])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("[!.]*"))


@pytest.mark.parametrize("words", [(), ("--live",)])
def test_a_release_that_does_not_exist_leaves_no_folder(
    download: Any, tmp_path: Path, words: tuple[str, ...]
) -> None:
    code, _, error = download("--version", "9.9", *words)
    assert code == 4
    assert "'9.9/" in error
    assert visible(tmp_path / "data") == []
    assert list(tmp_path.glob("rounds/[!.]*")) == []


def test_list_names_releases_and_files(download: Any, tmp_path: Path) -> None:
    code, out, _ = download("--list", "--json")
    files = [(file["release"], file["file"]) for file in json.loads(out)]
    assert code == 0
    assert ("v5.3", "train.parquet") in files
    assert len({release for release, _ in files}) > 1
    assert files == sorted(files)
    code, out, _ = download("--list", "--version", "v5.3")
    assert code == 0
    assert "validation_benchmark_models.parquet" in out
    assert "v5.2" not in out
    assert visible(tmp_path) == ["numerai.toml"]


def test_an_unknown_release_is_not_listed(download: Any) -> None:
    code, _, error = download("--list", "--version", "v5.33")
    assert code == 4
    assert "has no release 'v5.33'. Did you mean 'v5.3'?" in error


def test_listing_and_fetching_exclude_each_other(download: Any) -> None:
    code, _, error = download("--list", "--train")
    assert code == 2
    assert "--list fetches nothing." in error
