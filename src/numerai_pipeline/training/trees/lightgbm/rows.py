"""LightGBM's binned data straight from packed shards, kept beside them.

LightGBM stores a feature with few values as half a byte per row, the index of the
value, which shards hold already. So LightGBM saves data sets of the right shape without
rows, and the half bytes are written over their zeros, in one pass over the shards.
First a small data set proves on the installed version of LightGBM that this gives the
same file as LightGBM's own reading, byte for byte; otherwise LightGBM reads the rows.

A data set that LightGBM has made or loaded holds its bins twice: a buffer for writing
stays. The copy that joining makes has none. So features are written in groups, one file
each, which are joined one after the other as they are loaded: at most all bins once and
one group twice are in memory.

The folds of a backtest share one set of files with the rows of all of them, and each
fold takes its rows from a group when it is loaded. So the shards are decoded once, and
no fold leaves a copy on the disk.
"""

import ctypes
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import numpy.typing as npt
from lightgbm.basic import _c_str, _param_dict_to_str, _safe_call
from lightgbm.libpath import _LIB

from numerai_pipeline.core import (
    DataError,
    Progress,
    atomic_folder,
    locked,
    read_json,
    write_json,
)
from numerai_pipeline.models.trees import LIGHTGBM_DATASET
from numerai_pipeline.training.trees.backend import (
    SHARED,
    SPLITS,
    Split,
    TreeJob,
    TreeRows,
)

Codes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int32]

# Rows written together, an even number: 45 MB of codes at full width, and 8 KB per
# feature and write.
_ROWS_PER_STRIP = 16_384

# Of so many rows of bytes at full width, 1.4 MB, rows become columns twice as fast.
_ROWS_IN_CACHE = 512

# Memory of a group while it is loaded: its bins and the buffer beside them.
_GROUP_BYTES = 128 << 20

# The first group keeps its buffer, since the others are joined to it.
_FIRST_GROUP = 16
_MAX_GROUP = 250

# LightGBM rounds the bins of a feature up to whole words.
_WORD = 8

_DONE = "done.json"

_CHUNK_BYTES = 1 << 20

# Rows of the data set that proves the layout: odd, and not a multiple of a word.
_PROBE_ROWS = 333


def load_sets(job: TreeJob, parameters: Mapping[str, Any]) -> dict[Split, Any]:
    """Return the rows of a job as ``lightgbm.Dataset``, without labels.

    Raises:
        DataError: if the shards or a file of bins are broken.
    """
    if not job.shared_eras:
        return {
            split: binned(rows, job.cache, job.progress).load(parameters)
            for split, rows in job.rows.items()
        }
    shared = job.train.shared(job.shared_eras)
    places = {split: rows.places_in(shared) for split, rows in job.rows.items()}
    return binned(shared, job.cache, job.progress).load_rows(places, parameters)


def binned(rows: TreeRows, cache: Path, progress: Progress) -> "BinFiles":
    """Return the files of binned rows; they are made unless whole and current.

    Args:
        rows: the rows; their targets do not matter.
        cache: folder for such files; those of other shards are deleted.
        progress: receives the rows done.
    """
    folder = cache / f"lightgbm-{rows.split}-{rows.key[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    doing = "binning rows for LightGBM"
    with locked(folder, doing=doing, on_wait=progress.note):
        if not _is_whole(folder, progress):
            with atomic_folder(folder) as partial:
                _write_files(rows, partial, progress)
                write_json(
                    partial / _DONE,
                    {
                        "shards": rows.reader.manifest.fingerprint,
                        "lightgbm": lightgbm.__version__,
                        "crc32": _checksums(partial),
                    },
                )
        _sweep(cache, rows.reader.manifest.fingerprint)
    return BinFiles(tuple(sorted(folder.glob("*.bin"))))


