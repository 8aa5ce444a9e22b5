import json
from pathlib import Path
from typing import Any

import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.data import EtlOptions, build_shards, inspect_path


@pytest.fixture
def shards(release: Any, tmp_path: Path) -> Path:
    build_shards(release.folder, tmp_path / "main", EtlOptions(purge=4))
    return tmp_path / "main"


def test_a_parquet_file_is_described(release: Any) -> None:
    found = inspect_path(release.folder / "train.parquet")
    assert found["kind"] == "parquet"
    assert (found["rows"], found["row_groups"]) == (180, 4)
    assert found["eras"] == "30 (0001 to 0030)"
    assert found["columns"] == [
        {"columns": "era", "type": "string", "count": 1},
        {"columns": "data_type", "type": "string", "count": 1},
        {"columns": "features", "type": "int8", "count": 7},
        {"columns": "targets", "type": "float", "count": 3},
        {"columns": "id", "type": "string", "count": 1},
    ]


def test_a_folder_of_data_is_described(release: Any) -> None:
    found = inspect_path(release.folder)
    assert found["kind"] == "data"
    assert [file["file"] for file in found["files"]] == [
        "features.json",
        "train.parquet",
        "validation.parquet",
    ]
    assert found["feature_sets"] == {"small": 2, "all": 7}


def test_a_download_that_was_changed_is_named(release: Any) -> None:
    record = {
        "filename": "v5.3/train.parquet",
        "round_number": None,
        "size": 1,
        "sha256": "a" * 64,
        "etag": None,
        "rows": 180,
        "eras": 30,
        "fetched_at": "2026-11-24T12:00:00Z",
        "modified_ns": 0,
    }
    manifest = {"files": {"train.parquet": record}}
    (release.folder / "manifest.json").write_text(json.dumps(manifest))
    train = inspect_path(release.folder)["files"][1]
    assert (train["rows"], train["eras"]) == (180, 30)
    with pytest.raises(
        DataError, match=r"train\.parquet has changed since the download"
    ):
        inspect_path(release.folder, verify=True)


def test_a_folder_of_shards_is_described(shards: Path) -> None:
    found = inspect_path(shards, verify=True)
    assert found["kind"] == "shards"
    assert found["verified"] is True
    assert found["rows_without_target"] == 12
    assert [(s["split"], s["eras"]) for s in found["splits"]] == [
        ("train", "26 (0001 to 0026)"),
        ("valid", "8 (0031 to 0038)"),
        ("purged", "4 (0027 to 0030)"),
    ]
    assert found["bytes"] == sum(path.stat().st_size for path in shards.glob("*.tfr"))
    assert found["options"]["purge"] == 4
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("damage", ["flip", "missing"])
def test_verify_finds_what_was_changed(shards: Path, damage: str) -> None:
    path = shards / "valid_0000.tfr"
    content = bytearray(path.read_bytes())
    path.unlink()
    sentence = r"valid_0000\.tfr does not exist"
    if damage == "flip":
        content[-1] ^= 1
        path.write_bytes(content)
        sentence = r"valid_0000\.tfr has changed: its checksum"
    assert inspect_path(shards)["verified"] is False
    with pytest.raises(DataError, match=sentence):
        inspect_path(shards, verify=True)


def test_anything_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is neither a Parquet file nor a folder of"):
        inspect_path(tmp_path)
