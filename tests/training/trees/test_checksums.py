import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.training import train
from numerai_pipeline.training.trees.checksums import CheckpointChecksums


@pytest.mark.parametrize("family", ["lightgbm", "xgboost", "catboost"])
def test_a_changed_bit_of_a_checkpoint_is_found(make_job, killed_at, family):
    """Both would be read without a word, and end in another model."""
    pytest.importorskip(family)
    job = make_job(family)
    progress, kill = killed_at(at_note="tree 20:")
    with pytest.raises(kill):
        train(job, progress=progress)
    path = sorted(job.runs.glob("2*/checkpoints/trees-*"))[0]
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 4
    path.write_bytes(content)
    with pytest.raises(
        DataError, match=rf"{path.name} .*Run `nai train --restart {family}`, or"
    ):
        train(job)


def test_files_that_are_gone_or_new_are_left_to_others(tmp_path):
    (tmp_path / "a").write_text("a")
    CheckpointChecksums(tmp_path).write()
    (tmp_path / "a").rename(tmp_path / "b")
    CheckpointChecksums(tmp_path).check()


@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_broken_checksums_are_named(tmp_path, content):
    run = tmp_path / "models/xgb/runs/2026"
    checkpoints = run / "checkpoints/window-001"
    checkpoints.mkdir(parents=True)
    (checkpoints / "sha256.json").write_text(content)
    with pytest.raises(DataError, match=r"sha256\.json .*") as caught:
        CheckpointChecksums(checkpoints).check()
    remedy = f"Run `nai train --restart xgb`, or delete {run} and train again."
    assert str(caught.value).endswith(remedy)


def test_a_file_that_was_written_again_gets_a_new_checksum(tmp_path):
    checksums = CheckpointChecksums(tmp_path)
    for content in ("a", "b"):
        (tmp_path / "a").write_text(content)
        checksums.write()
        checksums.check()
