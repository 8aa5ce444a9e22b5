"""Derived targets, as every reading of shards gives them."""

import shutil

import numpy as np
import pandas as pd
import pytest
from numerai_tools.scoring import neutralize
from recorded_progress import Killed, RecordedProgress

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.data import ShardReader
from numerai_pipeline.data.readers.neutral_targets import neutral_target_of_era

VICTOR = "target_victor_20"
MEAN = f"mean of target, {VICTOR}"
SUM = f"0.7 target - 0.2 {VICTOR}"
TO_SMALL = f"{MEAN} neutral to features small at 0.5"
TO_BENCHMARK = "target neutral to benchmark v53_lgbm_ender20"
SMALL = ["feature_f", "feature_e", "feature_d", "feature_c"]


@pytest.fixture
def shards(world, tmp_path):
    """A function that opens a copy of the world's shards, for this test only."""
    shutil.copytree(world.shards.folder, tmp_path / "shards")

    def reader(**options):
        return ShardReader(tmp_path / "shards", **{"data": world.data, **options})

    return reader


@pytest.fixture(scope="module")
def expected(world):
    """The targets by id, as pandas and numerai-tools compute them."""
    rows = world.rows.astype(dict.fromkeys(SMALL, float))
    files = [pd.read_parquet(path) for path in world.references["benchmarks"]]
    benchmark = pd.concat(files)["v53_lgbm_ender20"].reindex(rows.index)
    mean = rows[["target", VICTOR]].mean(axis=1, skipna=False)
    found = pd.DataFrame({MEAN: mean, SUM: 0.7 * rows["target"] - 0.2 * rows[VICTOR]})
    for text, values, columns, proportion in (
        (TO_SMALL, mean, rows[SMALL].fillna(2.0), 0.5),
        (TO_BENCHMARK, rows["target"], benchmark.to_frame(), 1.0),
    ):
        known = values.notna() & columns.notna().all(axis=1)
        for _, era in values[known].groupby(rows["era"]):
            at = era.index
            left = neutralize(era.to_frame(), columns.loc[at], proportion)
            found.loc[at, text] = left.iloc[:, 0] + proportion * era.mean()
    return found


def digests_of(reader, targets):
    return [one.digest for one in reader.neutral_targets(targets)]


def by_id(block):
    return pd.DataFrame(block.y, index=[name.decode() for name in block.ids])


def test_they_are_what_numerai_tools_computes(shards, world, expected):
    progress = RecordedProgress()
    texts = (TO_BENCHMARK, SUM, "target", TO_SMALL, MEAN)
    block = shards(progress=progress).read(None, targets=texts, features=())
    wanted = expected.assign(target=world.rows["target"])[list(texts)]
    found = by_id(block)
    np.testing.assert_allclose(
        found, wanted.loc[found.index], rtol=0, atol=1e-7, equal_nan=True
    )
    assert np.nanmax(np.abs(found[2] - world.rows["target"])) == 0
    # Eras 1-4 are in no benchmark file.
    n_rows = int(world.rows["target"].notna().sum())
    n_lacking = int(world.rows.loc[world.rows["era"] < "0005", "target"].notna().sum())
    [note] = progress.notes
    assert note.startswith(
        f"{n_lacking} of {n_rows:,} rows with 'target' lack '{TO_BENCHMARK}': "
    )
    assert progress.done("neutralizing 'target'") == len(np.unique(block.eras))


@pytest.mark.parametrize("split", ["train", "valid", None])
def test_every_way_to_read_gives_the_same_rows(shards, split):
    reader, texts = shards(), (TO_SMALL, "target")
    whole = reader.read(split, targets=texts, features=SMALL)
    blocks = list(reader.blocks(split, targets=texts, features=(), start_block=3))
    y = np.concatenate([block.y for block in blocks])
    np.testing.assert_array_equal(y, whole.y[-len(y) :])
    has_all = ~np.isnan(whole.y).any(axis=1)
    loaded = reader.load(split, target=texts, features=SMALL)
    np.testing.assert_array_equal(loaded.y, whole.y[has_all])
    eras = tuple(np.unique(whole.eras)[[2, 7]].tolist())
    some = shards().read(split, eras=eras, targets=texts, features=())
    np.testing.assert_array_equal(some.y, whole.y[np.isin(whole.eras, eras)])


