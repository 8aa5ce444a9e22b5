"""Whether the parts of the fold are apart, and rows are joined by id and era."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import columns
from numerai_pipeline.data import Block, Part, read_columns
from numerai_pipeline.evaluation.leaks.originals import (
    original_files,
    places_of,
    read_original,
)
from numerai_pipeline.evaluation.leaks.report import CheckResult, Finding
from numerai_pipeline.evaluation.leaks.suspect import Suspect, result_of, spread
from numerai_pipeline.evaluation.result import predictions_path

# Eras whose rows the fast check compares, with so many features.
_FAST_ERAS, _FAST_FEATURES = 4, 100

_FAST_ERAS_OF_IDS = 24


def check_structure(suspect: Suspect) -> CheckResult:
    """Check distances, ids and eras of the fold, and the joins by id and era."""
    findings = [
        *_distances(suspect),
        *_repeated_ids(suspect),
        *_misjoined(suspect),
        *_unlike_original(suspect),
    ]
    _, why = original_files(suspect)
    untested = [why] if why else []
    if not predictions_path(suspect.run.folder, suspect.on).is_file():
        untested.append("no predictions were written yet, so their ids were not joined")
    if suspect.run.has_windows:
        untested.append("the distances inside the rolling windows")
    if not suspect.is_full:
        untested.append(f"rows of all but {_FAST_ERAS} eras per part (--full)")
    return result_of("structure", _purge_of(suspect), findings, untested)


def parts_of(suspect: Suspect) -> dict[str, Part]:
    """Return the parts of the run by their names; the newest test eras included."""
    fold = suspect.fold
    parts = {"train": fold.part("train"), "validation": fold.part("validation")}
    if suspect.on == "test":
        parts["test"] = suspect.part
    there = set(suspect.shards.eras())
    return {
        name: Part(tuple(era for era in part.eras if era in there), part.split)
        for name, part in parts.items()
        if part.eras
    }


def _purge_of(suspect: Suspect) -> str:
    """Return the least number of eras left out between two parts, in words."""
    if suspect.fold.by_rows:
        return "rows of the same eras"
    gaps = [apart(*pair)[0] for pair in combinations(parts_of(suspect).values(), 2)]
    return f"purge {min(gaps, default=0) - 1}, needed {suspect.needed_purge}"


def apart(one: Part, other: Part) -> tuple[int, int, int]:
    """Return how far two parts are apart at the nearest, and these two eras."""
    return min(
        (abs(era - there), era, there) for era in one.eras for there in other.eras
    )


def _distances(suspect: Suspect) -> Iterator[Finding]:
    fold, manifest = suspect.fold, suspect.shards.folder / "manifest.json"
    if fold.by_rows:
        yield Finding(
            f"the shards were split by rows: training and validation rows share "
            f"{len(set(fold.train) & set(fold.validation))} eras, so the model has "
            "seen returns that it is scored by. Run `nai etl --split-by era`.",
            file=str(manifest),
            era=fold.validation[0],
            value=0.0,
        )
        return
    needed = suspect.needed_purge
    for (name, one), (other_name, other) in combinations(parts_of(suspect).items(), 2):
        distance, era, there = apart(one, other)
        if distance <= needed:
            yield Finding(
                f"{name} era {era:04d} and {other_name} era {there:04d} are "
                f"{distance} apart, but targets of {suspect.run.name} overlap up to "
                f"{needed}. Train without --allow-leak, on shards with that purge.",
                file=str(suspect.run.folder / "config.toml"),
                era=there,
                value=float(distance),
            )


def _repeated_ids(suspect: Suspect) -> Iterator[Finding]:
    """Find ids that occur twice, in one part or in two."""
    ids, eras = [], []
    for part in parts_of(suspect).values():
        chosen = suspect.some(part.eras, _FAST_ERAS_OF_IDS)
        for block in suspect.shards.blocks(
            part.split, eras=chosen, features=(), targets=()
        ):
            ids.append(block.ids)
            eras.append(block.eras)
    every, n_times = np.unique(np.concatenate(ids), return_counts=True)
    for repeated in every[n_times > 1][:3]:
        found = np.concatenate(eras)[np.concatenate(ids) == repeated].tolist()
        yield Finding(
            f"the row {repeated.decode()} is there {len(found)} times, in the eras "
            f"{', '.join(f'{era:04d}' for era in found)}. Make the shards again.",
            file=str(suspect.shards.folder),
            column=columns.ID,
            era=found[-1],
            value=float(len(found)),
        )


def _misjoined(suspect: Suspect) -> Iterator[Finding]:
    """Find predictions on disk whose ids or values are not those of their era."""
    path = predictions_path(suspect.run.folder, suspect.on)
    if not path.is_file():
        return
    names = [columns.ID, columns.ERA, columns.PREDICTION]
    table = read_columns(path, names, f"nai score {suspect.run.name} --force")
    ids = np.array(table[columns.ID].to_pylist(), "S16")
    eras = np.array(table[columns.ERA].to_pylist()).astype(np.int16)
    values = table[columns.PREDICTION].to_numpy()
    for era in spread(suspect.predicted_eras, _FAST_ERAS):
        own = eras == era
        expected = suspect.out_of_sample.ids[suspect.out_of_sample.eras == era]
        places = places_of(expected, ids[own]) if own.any() else np.array([-1])
        if (places < 0).any() or own.sum() != len(expected):
            yield Finding(
                f"{path.name} has {int(own.sum())} rows of era {era:04d}, of which "
                f"{int((places >= 0).sum())} are among its {len(expected)} rows. "
                f"Run `nai score {suspect.run.name} --force`.",
                file=str(path),
                column=columns.ID,
                era=era,
                value=float(own.sum()),
            )
        elif not _is_same(values[own][places], suspect.predictions_of(era)):
            yield Finding(
                f"{path.name} has other predictions of era {era:04d} than the run "
                f"makes. Run `nai score {suspect.run.name} --force`.",
                file=str(path),
                column=columns.PREDICTION,
                era=era,
            )


def _is_same(found: npt.NDArray[np.float32], expected: npt.NDArray[np.float32]) -> bool:
    return bool(np.allclose(found, expected, rtol=1e-4, atol=1e-4 * expected.std()))


def _unlike_original(suspect: Suspect) -> Iterator[Finding]:
    """Compare rows of the shards with the Parquet that they were made from."""
    files, _ = original_files(suspect)
    for part in parts_of(suspect).values() if files else ():
        for era in suspect.some(part.eras, _FAST_ERAS):
            yield from _unlike_in(suspect, part, era)


def _unlike_in(suspect: Suspect, part: Part, era: int) -> Iterator[Finding]:
    files, _ = original_files(suspect)
    every = suspect.run.features
    features = (
        every
        if suspect.is_full
        else tuple(every[at] for at in spread(range(len(every)), _FAST_FEATURES))
    )
    targets = suspect.shards.manifest.target_names
    found = read_original(files, era, features, targets)
    if found is None:
        yield Finding(
            f"era {era:04d} is in no file of {suspect.data}. Run `nai etl`.",
            file=str(suspect.data),
            era=era,
        )
        return
    path, original = found
    block = suspect.shards.read(
        part.split, eras=(era,), features=features, targets=targets
    )
    places = places_of(block.ids, original.ids)
    if (places < 0).any():
        yield Finding(
            f"era {era:04d} of the shards has {int((places < 0).sum())} rows that "
            f"{path.name} does not have in that era. Run `nai etl --force`.",
            file=str(path),
            column=columns.ID,
            era=era,
        )
        return
    yield from _unequal(
        path.as_posix(), era, block, original, places, (*features, *targets)
    )


def _unequal(
    file: str,
    era: int,
    block: Block,
    original: Block,
    places: npt.NDArray[np.intp],
    names: tuple[str, ...],
) -> Iterator[Finding]:
    """Find the columns of an era that differ from the original."""
    other_y = original.y[places]
    differs = np.hstack(
        [
            block.x != original.x[places],
            ~((block.y == other_y) | (np.isnan(block.y) & np.isnan(other_y))),
        ]
    )
    for at in np.flatnonzero(differs.any(axis=0)):
        n_rows = int(differs[:, at].sum())
        yield Finding(
            f"{names[at]} of era {era:04d} differs in {n_rows} of {len(block)} rows "
            f"between the shards and {file}. Run `nai etl --force`.",
            file=file,
            column=names[at],
            era=era,
            value=float(n_rows),
        )
