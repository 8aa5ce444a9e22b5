"""The code in docs/shards.md, run as it stands."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerai_pipeline.data import EtlOptions, ShardReader, build_shards, decode_features

DOCUMENT = Path(__file__).parents[2] / "docs" / "shards.md"


def read_all(dataset: Any) -> tuple[np.ndarray, ...]:
    """Return all batches of a dataset, one array per part."""
    batches = [[part.numpy() for part in batch] for batch in dataset]
    return tuple(np.concatenate(parts) for parts in zip(*batches, strict=True))


@pytest.mark.slow
def test_plain_tensorflow_reads_the_shards(
    release: Any,
    write_rows: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, layout in (("main", "packed"), ("rows", "rows")):
        options = EtlOptions(purge=0, layout=layout)
        build_shards(release.folder, tmp_path / "shards" / name, options)
    live = release.validation
    write_rows(tmp_path / "live.parquet", replace(live, eras=live.eras * 0))
    build_shards(
        release.folder,
        tmp_path / "shards" / "live",
        EtlOptions(sources=("live",)),
        live_file=tmp_path / "live.parquet",
    )
    monkeypatch.chdir(tmp_path)
    plain, *ours, by_rows = re.findall(
        r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL
    )
    assert "numerai_pipeline" not in plain
    names: dict[str, Any] = {}
    exec(plain, names)  # noqa: S102 - our own document
    x, y, ids, eras = read_all(names["live"])
    rows = ShardReader(tmp_path / "shards" / "live").read("live")
    np.testing.assert_array_equal(x, rows.x)
    assert y.shape == (len(live.ids), 0)
    assert ids.tolist() == live.ids.tolist() == rows.ids.tolist()
    assert not eras.any()
    x, y, ids, eras = read_all(names["dataset"])
    rows = ShardReader(tmp_path / "shards" / "main").read("train")
    np.testing.assert_array_equal(x, rows.x)
    np.testing.assert_array_equal(y, rows.y)
    np.testing.assert_array_equal(eras, rows.eras)
    assert ids.tolist() == rows.ids.tolist()
    np.testing.assert_array_equal(
        decode_features(x, missing=2.0), decode_features(rows.x, missing=2.0)
    )
    for code in ours:
        exec(code, names)  # noqa: S102
    printed = capsys.readouterr().out
    assert printed.startswith("1 (6, 7) (6, 1) b'n")
    assert "float32 (180, 7) (180,)" in printed
    losses = names["model"].history.history["loss"]
    assert np.isfinite(losses).all()
    assert "numerai_pipeline" not in by_rows
    exec(by_rows, names)  # noqa: S102
    found = [
        {name: column.numpy() for name, column in batch.items()}
        for batch in names["rows"]
    ]
    x, y, ids, eras = (
        np.concatenate([batch[name] for batch in found])
        for name in ("x", "y", "id", "era")
    )
    np.testing.assert_array_equal(x, decode_features(rows.x, missing=np.nan))
    np.testing.assert_array_equal(y, rows.y)
    np.testing.assert_array_equal(eras, rows.eras)
    assert ids.tolist() == rows.ids.tolist()
