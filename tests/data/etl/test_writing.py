"""A run that is stopped at any moment, and the one that goes on from there."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from child import run_python
from recorded_progress import RecordedProgress

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.data import EtlOptions, ShardManifest, build_shards

OPTIONS = EtlOptions(rows_per_shard=20, purge=2)


def stopping(after: int, error: type[BaseException]) -> RecordedProgress:
    """Return progress that ends the second pass after so many rows."""
    return RecordedProgress(at_step=after, of="packing", error=error)


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def beside(folder: Path) -> list[str]:
    return [path.name for path in folder.parent.iterdir() if path.suffix == ".partial"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "shards" / "main"


@pytest.fixture
def expected(release: Any, tmp_path: Path) -> dict[str, bytes]:
    build_shards(release.folder, tmp_path / "expected", OPTIONS)
    return content_of(tmp_path / "expected")


@pytest.mark.parametrize("options", [{}, {"split": 0.3, "split_by": "rows"}])
def test_an_interrupted_run_resumes_where_it_was(
    release: Any, folder: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    chosen = EtlOptions(rows_per_shard=20, **options)
    build_shards(release.folder, tmp_path / "expected", chosen)
    stopped = stopping(100, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        build_shards(release.folder, folder, chosen, progress=stopped)
    assert not folder.exists()
    assert len(beside(folder)) == 1
    again = RecordedProgress()
    build_shards(release.folder, folder, chosen, progress=again)
    assert content_of(folder) == content_of(tmp_path / "expected")
    assert beside(folder) == []
    assert any(
        note.startswith("Resuming a run that was stopped") for note in again.notes
    )
    whole = RecordedProgress()
    build_shards(release.folder, folder, chosen, force=True, progress=whole)
    assert again.done("packing") < whole.done("packing")


def stop(release: Any, folder: Path) -> Path:
    with pytest.raises(KeyboardInterrupt):
        build_shards(
            release.folder, folder, OPTIONS, progress=stopping(100, KeyboardInterrupt)
        )
    return folder.parent / beside(folder)[0]


@pytest.mark.parametrize("damage", ["cut journal", "flipped", "gone", "no journal"])
def test_what_is_damaged_is_written_again(
    release: Any, folder: Path, expected: dict[str, bytes], damage: str
) -> None:
    partial = stop(release, folder)
    journal = partial / "journal.jsonl"
    shard = partial / "train_0001.tfr"
    if damage == "cut journal":
        journal.write_bytes(journal.read_bytes()[:-20])
    elif damage == "flipped":
        content = bytearray(shard.read_bytes())
        content[40] ^= 1
        shard.write_bytes(bytes(content))
    elif damage == "gone":
        shard.unlink()
    else:
        journal.unlink()
    build_shards(release.folder, folder, OPTIONS)
    assert content_of(folder) == expected


def test_a_run_with_other_options_starts_over_and_says_why(
    release: Any, folder: Path, expected: dict[str, bytes]
) -> None:
    with pytest.raises(KeyboardInterrupt):
        build_shards(
            release.folder,
            folder,
            EtlOptions(rows_per_shard=20, purge=3),
            progress=stopping(100, KeyboardInterrupt),
        )
    progress = RecordedProgress()
    build_shards(release.folder, folder, OPTIONS, progress=progress)
    given_up = "Discarding an unfinished run, since purge was 3 and is 2."
    assert given_up in progress.notes
    assert content_of(folder) == expected
    assert beside(folder) == []


def test_a_run_that_is_refused_gives_nothing_up(release: Any, folder: Path) -> None:
    partial = stop(release, folder)
    with pytest.raises(ConfigError):
        build_shards(release.folder, folder, EtlOptions(purge=400))
    assert partial.exists()


def test_a_full_disk_keeps_what_is_whole(
    release: Any, folder: Path, expected: dict[str, bytes]
) -> None:
    with pytest.raises(OSError, match=r"^$"):
        build_shards(release.folder, folder, OPTIONS, progress=stopping(100, OSError))
    (partial,) = beside(folder)
    names = {path.name for path in (folder.parent / partial).glob("*.tfr")}
    journal = (folder.parent / partial / "journal.jsonl").read_text().splitlines()
    assert names == {json.loads(line)["shard"]["name"] for line in journal}
    build_shards(release.folder, folder, OPTIONS)
    assert content_of(folder) == expected


def test_an_error_leaves_nothing(release: Any, folder: Path) -> None:
    with pytest.raises(DataError):
        build_shards(release.folder, folder, OPTIONS, progress=stopping(100, DataError))
    assert beside(folder) == []


def test_a_run_that_was_killed_before_the_last_rename_is_finished(
    release: Any, folder: Path, expected: dict[str, bytes]
) -> None:
    key = build_shards(release.folder, folder, OPTIONS).fingerprint[:16]
    folder.rename(folder.with_name(f".main.{key}.partial"))
    nothing = stopping(0, AssertionError)  # nothing is packed again
    build_shards(release.folder, folder, OPTIONS, progress=nothing)
    assert content_of(folder) == expected


def test_old_shards_come_back_after_a_kill_between_the_renames(
    release: Any, folder: Path
) -> None:
    build_shards(release.folder, folder, OPTIONS)
    before = content_of(folder)
    folder.rename(folder.with_name(".main.old.partial"))
    with pytest.raises(ConfigError):
        build_shards(release.folder, folder, EtlOptions(purge=400))
    assert content_of(folder) == before
    assert beside(folder) == []


def test_a_link_is_followed_not_replaced(
    release: Any, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    for options in (EtlOptions(), OPTIONS):
        build_shards(release.folder, link, options)
    assert link.is_symlink()
    assert content_of(real) == expected


@pytest.mark.parametrize("content", [{"train_0000.tfr": "precious"}, {"x.tfr/y": "z"}])
def test_what_only_looks_like_shards_is_not_replaced(
    release: Any, folder: Path, content: dict[str, str]
) -> None:
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with pytest.raises(ConfigError, match="would be replaced by shards"):
        build_shards(release.folder, folder, OPTIONS)
    assert {name: (folder / name).read_text() for name in content} == content


def test_a_source_that_changes_meanwhile_is_noticed(
    release: Any, folder: Path, tmp_path: Path
) -> None:
    path = release.folder / "train.parquet"

    def replace(note: str) -> None:
        if " on disk (" in note:
            shutil.copyfile(path, tmp_path / "other")
            (tmp_path / "other").replace(path)

    progress = RecordedProgress(on_note=replace)
    with pytest.raises(DataError, match=r"train\.parquet was changed while"):
        build_shards(release.folder, folder, OPTIONS, progress=progress)
    assert beside(folder) == []


def test_the_manifest_notices_an_edit(release: Any, folder: Path) -> None:
    build_shards(release.folder, folder, OPTIONS)
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    content["dropped"]["rows_without_target"] += 1
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="its own checksum does not match"):
        ShardManifest.load(folder)


# A step is whatever Python reports of the files of the shards: opened, renamed, made,
# deleted. Every process that builds is killed at the next one, until none is left.
KILLS = """
    import hashlib, multiprocessing, os, signal, sys
    from pathlib import Path
    import filelock, pandas, psutil, pyarrow.parquet  # once, not in every process
    from numerai_pipeline.data import EtlOptions, build_shards
    from recorded_progress import RecordedProgress

    data, shards = Path(sys.argv[1]), Path(sys.argv[2])
    options = EtlOptions(sources=("train",), rows_per_shard=80)
    fork = multiprocessing.get_context("fork")
    EVENTS = ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir")

    def build(name, kill_at, resumed):
        n_steps = 0

        def step(event, arguments):
            nonlocal n_steps
            if event in EVENTS and str(shards) in str(arguments[0]):
                n_steps += 1
                if n_steps == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(step)
        progress = RecordedProgress()
        build_shards(data, shards / name, options, progress=progress)
        resumed.value = any("Resuming" in note for note in progress.notes)

    def run(name, kill_at):
        resumed = fork.Value("b", False)
        process = fork.Process(target=build, args=(name, kill_at, resumed))
        process.start()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL), process.exitcode
        return process.exitcode == 0, bool(resumed.value)

    def digest(name):
        files = sorted((shards / name).iterdir())
        return [(f.name, hashlib.sha256(f.read_bytes()).hexdigest()) for f in files]

    run("whole", 0)
    n_resumed = kill_at = 0
    while True:
        kill_at += 1
        name = f"killed-{kill_at}"
        if run(name, kill_at)[0]:
            break
        # The whole shards are kept; the manifest comes when all are written.
        is_begun = any(
            path.stat().st_size and not path.with_name("manifest.json").exists()
            for path in shards.glob(f".{name}.*.partial/journal.jsonl")
        )
        is_done, is_resumed = run(name, 0)
        assert is_done and is_resumed == is_begun, (name, is_begun, is_resumed)
        n_resumed += is_resumed
        assert digest(name) == digest("whole"), name
        assert not list(shards.glob(f".{name}.*.partial"))
    print(kill_at - 1, n_resumed)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="a kill is a signal here")
def test_killed_at_any_step_it_ends_in_the_same_shards(
    tmp_path: Path, make_rows: Callable, write_rows: Callable, write_catalog: Callable
) -> None:
    rows = make_rows(dict.fromkeys(range(1, 21), 12), n_features=20)
    write_catalog(tmp_path, rows.features)
    write_rows(tmp_path / "train.parquet", rows, rows_per_group=60)
    printed = run_python(KILLS, tmp_path, tmp_path / "shards").stdout
    n_killed, n_resumed = map(int, printed.split())
    assert n_killed > 20, printed
    assert n_resumed > 5, printed
