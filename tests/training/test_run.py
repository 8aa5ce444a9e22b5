import json
import shutil

import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.training import Run, latest_run


@pytest.fixture
def run(trained, tmp_path):
    _, run = trained("lightgbm")
    return Run.open(shutil.copytree(run.folder, tmp_path / "lightgbm/runs/the_run"))


def test_a_run_reads_back_as_it_was_returned(run):
    assert Run.open(run.folder) == run
    assert run.is_done
    assert run.best().path == run.folder / "checkpoints/best.txt"


def flip(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


BROKEN = {
    "empty": lambda _: b"",
    "cut by a byte": lambda content: content[:-1],
    "cut in half": lambda content: content[: len(content) // 2],
    "a bit flipped": flip,
    "foreign": lambda _: b"<html>maintenance</html>",
}


def read_all(folder):
    run = Run.open(folder)
    run.history()
    run.best()
    run.predictor()


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize(
    "file", ["config.toml", "features.json", "history.csv", "checkpoints/best.txt"]
)
def test_a_broken_file_of_a_finished_run_is_named(run, file, how):
    path = run.folder / file
    path.write_bytes(BROKEN[how](path.read_bytes()))
    with pytest.raises(DataError) as caught:
        read_all(run.folder)
    assert str(caught.value) == (
        f"{path} of a run is broken or changed: its checksum is not the one in DONE. "
        f"Run `nai train --restart lightgbm`, or delete {run.folder} and train again."
    )


@pytest.mark.parametrize("how", ["empty", "cut in half", "foreign"])
def test_a_broken_done_is_named(run, how):
    path = run.folder / "DONE"
    path.write_bytes(BROKEN[how](path.read_bytes()))
    for reading in (
        lambda: read_all(run.folder),
        lambda: latest_run(run.folder.parent),
    ):
        with pytest.raises(DataError, match=r"DONE is not valid JSON .* or delete "):
            reading()


@pytest.mark.parametrize("sha256", ["", None, 7, ["config.toml"]])
def test_a_done_without_checksums_is_named(run, sha256):
    path = run.folder / "DONE"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": sha256}))
    for reading in (
        lambda: read_all(run.folder),
        lambda: latest_run(run.folder.parent),
    ):
        with pytest.raises(DataError, match=r"DONE of a run is broken .* no checksums"):
            reading()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.toml", ""),
        ("config.toml", "[recipe"),
        ("config.toml", "[recipe]\nfamily = 3\n"),
        ("features.json", "{"),
        ("features.json", "[]"),
        ("features.json", '{"features": ["a"], "target": "target"}'),
    ],
)
def test_a_broken_file_of_an_unfinished_run_is_named(run, file, content):
    (run.folder / "DONE").unlink()
    (run.folder / file).write_text(content)
    with pytest.raises(DataError, match=f"{file} .* or delete ") as caught:
        Run.open(run.folder)
    assert str(caught.value).count("delete") == 1


@pytest.mark.parametrize("file", ["history.csv", "checkpoints/best.txt"])
def test_a_lost_file_of_a_finished_run_is_named(run, file):
    (run.folder / file).unlink()
    for reading in (read_all, lambda folder: Run.open(folder).best()):
        with pytest.raises(DataError, match="broken or changed: it does not exist"):
            reading(run.folder)


@pytest.mark.parametrize("file", ["config.toml", "features.json"])
def test_a_folder_without_its_files_is_no_run(run, file):
    (run.folder / file).unlink()
    with pytest.raises(DataError, match=f"{file} does not exist, so .* is not a whole"):
        Run.open(run.folder)


def test_an_unfinished_run_opens_but_has_no_best_yet(run):
    (run.folder / "DONE").unlink()
    unfinished = Run.open(run.folder)
    assert not unfinished.is_done
    assert unfinished.history()
    for reading in (unfinished.best, unfinished.predictor):
        with pytest.raises(DataError) as caught:
            reading()
        assert str(caught.value) == (
            f"the run {run.folder} is not finished. Run `nai train lightgbm` to "
            "resume it."
        )
    with pytest.raises(DataError) as caught:
        latest_run(run.folder.parent)
    assert str(caught.value) == (
        f"no run in {run.folder.parent} is finished. Run `nai train lightgbm` to "
        "resume the one that was started."
    )


def test_no_run_at_all_says_what_to_do(tmp_path):
    runs = tmp_path / "mlp/runs"
    with pytest.raises(DataError) as caught:
        latest_run(runs)
    assert str(caught.value) == (
        f"'mlp' has no run in {runs}. Run `nai train mlp` first."
    )


def test_a_run_can_be_moved(run, tmp_path):
    best = run.best()
    moved = tmp_path / "elsewhere"
    shutil.move(run.folder, moved)
    assert Run.open(moved).best().epoch == best.epoch
    assert json.loads((moved / "DONE").read_text())["asked"] == "2026-11-24T12:00:00Z"