@dataclass(frozen=True)
class BinFiles:
    """Files of binned rows, one per group of features."""

    paths: tuple[Path, ...]

    def load(self, parameters: Mapping[str, Any]) -> Any:
        """Return them as one ``lightgbm.Dataset``, without labels.

        Raises:
            DataError: if a file is broken; it names the folder to delete.
        """
        whole = self._one(self.paths[0], parameters)
        for path in self.paths[1:]:
            part = self._one(path, parameters)
            whole.add_features_from(part)
            del part  # before the next one is loaded
        return whole

    def load_rows(
        self, places: Mapping[Split, Rows], parameters: Mapping[str, Any]
    ) -> dict[Split, Any]:
        """Return some of the rows as one ``lightgbm.Dataset`` each, without labels.

        Args:
            places: which rows, ascending, by what they are for.
            parameters: what LightGBM is called with.

        Raises:
            DataError: if a file is broken; it names the folder to delete.
        """
        sets: dict[Split, Any] = {}
        for path in self.paths:
            group = self._one(path, parameters)
            for split, rows in places.items():
                part = _some_rows(group, rows, parameters)
                if split in sets:
                    sets[split].add_features_from(part)
                else:
                    sets[split] = part
        return sets

    def _one(self, path: Path, parameters: Mapping[str, Any]) -> Any:
        try:
            dataset = lightgbm.Dataset(str(path), params=dict(parameters))
            return dataset.construct()
        except lightgbm.basic.LightGBMError as error:
            raise DataError(
                f"{path} is not binned data of LightGBM ({error}). Delete the folder "
                f"{path.parent}; the next training rebuilds it."
            ) from error


