import errno
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    atomic_folder,
    atomic_path,
    digest_of,
    leftovers_of,
    locked,
    read_json,
    sha256_of,
    write_json,
    write_text,
)


def test_a_file_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "a.bin"
    with atomic_path(path) as partial:
        partial.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.bin"]


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def fail_half_way() -> None:
        with atomic_path(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    code = f"""
        import os
        from pathlib import Path
        from numerai_pipeline.core import atomic_path
        with atomic_path(Path({str(path)!r})) as partial:
            partial.write_text("half")
            os.kill(os.getpid(), 9)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert ended.returncode == -9
    assert path.read_text() == "old"


def test_a_folder_replaces_the_old_one(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    for content in ("one", "two"):
        with atomic_folder(folder) as partial:
            (partial / content).write_text(content)
    assert [entry.name for entry in folder.iterdir()] == ["two"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["shards"]


def test_leftovers_of_a_killed_folder_writer_are_swept(tmp_path: Path) -> None:
    leftover = tmp_path / ".shards.0a0a0a0a.partial"
    leftover.mkdir()
    with atomic_folder(tmp_path / "shards") as partial:
        (partial / "x").write_text("x")
    assert not leftover.exists()


def write_and_raise(folder: Path, key: str, error: type[BaseException]) -> None:
    with atomic_folder(folder, key=key) as partial:
        (partial / "a").write_text("a")
        raise error


def test_a_keyed_folder_is_handed_on_after_an_interrupt(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    with pytest.raises(KeyboardInterrupt):
        write_and_raise(folder, "k1", KeyboardInterrupt)
    with atomic_folder(folder, key="k1") as partial:
        assert (partial / "a").read_text() == "a"
    assert (folder / "a").exists()
    assert leftovers_of(folder) == []


def test_another_key_and_an_error_leave_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    with pytest.raises(KeyboardInterrupt):
        write_and_raise(folder, "k1", KeyboardInterrupt)
    with atomic_folder(folder, key="k2") as partial:
        assert not list(partial.iterdir())
    with pytest.raises(ValueError, match=r"^$"):
        write_and_raise(folder, "k1", ValueError)
    assert leftovers_of(folder) == []


def test_a_folder_with_a_longer_name_is_another_one(tmp_path: Path) -> None:
    other = tmp_path / ".main.b.0a0a0a0a.partial"
    other.mkdir()
    with atomic_folder(tmp_path / "main"):
        pass
    assert other.exists()
    assert leftovers_of(tmp_path / "main.b") == [other]


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    with atomic_folder(folder) as partial:
        (partial / "a").write_text("old")
    folder.rename(tmp_path / ".shards.old.partial")
    with pytest.raises(OSError, match="full"), atomic_folder(folder):
        raise OSError("full")
    assert (folder / "a").read_text() == "old"


def test_a_folder_is_held_by_one_process(tmp_path: Path) -> None:
    code = f"""
        from pathlib import Path
        from numerai_pipeline.core import locked
        with locked(Path({str(tmp_path / "s")!r}), doing="writing shards"):
            print("held", flush=True)
            input()
    """
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(ConfigError, match=r"another process is training in .*rerun"),
            locked(tmp_path / "s", doing="training"),
        ):
            pass
        waited = []

        def release(sentence: str) -> None:
            waited.append(sentence)
            holder.communicate("\n", timeout=120)

        with locked(tmp_path / "s", doing="training", on_wait=release):
            assert "another process is training in" in waited[0]
    with locked(tmp_path / "s", doing="training"):
        pass


def test_checksums(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert sha256_of(path).startswith("ba7816bf8f01cfea")
    assert digest_of({"a": [1, 2]}) != digest_of({"a": [2, 1]})


def test_json_round_trip_and_broken_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1}
    assert json.loads(path.read_text()) == {"a": 1}
    path.write_text('{"a":')
    with pytest.raises(DataError, match=r"a\.json is not valid JSON .*create it again"):
        read_json(path)
    with pytest.raises(DataError, match=r"nothing\.json does not exist"):
        read_json(tmp_path / "nothing.json")


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_written_file_is_readable_as_others_are(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "x")
    (tmp_path / "b").write_text("x")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("writer", [atomic_path, atomic_folder])
def test_an_error_of_the_disk_names_what_was_written(tmp_path, writer):
    """Writing into an open file raises one that names nothing."""
    with (
        pytest.raises(OSError, match="sub/a") as caught,
        writer(tmp_path / "sub" / "a"),
    ):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "sub" / "a")


def test_a_broken_json_file_is_told_with_the_remedy(tmp_path):
    (tmp_path / "a.json").write_text("{")
    for name, what in (("a", "is not valid JSON"), ("b", "does not exist")):
        with pytest.raises(DataError, match=rf"{name}\.json {what}.* Do this\.$"):
            read_json(tmp_path / f"{name}.json", remedy="Do this.")
