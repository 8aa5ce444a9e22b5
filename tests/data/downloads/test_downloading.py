"""Downloads over real sockets: the right bytes or a clear error, never a wrong file."""

import errno
import hashlib
import io
import json
import os
import re
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from recorded_progress import RecordedProgress, Task

from numerai_pipeline.core import (
    ConfigError,
    DataError,
    SystemClock,
    TournamentBusy,
    TournamentRefused,
    locked,
)
from numerai_pipeline.data.downloads.downloading import download

TRAIN = "v5.3/train.parquet"
LIVE = "v5.3/live.parquet"


def parquet(seed: int, n_rows: int = 4_000) -> bytes:
    """A file of about 130 kB that does not compress, the same size for any seed."""
    noise = hashlib.shake_256(bytes([seed])).digest(n_rows * 32)
    column = [noise[i * 32 : i * 32 + 32] for i in range(n_rows)]
    eras = [f"{1 + i // 500:04d}" for i in range(n_rows)]
    table = pa.table({"era": eras, "noise": column})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="none", use_dictionary=["era"])
    return buffer.getvalue()


ONE, TWO = parquet(1), parquet(2)
FEATURES = b'{"feature_sets": {"all": ["feature_a"]}, "targets": ["target"]}'


@pytest.fixture
def root(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def fetch(tournament, clock, root):
    def fetch(name=TRAIN, **options):
        settings = {"timeout_seconds": 0.3, "deadline_seconds": 60, **options}
        (file,) = download(tournament, [name], root, clock=clock, **settings)
        return file

    return fetch


def manifest(folder):
    return json.loads((folder / "manifest.json").read_text())["files"]


def leftovers(folder):
    return sorted(path.name for path in folder.glob(".*.partial"))


def assert_right(root, content, name="train.parquet"):
    path = root / "v5.3" / name
    assert path.read_bytes() == content
    assert leftovers(path.parent) == []
    assert manifest(path.parent)[name]["sha256"] == hashlib.sha256(content).hexdigest()


def assert_nothing(root, name="train.parquet"):
    assert not (root / "v5.3" / name).exists()
    assert not (root / "v5.3" / "manifest.json").exists()


def test_a_file_arrives_with_its_record(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    file = fetch()
    assert_right(root, ONE)
    assert file.path == root / "v5.3" / "train.parquet"
    assert (file.filename, file.bytes, file.was_current) == (TRAIN, len(ONE), False)
    assert (file.rows, file.eras) == (4_000, 8)
    assert manifest(root / "v5.3")["train.parquet"] == {
        "filename": TRAIN,
        "round_number": None,
        "size": len(ONE),
        "sha256": file.sha256,
        "etag": '"one"',
        "rows": 4_000,
        "eras": 8,
        "fetched_at": "2026-11-24T12:05:00Z",
        "modified_ns": file.path.stat().st_mtime_ns,
    }


def test_several_files_share_a_manifest(tournament, scripted_server, clock, root):
    scripted_server.serve(TRAIN, ONE)
    scripted_server.serve("v5.3/features.json", FEATURES)
    scripted_server.serve("v5.3/live_example_preds.csv", b"id,prediction\na,0.5\n")
    scripted_server.serve("v4.3/meta_model.parquet", TWO)
    names = [*scripted_server.files]
    files = download(tournament, names, root, clock=clock, timeout_seconds=1)
    assert [file.filename for file in files] == names
    assert [file.rows for file in files] == [4_000, None, 1, 4_000]
    assert sorted(manifest(root / "v5.3")) == [
        "features.json",
        "live_example_preds.csv",
        "train.parquet",
    ]
    assert sorted(manifest(root / "v4.3")) == ["meta_model.parquet"]


# What is current is not fetched.


@pytest.mark.parametrize("ignores_conditions", [False, True])
def test_a_current_file_is_left_alone(fetch, scripted_server, root, ignores_conditions):
    scripted_server.serve(TRAIN, ONE, ignores_conditions=ignores_conditions)
    first = fetch()
    modified = first.path.stat().st_mtime_ns
    second = fetch()
    assert second.was_current
    assert (second.sha256, second.rows, second.eras) == (first.sha256, 4_000, 8)
    assert first.path.stat().st_mtime_ns == modified
    assert_right(root, ONE)


def test_force_fetches_anew(fetch, scripted_server):
    scripted_server.serve(TRAIN, ONE)
    fetch()
    assert not fetch(force=True).was_current


def test_force_does_not_trust_what_was_left_behind(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    fetch(force=True)
    assert all("range" not in r.headers for r in scripted_server.asked("file"))
    assert_right(root, ONE)


def test_same_size_other_content_is_noticed(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    fetch()
    scripted_server.serve(TRAIN, TWO, etag='"two"')
    assert len(ONE) == len(TWO)
    assert not fetch().was_current
    assert_right(root, TWO)


def test_a_file_that_was_changed_on_disk_is_replaced(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    fetch().path.write_bytes(TWO)
    assert not fetch().was_current
    assert_right(root, ONE)


def test_a_file_that_was_only_touched_is_kept(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    path = fetch().path
    os.utime(path, (1, 1))
    assert fetch().was_current
    assert manifest(root / "v5.3")["train.parquet"]["modified_ns"] == 1_000_000_000


@pytest.mark.parametrize("text", [None, "{", '{"files": 3}', "[]"])
def test_a_file_that_no_manifest_knows_is_replaced(fetch, scripted_server, root, text):
    scripted_server.serve(TRAIN, ONE)
    path = root / "v5.3" / "train.parquet"
    path.parent.mkdir(parents=True)
    path.write_bytes(TWO)
    if text is not None:
        (path.parent / "manifest.json").write_text(text)
    assert not fetch().was_current
    assert_right(root, ONE)


def test_a_deleted_file_is_fetched_although_the_manifest_knows_it(
    fetch, scripted_server, root
):
    scripted_server.serve(TRAIN, ONE)
    fetch().path.unlink()
    assert not fetch().was_current
    assert_right(root, ONE)


def test_without_an_etag_nothing_proves_that_a_file_is_current(
    fetch, scripted_server, root
):
    scripted_server.serve(TRAIN, ONE, etag=None)
    fetch()
    assert not fetch().was_current
    assert_right(root, ONE)


# Live data of a round.


def test_live_data_of_a_round_goes_into_its_folder(fetch, scripted_server, tmp_path):
    scripted_server.serve(LIVE, ONE)
    folder = tmp_path / "rounds" / "1000"
    file = fetch(LIVE, into=folder, round_number=1000)
    assert file.path == folder / "live.parquet"
    assert file.path.read_bytes() == ONE
    assert manifest(folder)["live.parquet"]["round_number"] == 1000
    assert b'"round":1000' in scripted_server.asked("file_url")[0].body
    assert fetch(LIVE, into=folder, round_number=1000).was_current
    assert not fetch(LIVE, into=folder, round_number=1001).was_current


def test_yesterdays_partial_is_not_mixed_with_todays_data(
    fetch, scripted_server, tmp_path
):
    folder = tmp_path / "rounds"
    scripted_server.serve(LIVE, ONE)
    leave_partial(fetch, scripted_server, 70_000, LIVE, into=folder, round_number=999)
    scripted_server.serve(LIVE, TWO, etag='"two"')
    file = fetch(LIVE, into=folder, round_number=1000)
    assert file.path.read_bytes() == TWO
    assert leftovers(folder) == []


# Interrupted transfers.


def leave_partial(fetch, server, at, name=TRAIN, **options):
    """Let one try end after ``at`` bytes, as a killed process leaves it."""
    server.on("file", server.cut(at))
    with pytest.raises(TournamentBusy, match="could not be downloaded"):
        fetch(name, **{**options, "deadline_seconds": 1e-6})


def test_a_cut_transfer_goes_on_where_it_stopped(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    scripted_server.on("file", scripted_server.cut(70_000))
    fetch()
    assert_right(root, ONE)
    ranged = scripted_server.asked("file")[-1].headers
    assert (ranged["range"], ranged["if-range"]) == ("bytes=70000-", '"one"')


def test_a_later_call_goes_on_where_a_killed_one_stopped(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    (name,) = leftovers(root / "v5.3")
    assert re.fullmatch(r"\.train\.parquet\.latest-[0-9a-f]{8}\.partial", name)
    assert_nothing(root)
    fetch()
    assert_right(root, ONE)
    assert scripted_server.asked("file")[-1].headers["range"] == "bytes=70000-"


@pytest.mark.parametrize("at", [1, 4, 70_000, len(ONE) - 1])
def test_a_cut_at_any_place_ends_well(fetch, scripted_server, root, at):
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, at)
    fetch()
    assert_right(root, ONE)


def test_a_whole_partial_needs_no_bytes_more(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    (name,) = leftovers(root / "v5.3")
    (root / "v5.3" / name).write_bytes(ONE)
    n_before = len(scripted_server.asked("file"))
    fetch()
    assert len(scripted_server.asked("file")) == n_before + 1
    assert_right(root, ONE)


def test_a_partial_longer_than_the_file_is_dropped(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    (name,) = leftovers(root / "v5.3")
    (root / "v5.3" / name).write_bytes(ONE + b"x")
    fetch()
    assert_right(root, ONE)


def test_a_partial_with_a_flipped_byte_is_found_out(fetch, scripted_server, root):
    # Inside the footer: the length is right, the Parquet file is not.
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, len(ONE) - 5)
    (name,) = leftovers(root / "v5.3")
    path = root / "v5.3" / name
    content = bytearray(path.read_bytes())
    content[-300:] = bytes(300)
    path.write_bytes(content)
    fetch()
    assert_right(root, ONE)


def test_a_server_that_ignores_ranges_sends_all_of_it(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE, ignores_range=True)
    leave_partial(fetch, scripted_server, 70_000)
    fetch()
    assert_right(root, ONE)


def test_a_new_version_starts_over(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    scripted_server.serve(TRAIN, TWO, etag='"two"')
    fetch()
    assert_right(root, TWO)


def test_a_version_that_changes_before_the_range_is_asked(fetch, scripted_server, root):
    def changes(_request, proper):
        answer = proper()
        scripted_server.serve(TRAIN, TWO, etag='"two"')
        return answer

    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    scripted_server.on("file", changes)
    fetch()
    assert_right(root, TWO)


def test_a_server_that_ignores_if_range_does_not_mix_versions(
    fetch, scripted_server, root
):
    # The head of one version is here, the range comes from another one.
    def other_version(answer):
        answer.body = TWO[70_000:]
        answer.headers["ETag"] = '"two"'
        return answer

    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    scripted_server.on(
        "file", scripted_server.proper(), scripted_server.altered(other_version)
    )
    fetch()
    assert_right(root, ONE)


@pytest.mark.parametrize("claim", ["bytes 0-9/16", "bytes 10-15/17", None])
def test_a_range_that_was_not_asked_for_starts_over(
    fetch, scripted_server, root, claim
):
    # A kind of file whose content shows nothing: only the headers can tell.
    def other_range(answer):
        del answer.headers["Content-Range"]
        if claim:
            answer.headers["Content-Range"] = claim
        answer.body = b"WRONG!"
        return answer

    name, content = "v5.3/notes.txt", b"0123456789abcdef"
    scripted_server.serve(name, content)
    leave_partial(fetch, scripted_server, 10, name)
    scripted_server.on(
        "file", scripted_server.proper(), scripted_server.altered(other_range)
    )
    fetch(name)
    assert_right(root, content, "notes.txt")


def test_416_starts_over(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    scripted_server.on("file", scripted_server.proper(), scripted_server.status(416))
    fetch()
    assert_right(root, ONE)


def test_a_range_of_nothing_asked_for_is_refused(fetch, scripted_server, root):
    part = scripted_server.status(206, ONE[:100], content_range="bytes 0-99/100")
    scripted_server.serve(TRAIN, ONE)
    scripted_server.on("file", part)
    with pytest.raises(TournamentRefused, match="answered HTTP 206"):
        fetch()
    assert_nothing(root)


def test_403_on_the_range_is_no_data_and_asks_for_a_new_url_once(
    fetch, scripted_server, root
):
    expired = scripted_server.status(403, b"<Error>expired</Error>")
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    scripted_server.on("file", scripted_server.proper(), expired)
    n_before = len(scripted_server.asked("file_url"))
    fetch()
    assert len(scripted_server.asked("file_url")) == n_before + 2
    assert_right(root, ONE)


def test_403_again_is_refused_and_the_partial_is_kept(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    kept = leftovers(root / "v5.3")
    scripted_server.on("file", *[scripted_server.status(403)] * 2)
    with pytest.raises(
        TournamentRefused,
        match=r"v5\.3/train\.parquet cannot be fetched: 127\.0\.0\.1 answered HTTP 403",
    ):
        fetch()
    assert leftovers(root / "v5.3") == kept
    assert_nothing(root)


def test_progress_keeps_a_transfer_alive_past_the_deadline(
    fetch, scripted_server, root
):
    # Each connection brings 1 MiB and breaks: no single one is a failure.
    content = FEATURES.replace(b"feature_a", b"feature_" + b"x" * (5 << 20))
    scripted_server.serve("v5.3/features.json", content)
    step = 1 << 20
    scripted_server.on(
        "file",
        scripted_server.cut(step),
        *[scripted_server.proper(), scripted_server.cut(step)] * 4,
    )
    fetch("v5.3/features.json", deadline_seconds=1e-6)
    assert_right(root, content, "features.json")


# Answers that are no data.


def test_5xx_resets_and_hangs_are_tried_again(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    scripted_server.on(
        "file",
        scripted_server.status(503),
        scripted_server.reset(),
        scripted_server.hang(),
        scripted_server.status(429, retry_after="9"),
        scripted_server.status(500),
    )
    fetch()
    assert_right(root, ONE)


def test_5xx_for_ever_is_busy(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    scripted_server.on("file", *[scripted_server.status(503)] * 999)
    with pytest.raises(TournamentBusy) as error:
        fetch()
    assert str(error.value).startswith(
        "v5.3/train.parquet could not be downloaded completely. Check the network and "
        "rerun: what has arrived is kept. Tried "
    )
    assert str(error.value).endswith("the last time: HTTP 503.")
    assert_nothing(root)


def page_as_data(server):
    return server.status(200, b"\n <!doctype html><title>Maintenance</title>")


@pytest.mark.parametrize("kind", ["typed", "untyped"])
def test_a_maintenance_page_is_not_saved(fetch, scripted_server, root, kind):
    page = {"typed": scripted_server.html(), "untyped": page_as_data(scripted_server)}
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    kept = leftovers(root / "v5.3")
    scripted_server.on("file", *[page[kind]] * 999)
    with pytest.raises(TournamentBusy, match="last time: a web page instead of the f"):
        fetch()
    assert leftovers(root / "v5.3") == kept
    assert_nothing(root)


def test_a_maintenance_page_does_not_replace_a_good_file(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    fetch()
    scripted_server.on("file", *[page_as_data(scripted_server)] * 999)
    with pytest.raises(TournamentBusy):
        fetch()
    assert_right(root, ONE)


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        (TRAIN, b"PAR1 and then nothing that ends", "no whole Parquet file"),
        (TRAIN, b'{"error": "nope"}', "not a Parquet file: it begins with"),
        (TRAIN, b"", "no whole Parquet file"),
        ("v5.3/features.json", b'{"feature_sets": {', "no whole JSON"),
        ("v5.3/features.json", b"[" * 9_000, "no whole JSON"),
        ("v5.3/features.json", b'{"message": "slow down"}', "JSON but not a feat"),
        ("v5.3/features.json", FEATURES.replace(b"[", b"{"), "no whole JSON"),
        ("v5.3/features.json", FEATURES.replace(b'"feature_a"', b""), "a features.js"),
        ("v5.3/x.csv", b"id,prediction\na,0.1\nb", "CSV with a broken line 3"),
        ("v5.3/x.csv", b"id,prediction\na,0.1\nb,0", "CSV whose last line does not"),
        ("v5.3/x.csv", b"id,\xff\n", "no whole CSV"),
    ],
)
def test_broken_content_is_named_and_not_kept(
    fetch, scripted_server, root, name, content, cause
):
    scripted_server.serve(name, content)
    with pytest.raises(TournamentBusy, match=f"{name} could not .*last time: {cause}"):
        fetch(name)
    assert_nothing(root, name.split("/")[1])
    assert leftovers(root / "v5.3") == []


def test_compressed_bytes_are_not_taken(fetch, scripted_server, root):
    def compressed(answer):
        answer.headers["Content-Encoding"] = "gzip"
        return answer

    scripted_server.serve(TRAIN, ONE)
    scripted_server.on("file", *[scripted_server.altered(compressed)] * 999)
    with pytest.raises(TournamentBusy, match="compressed bytes, which were not asked"):
        fetch()
    assert scripted_server.asked("file")[0].headers["accept-encoding"] == "identity"
    assert_nothing(root)


# No Content-Length.


@pytest.mark.parametrize(
    ("name", "content"),
    [(TRAIN, ONE), ("v5.3/features.json", FEATURES), ("v5.3/x.csv", b"id,x\na,1\n")],
)
def test_without_a_length_the_content_must_show_its_end(
    fetch, scripted_server, root, name, content
):
    scripted_server.serve(name, content, has_length=False)
    scripted_server.on("file", scripted_server.cut(len(content) - 1))
    fetch(name)
    assert_right(root, content, name.split("/")[1])
    assert all("range" not in r.headers for r in scripted_server.asked("file"))


def test_without_a_length_an_unknown_kind_is_not_trusted(fetch, scripted_server, root):
    scripted_server.serve("v5.3/notes.txt", b"text", has_length=False)
    with pytest.raises(TournamentBusy, match="a file of unknown length whose end"):
        fetch("v5.3/notes.txt")
    scripted_server.serve("v5.3/notes.txt", b"text")
    fetch("v5.3/notes.txt")
    assert_right(root, b"text", "notes.txt")


# The disk, the names, the neighbours.


def test_a_file_larger_than_the_disk_is_refused_at_once(fetch, scripted_server, root):
    def huge(answer):
        answer.length = 10**16
        return answer

    scripted_server.serve(TRAIN, ONE)
    scripted_server.on("file", scripted_server.altered(huge))
    with pytest.raises(DataError) as error:
        fetch()
    assert "v5.3/train.parquet needs 10,000,000,000,000,000 more bytes" in str(
        error.value
    )
    assert str(root / "v5.3") in str(error.value)
    assert_nothing(root)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_names_the_path(fetch, scripted_server, root):
    # The partial file stands on a device that takes no byte.
    scripted_server.serve(TRAIN, ONE)
    leave_partial(fetch, scripted_server, 70_000)
    (name,) = leftovers(root / "v5.3")
    (root / "v5.3" / name).unlink()
    (root / "v5.3" / name).symlink_to("/dev/full")
    with pytest.raises(DataError, match="Make room or choose another disk") as error:
        fetch()
    assert f"{name} cannot be written: {os.strerror(errno.ENOSPC)}" in str(error.value)
    assert_nothing(root)


@pytest.mark.parametrize(
    "name", ["../x/y.parquet", "/etc/passwd", "v5.3/../x", "train.parquet", "v5.3/.x"]
)
def test_names_that_leave_the_folder_are_refused(fetch, root, name):
    with pytest.raises(ConfigError, match=r"Write RELEASE/FILE, such as v5\.3/train"):
        fetch(name)
    assert not root.exists()


def test_a_proxy_is_not_asked_for_this_machine(
    fetch, scripted_server, root, monkeypatch
):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    scripted_server.serve(TRAIN, ONE)
    fetch()
    assert_right(root, ONE)


def test_a_file_that_does_not_exist_is_refused(fetch, scripted_server):
    scripted_server.serve(TRAIN, ONE)
    with pytest.raises(TournamentRefused, match=r"no file 'v5\.3/trian\.parquet'. Did"):
        fetch("v5.3/trian.parquet")


def test_two_processes_do_not_download_into_one_folder(fetch, scripted_server, root):
    scripted_server.serve(TRAIN, ONE)
    with (
        locked(root / "v5.3", doing="downloading"),
        pytest.raises(ConfigError, match="another process is downloading in"),
    ):
        fetch()


def test_progress_is_told_in_bytes_and_ends_at_the_size(fetch, scripted_server):
    scripted_server.serve(TRAIN, ONE, ignores_range=True)
    scripted_server.on("file", scripted_server.cut(70_000))
    progress = RecordedProgress()
    fetch(progress=progress)
    assert progress.tasks == [Task(TRAIN, len(ONE), "bytes", len(ONE))]
    fetch(progress=progress)
    assert len(progress.tasks) == 1


@pytest.mark.slow
def test_a_slow_server_is_waited_for_as_long_as_bytes_come(
    fetch, scripted_server, root
):
    scripted_server.drips_seconds = 0.02
    scripted_server.serve("v5.3/features.json", FEATURES)
    start = time.perf_counter()
    # The URL drips too; each byte comes within the timeout, but not all.
    fetch("v5.3/features.json", timeout_seconds=1)
    assert time.perf_counter() - start > 1
    assert_right(root, FEATURES, "features.json")


def test_json_of_another_shape_does_not_replace_a_good_file(
    fetch, scripted_server, root
):
    served = scripted_server.serve("v5.3/features.json", FEATURES)
    fetch("v5.3/features.json")
    served.content, served.etag = b'{"message": "slow down"}', '"two"'
    with pytest.raises(TournamentBusy, match=r"JSON but not a features\.json"):
        fetch("v5.3/features.json")
    assert_right(root, FEATURES, "features.json")


@pytest.mark.slow
def test_a_connection_that_drips_is_given_up_for_another_one(
    tournament, scripted_server, root
):
    def drips(_request, proper):
        scripted_server.drips_seconds = 0.05
        return proper()

    def flows(_request, proper):
        scripted_server.drips_seconds = None
        return proper()

    scripted_server.serve(TRAIN, ONE)
    scripted_server.on("file", drips, flows)
    (file,) = download(
        tournament,
        [TRAIN],
        root,
        clock=SystemClock(),
        timeout_seconds=0.3,
        deadline_seconds=60,
    )
    assert file.bytes == len(ONE)
    assert_right(root, ONE)
    # Given up once, and then resumed.
    *before, last = scripted_server.asked("file")
    assert "range" in last.headers
    assert not any("range" in request.headers for request in before)


@pytest.mark.parametrize("etag", ['"é"', '"\x01"', "", '"' + "x" * 9_000 + '"'])
def test_an_etag_that_cannot_be_sent_back_is_not_kept(
    fetch, scripted_server, root, etag
):
    scripted_server.serve(TRAIN, ONE, etag=etag)
    fetch()
    assert_right(root, ONE)
    fetch()
    assert_right(root, ONE)


def test_an_etag_that_an_earlier_version_kept_is_no_obstacle(
    fetch, scripted_server, root
):
    scripted_server.serve(TRAIN, ONE)
    fetch()
    path = root / "v5.3" / "manifest.json"
    path.write_text(path.read_text().replace('\\"one\\"', "é"), encoding="utf-8")
    assert not fetch().was_current
    assert fetch().was_current
