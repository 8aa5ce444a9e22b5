import shutil
from pathlib import Path
from typing import Any

import pytest
from recorded_progress import RecordedProgress

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.data import EtlOptions, build_shards


@pytest.mark.parametrize(
    ("layout", "row_bytes"), [("packed", 3 + 3 + 16), ("rows", 4 * 10 + 16 + 100)]
)
def test_the_plan_is_noted_first(
    release: Any, tmp_path: Path, layout: Any, row_bytes: int
) -> None:
    progress = RecordedProgress()
    options = EtlOptions(sources=("train",), layout=layout)
    manifest = build_shards(
        release.folder,
        tmp_path / "s",
        options,
        max_ram_bytes=4 * 10**9,
        progress=progress,
    )
    disk, memory = progress.notes
    assert disk.startswith(f"180 rows of {row_bytes} bytes will take ")
    assert memory.endswith("of the 4.0 GB that it may take.")
    assert "decode 180 rows at a time" in memory
    # The estimate is near, and not below by more than the frames of small blocks.
    assert 0.5 < 180 * row_bytes / manifest.n_bytes < 1.3


def test_too_little_memory_is_refused(release: Any, tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"50 MB of memory are too little .*Raise --max-ram"
    ):
        build_shards(
            release.folder, tmp_path / "s", EtlOptions(), max_ram_bytes=50 * 10**6
        )
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".partial"] == []


def test_a_small_disk_is_refused_before_the_work(
    release: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=1_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(
        DataError, match=r"has 1\.0 KB free, but the shards take 4\.0 KB"
    ):
        build_shards(release.folder, tmp_path / "s", EtlOptions(sources=("train",)))