def group_size(n_rows: int) -> int:
    """Return how many features are written and loaded together.

    >>> group_size(10_000), group_size(2_750_000)
    (250, 97)
    """
    return max(1, min(_MAX_GROUP, 2 * _GROUP_BYTES // max(n_rows, 1)))


def bins_bytes(n_rows: int, n_features: int) -> int:
    """Return the memory of binned rows after loading."""
    return _feature_bytes(n_rows) * n_features


def _is_whole(folder: Path, progress: Progress) -> bool:
    """Return whether this version wrote the files as they are; if not, note why."""
    if not folder.is_dir():
        return False
    done = _read_done(folder)
    if done.get("lightgbm") != lightgbm.__version__:
        reason = "another version of LightGBM wrote it"
    elif done.get("crc32") != _checksums(folder):
        reason = "its files have changed"
    else:
        return True
    progress.note(f"{folder} is rebuilt: {reason}.")
    return False


def _read_done(folder: Path) -> dict[str, Any]:
    """Return the content of ``done.json``; empty if it cannot be read."""
    try:
        done = read_json(folder / _DONE)
    except DataError:
        return {}
    return done if isinstance(done, dict) else {}


def _checksums(folder: Path) -> dict[str, int]:
    """Return the CRC-32 of each file of bins: LightGBM misses a flipped bit."""
    return {path.name: _crc32(path) for path in sorted(folder.glob("*.bin"))}


def _crc32(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            crc = zlib.crc32(chunk, crc)
    return crc


@contextmanager
def without_stderr() -> Iterator[None]:
    """Suppress what LightGBM prints about an error that it raises as well."""
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _write_files(rows: TreeRows, folder: Path, progress: Progress) -> None:
    names = rows.features
    groups = list(_groups(len(names), group_size(len(rows))))
    paths = [folder / f"{number:03d}.bin" for number in range(len(groups))]
    for path, (first, last) in zip(paths, groups, strict=True):
        _save(_without_rows(len(rows), names[first:last], rows.known_values), path)
    extra_bytes = _proven_extra_bytes(rows, folder)
    title = f"binning {rows.split} rows for LightGBM"
    with progress.task(title, len(rows), "rows") as advance:
        if extra_bytes is None:
            for path, group in zip(paths, groups, strict=True):
                _save(_read_by_lightgbm(rows, group), path)
            advance(len(rows))
            return
        bins_of_codes = _bins_of_codes(rows)
        with ExitStack() as stack:
            files = [
                stack.enter_context(closing(_BinWriter(path, len(rows), extra_bytes)))
                for path in paths
            ]
            start = 0
            for codes in rows.blocks(rows_per_block=_ROWS_PER_STRIP):
                halves = _halves(bins_of_codes[codes])
                for file, (first, last) in zip(files, groups, strict=True):
                    file.write(halves[first:last], start)
                start += len(codes)
                advance(len(codes))


class _BinWriter:
    """Writes bins over the zeros of a data set that LightGBM has saved."""

    def __init__(self, path: Path, n_rows: int, extra_bytes: int) -> None:
        self._file = path.open("r+b")
        self._size = path.stat().st_size
        self._feature_bytes = _feature_bytes(n_rows)
        self._step = self._feature_bytes + extra_bytes

    def write(self, halves: Codes, start: int) -> None:
        """Write ``(features of the file, bytes)`` from an even row on."""
        for place, content in enumerate(halves):
            left = (len(halves) - 1 - place) * self._step
            offset = self._size - self._feature_bytes - left + start // 2
            self._file.seek(offset)
            self._file.write(content)

    def close(self) -> None:
        """Close it; the folder is flushed as a whole."""
        self._file.close()


def _proven_extra_bytes(rows: TreeRows, folder: Path) -> int | None:
    """Return the bytes between the bins of two features in a file.

    Returns:
        None if this version of LightGBM has another file layout.
    """
    source = np.random.default_rng(1)
    names = rows.features[:3]
    shape = (_PROBE_ROWS, len(names))
    bins = source.integers(0, len(rows.known_values), shape, np.uint8)
    known = np.array(rows.known_values, np.float32)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".probe-") as name:
        path = Path(name) / "probe.bin"
        read = _without_rows(_PROBE_ROWS, names, rows.known_values)
        _push(read, known[bins], 0)
        _save(read, path)
        wanted = path.read_bytes()
        halves = _halves(bins)
        places = [wanted.find(of_feature.tobytes()) for of_feature in halves]
        steps = {after - before for before, after in pairwise(places)}
        extra_bytes = (steps.pop() if steps else 0) - _feature_bytes(_PROBE_ROWS)
        if min(places) < 0 or steps or (len(places) > 1 and extra_bytes < 0):
            return None
        path.unlink()
        _save(_without_rows(_PROBE_ROWS, names, rows.known_values), path)
        with closing(_BinWriter(path, _PROBE_ROWS, extra_bytes)) as writer:
            writer.write(halves, 0)
        return extra_bytes if path.read_bytes() == wanted else None


def _without_rows(n_rows: int, names: Sequence[str], known: Sequence[float]) -> Any:
    """Return a data set with known bins and without rows.

    LightGBM finds the bins in a sample, so the sample has each known value once, the
    same for all features. It lists the values other than zero; the rest are zeros.
    """
    values = np.array([value for value in known if value != 0], np.float64)
    places = np.arange(len(values), dtype=np.int32)
    n_features = len(names)
    doubles, ints = ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_int32)
    sample = (doubles * n_features)(*[values.ctypes.data_as(doubles)] * n_features)
    where = (ints * n_features)(*[places.ctypes.data_as(ints)] * n_features)
    counts = np.full(n_features, len(values), np.int32)
    parameters = {**LIGHTGBM_DATASET, "verbosity": -1}
    dataset = lightgbm.Dataset(None, params=parameters)
    dataset._handle = ctypes.c_void_p()
    _safe_call(
        _LIB.LGBM_DatasetCreateFromSampledColumn(
            ctypes.cast(sample, ctypes.POINTER(doubles)),
            ctypes.cast(where, ctypes.POINTER(ints)),
            ctypes.c_int32(n_features),
            counts.ctypes.data_as(ints),
            ctypes.c_int32(len(known)),
            ctypes.c_int32(n_rows),
            ctypes.c_int64(n_rows),
            _c_str(_param_dict_to_str(parameters)),
            ctypes.byref(dataset._handle),
        )
    )
    texts = (ctypes.c_char_p * n_features)(*[name.encode() for name in names])
    _safe_call(
        _LIB.LGBM_DatasetSetFeatureNames(
            dataset._handle, texts, ctypes.c_int(n_features)
        )
    )
    return dataset


def _push(dataset: Any, rows: npt.NDArray[np.float32], start: int) -> None:
    """Hand LightGBM ``(rows, F)`` float32 values of consecutive rows."""
    values = np.ascontiguousarray(rows, np.float32)
    _safe_call(
        _LIB.LGBM_DatasetPushRows(
            dataset._handle,
            values.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int(0),  # float32
            ctypes.c_int32(values.shape[0]),
            ctypes.c_int32(values.shape[1]),
            ctypes.c_int32(start),
        )
    )


def _some_rows(dataset: Any, rows: Rows, parameters: Mapping[str, Any]) -> Any:
    """Return a copy of some rows; LightGBM's own wrapper demands labels."""
    some = lightgbm.Dataset(None, params=dict(parameters))
    some._handle = ctypes.c_void_p()
    _safe_call(
        _LIB.LGBM_DatasetGetSubset(
            dataset._handle,
            rows.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            ctypes.c_int32(len(rows)),
            _c_str(_param_dict_to_str(some.params)),
            ctypes.byref(some._handle),
        )
    )
    return some


def _read_by_lightgbm(rows: TreeRows, group: tuple[int, int]) -> Any:
    first, last = group
    dataset = _without_rows(len(rows), rows.features[first:last], rows.known_values)
    start = 0
    for codes in rows.blocks(rows_per_block=_ROWS_PER_STRIP):
        _push(dataset, rows.values_of_codes[codes[:, first:last]], start)
        start += len(codes)
    return dataset


def _save(dataset: Any, path: Path) -> None:
    path.unlink(missing_ok=True)  # LightGBM refuses to overwrite
    try:
        with without_stderr():
            dataset.save_binary(str(path))
    except lightgbm.basic.LightGBMError as error:
        raise DataError(f"{error}. Free some disk space, then train again.") from error
    finally:
        dataset._free_handle()


def _bins_of_codes(rows: TreeRows) -> Codes:
    """Return ``(6,)`` uint8: the index of each code's value among the known ones."""
    known = np.array(rows.known_values)
    return np.array(
        [
            np.flatnonzero((known == value) | (np.isnan(known) & np.isnan(value)))[0]
            for value in rows.values_of_codes
        ],
        np.uint8,
    )


def _halves(bins: Codes) -> Codes:
    """Pack ``(rows, F)`` bins into ``(F, bytes)``, the even rows in the low halves."""
    pairs = bins[0::2].copy()
    odd = bins[1::2]
    pairs[: len(odd)] |= odd << 4
    packed = np.empty(pairs.shape[::-1], np.uint8)
    for start in range(0, len(pairs), _ROWS_IN_CACHE):
        piece = slice(start, start + _ROWS_IN_CACHE)
        packed[:, piece] = pairs[piece].T
    return packed


def _feature_bytes(n_rows: int) -> int:
    return -(-((n_rows + 1) // 2) // _WORD) * _WORD


def _groups(n_features: int, size: int) -> Iterator[tuple[int, int]]:
    first, last = 0, min(_FIRST_GROUP, n_features)
    while first < last:
        yield first, last
        first, last = last, min(last + size, n_features)


def _sweep(cache: Path, fingerprint: str) -> None:
    """Delete binned rows that are never used again.

    They are those of other shards, and those that an older version named otherwise.
    """
    for folder in cache.glob("lightgbm-*/"):
        is_named = folder.name.startswith(
            tuple(f"lightgbm-{name}-" for name in (*SPLITS, SHARED))
        )
        if not is_named or _read_done(folder).get("shards") != fingerprint:
            shutil.rmtree(folder, ignore_errors=True)