def test_an_era_is_computed_once_and_whatever_happens_to_its_file(shards):
    wanted = shards().read("train", targets=[TO_SMALL], features=()).y
    [folder] = shards().folder.with_name("shards.targets").glob("*-*/")
    progress = RecordedProgress()
    files = sorted(folder.glob("*.f32"))
    assert shards(progress=progress).read("train", targets=[TO_SMALL]).y.shape
    assert not progress.tasks
    content = files[4].read_bytes()
    flipped = bytes([content[0] ^ 1]) + content[1:]
    for broken in (None, b"", content[:-1], flipped):
        files[4].unlink()
        if broken is not None:
            files[4].write_bytes(broken)
        reader = shards(progress=progress)
        again = reader.read("train", targets=[TO_SMALL], features=()).y
        np.testing.assert_array_equal(again, wanted)
    assert [task.done for task in progress.tasks] == [1] * 4


def test_a_kill_loses_one_era(shards):
    with pytest.raises(Killed):
        shards(progress=RecordedProgress(at_step=2)).read("train", targets=[TO_SMALL])
    progress = RecordedProgress()
    reader = shards(progress=progress)
    reader.read("train", targets=[TO_SMALL], features=())
    assert progress.done() == len(reader.eras("train")) - 3


def test_the_lockbox_stays_closed(shards):
    closed = shards(lockbox_eras=6)
    block = closed.read(None, targets=[TO_SMALL], features=())
    assert not set(np.unique(block.eras)) & set(closed.lockbox)
    [folder] = closed.folder.with_name("shards.targets").glob("*-*/")
    assert {int(path.stem) for path in folder.glob("*.f32")} == set(closed.eras())
    assert closed.opened().read(None, eras=closed.lockbox, targets=[TO_SMALL]).y.any()


def test_what_it_depends_on_is_in_its_digest(shards, world, tmp_path):
    reader = shards()
    assert digests_of(reader, ("target", MEAN, SUM)) == []
    digests = digests_of(reader, (TO_SMALL, TO_BENCHMARK))
    assert digests == digests_of(shards(), (TO_SMALL, TO_BENCHMARK))
    other = tmp_path / "v5.3"
    shutil.copytree(world.data, other)
    path = other / "train_benchmark_models.parquet"
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    changed = digests_of(shards(data=other), (TO_SMALL, TO_BENCHMARK))
    assert changed[0] == digests[0]
    assert changed[1] != digests[1]


def test_what_was_made_of_other_shards_is_deleted(shards):
    old = shards().folder.with_name("shards.targets") / "0123456789abcdef-0123"
    old.mkdir(parents=True)
    (old / "0001.f32").touch()
    shards().read("train", eras=(1,), targets=[TO_SMALL], features=())
    assert not old.exists()


@pytest.mark.parametrize(("n_rows", "is_there"), [(0, True), (1, False), (20, False)])
def test_nothing_is_left_of_too_few_rows(n_rows, is_there):
    random = np.random.default_rng(1)
    values = random.random(n_rows).astype(np.float32)
    left = neutral_target_of_era(
        values, random.integers(0, 5, (n_rows, 19), np.uint8), 1.0
    )
    assert left.shape == (n_rows,)
    assert bool(np.isfinite(left).all()) == is_there


def test_what_is_missing_is_named(shards, tmp_path):
    for text, error, why in (
        ("mean of target, target_x_20", DataError, "no target 'target_x_20'.*etl"),
        ("target neutral to features smal", ConfigError, "Did you mean 'small'"),
        ("target neutral to benchmark v53", ConfigError, "no benchmark model 'v53'"),
        ("target neutral to small", ConfigError, "neutral to 'small'"),
    ):
        with pytest.raises(error, match=why):
            shards().read("train", targets=[text], features=())
    reader = shards(data=tmp_path)
    with pytest.raises(DataError, match="Run `nai download --benchmarks`"):
        reader.read("train", targets=[TO_BENCHMARK], features=())
    with pytest.raises(DataError, match="needs the files of the data release"):
        shards(data=None).read("train", targets=[TO_SMALL], features=())
