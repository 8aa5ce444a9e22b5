"""Whether the ETL makes the same rows of files that end earlier."""

import shutil
from pathlib import Path

import numpy as np

from numerai_pipeline.core import columns
from numerai_pipeline.data import EtlOptions, ShardReader, build_shards, read_columns
from numerai_pipeline.evaluation.leaks.originals import original_files, places_of
from numerai_pipeline.evaluation.leaks.report import Finding
from numerai_pipeline.evaluation.leaks.suspect import Suspect

# Eras of each file that the ETL reads again. All at once would take the memory and
# time of the whole ETL; what an era becomes does not depend on how many there are.
_FAST_ERAS, _FULL_ERAS = 3, 24

_CATALOG = "features.json"

_REMEDY = "nai download --force"


def check_etl(suspect: Suspect, *, last: int) -> tuple[list[Finding], list[str]]:
    """Make shards of Parquet that ends with an era, and compare them.

    Args:
        suspect: what is checked.
        last: the last era that is kept.

    Returns:
        What differs, and what was not tested.
    """
    files, why = original_files(suspect)
    if why:
        return [], [f"the ETL on files that end earlier: {why}"]
    n_eras = _FULL_ERAS if suspect.is_full else _FAST_ERAS
    there = set(suspect.shards.eras())
    folder = suspect.work / "cut-data"
    folder.mkdir()
    for path in files:
        eras = [era for era in _eras_of(path) if era <= last and era in there]
        if not eras:
            return [], [f"the ETL on files that end earlier: {path.name} begins later"]
        _cut(path, eras[-n_eras:], folder / path.name)
    shutil.copyfile(suspect.data / _CATALOG, folder / _CATALOG)
    build_shards(folder, suspect.work / "cut-etl", _options(suspect))
    again = ShardReader(suspect.work / "cut-etl")
    findings = []
    for era in again.eras():
        findings += _unlike(suspect, again, era)
    return findings, [f"the ETL of all but {n_eras} eras per file that end earlier"]


def _eras_of(path: Path) -> list[int]:
    """Return the numbers of a file's eras, ascending."""
    column = read_columns(path, [columns.ERA], _REMEDY)[columns.ERA]
    return sorted(int(era) for era in column.unique().to_pylist())


def _cut(path: Path, eras: list[int], into: Path) -> None:
    import pyarrow.parquet as pq

    names = [f"{era:04d}" for era in eras]
    pq.write_table(pq.read_table(path, filters=[(columns.ERA, "in", names)]), into)


def _options(suspect: Suspect) -> EtlOptions:
    """Return the options of the shards, with all eras in a split and no purge."""
    found = suspect.shards.manifest.provenance.options
    options = EtlOptions.model_validate(
        {name: found[name] for name in EtlOptions.model_fields if name in found}
    )
    return options.model_copy(
        update={
            "eras_subset": None,
            "split": None if "validation" in options.sources else 0.5,
            "split_test": None,
            "split_by": "era",
            "split_valid_only": False,
            "purge": 0,
            "balance": False,
        }
    )


def _unlike(suspect: Suspect, again: ShardReader, era: int) -> list[Finding]:
    """Compare an era of the shards with what the cut files became."""
    block = suspect.shards.read(None, eras=(era,))
    other = again.read(None, eras=(era,))
    file = str(suspect.shards.folder)
    places = places_of(block.ids, other.ids)
    if (places < 0).any():
        n_others = int((places < 0).sum())
        return [
            Finding(
                f"era {era:04d} has {n_others} rows that are not there when later eras "
                "are cut off the Parquet files.",
                file=file,
                column=columns.ID,
                era=era,
                value=float(n_others),
            )
        ]
    differs = np.hstack(
        [
            block.x != other.x[places],
            block.y.view(np.uint32) != other.y[places].view(np.uint32),
        ]
    ).sum(axis=0)
    names = (*suspect.shards.manifest.features, *suspect.shards.manifest.target_names)
    return [
        Finding(
            f"{names[at]} of era {era:04d} is another in {differs[at]} rows when later "
            "eras are cut off the Parquet files.",
            file=file,
            column=names[at],
            era=era,
            value=float(differs[at]),
        )
        for at in np.flatnonzero(differs)
    ]
