"""The results of the commands: plain values, data frames, figures.

``to_dict`` is what ``--json`` prints, ``table`` a data frame; a notebook shows the
table. Some results also have a ``figure``.
"""

import os
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numerai_pipeline.core import format_time, printable

if TYPE_CHECKING:
    import pandas as pd

    from numerai_pipeline.api.figure import CellFigure
    from numerai_pipeline.data import DownloadedFile, ShardManifest


def flat(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return records with mappings in them written as columns of their own.

    >>> flat([{"name": "mlp", "run": {"id": "a"}}, {"name": "cnn", "run": None}])
    [{'name': 'mlp', 'run_id': 'a'}, {'name': 'cnn', 'run': None}]
    """
    rows = []
    for record in records:
        row: dict[str, Any] = {}
        for key, value in record.items():
            if isinstance(value, Mapping):
                row |= {f"{key}_{name}": each for name, each in value.items()}
            else:
                row[key] = value
        rows.append(row)
    return rows


class Result:
    """What a command returns."""

    @abstractmethod
    def to_dict(self) -> Any:
        """Return it for JSON: mappings, lists, texts, numbers, None."""

    @property
    def table(self) -> "pd.DataFrame":
        """A row for each record of ``to_dict``."""
        records = self.to_dict()
        return frame_of(records if isinstance(records, list) else [records])

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return 0

    def _repr_html_(self) -> str:
        return html_of(self.table)

    def __repr__(self) -> str:
        return repr(self.table)


@dataclass(frozen=True, repr=False)
class Written(Result, os.PathLike[str]):
    """A file or folder that was written; usable as a path.

    Attributes:
        path: where it is.
    """

    path: Path

    def to_dict(self) -> dict[str, str]:
        """Return its path."""
        return {"path": str(self.path)}

    def __fspath__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, repr=False)
class Downloaded(Result):
    """The files that are current now.

    Attributes:
        files: of the release.
        live: the open round's ``live.parquet``, where it was asked for.
    """

    files: "list[DownloadedFile]"
    live: list[Path]

    def to_dict(self) -> dict[str, Any]:
        """Return the files and the paths of live data."""
        return {"files": plain(self.files), "live": plain(self.live)}

    @property
    def table(self) -> "pd.DataFrame":
        """A row per file, by ``filename``: path, bytes, rows, eras, was_current."""
        live = [
            {"filename": path.name, "path": path, "bytes": path.stat().st_size}
            for path in self.live
        ]
        return frame_of([*self.files, *live], "filename")


@dataclass(frozen=True)
class RemoteFile:
    """A data file that the tournament serves.

    Attributes:
        release: such as ``v5.3``; empty for a file of no release.
        file: its name within the release.
    """

    release: str
    file: str

    @classmethod
    def of(cls, filename: str) -> "RemoteFile":
        """Return the file of a name such as ``v5.3/train.parquet``.

        >>> RemoteFile.of("v5.3/train.parquet").release
        'v5.3'
        """
        release, _, file = printable(filename).rpartition("/")
        return cls(release, file)


@dataclass(frozen=True, repr=False)
class FileList(Result):
    """The data files that the tournament serves.

    Attributes:
        files: by release and name.
    """

    files: list[RemoteFile]

    def to_dict(self) -> list[dict[str, str]]:
        """Return ``release`` and ``file`` of each."""
        return [asdict(file) for file in self.files]


@dataclass(frozen=True, repr=False)
class Shards(Result):
    """Shards that are current now.

    Attributes:
        folder: where they are.
        manifest: what they hold.
    """

    folder: Path
    manifest: "ShardManifest"

    def to_dict(self) -> dict[str, Any]:
        """Return the manifest."""
        return self.manifest.model_dump(mode="json")

    @property
    def table(self) -> "pd.DataFrame":
        """A row per ``split``: eras, first_era, last_era, rows, files, bytes."""
        rows = (
            {
                "split": name,
                "eras": len(split.eras),
                "first_era": split.eras[0],
                "last_era": split.eras[-1],
                "rows": split.rows,
                "files": len(split.shards),
                "bytes": sum(file.bytes for file in split.shards),
            }
            for name, split in self.manifest.splits.items()
        )
        return frame_of(rows, "split")

    @property
    def description(self) -> "Description":
        """What ``inspect`` prints of them."""
        from numerai_pipeline.data import inspect_path

        return Description(self.folder, inspect_path(self.folder))


@dataclass(frozen=True, repr=False)
class Description(Result):
    """What a file or folder holds.

    Attributes:
        path: the file or folder.
        found: its values and tables.
    """

    path: Path
    found: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return everything that was found."""
        return dict(plain(self.found))

    @property
    def tables(self) -> "dict[str, pd.DataFrame]":
        """What has many rows: splits, columns, history."""
        return {
            key: frame_of(value)
            for key, value in self.found.items()
            if isinstance(value, list) and value and isinstance(value[0], dict)
        }

    @property
    def values(self) -> "pd.Series[Any]":
        """What has one value."""
        import pandas as pd

        tables = self.tables
        values = {key: each for key, each in self.found.items() if key not in tables}
        return pd.Series(values, dtype=object)

    @property
    def table(self) -> "pd.DataFrame":
        """What has one value, as the column ``value``."""
        return self.values.to_frame("value")

    def _repr_html_(self) -> str:
        parts = [html_of(self.table)]
        for title, table in self.tables.items():
            parts.append(f"<p><b>{title}</b></p>{html_of(table)}")
        return "".join(parts)

    def __repr__(self) -> str:
        parts = [repr(self.values)]
        parts += [f"{title}\n{table}" for title, table in self.tables.items()]
        return "\n\n".join(parts)


@dataclass(frozen=True)
class ZooEntry:
    """A line of the zoo: a family, or a model of the workspace.

    Attributes:
        kind: ``family``, ``own family`` (in the workspace's zoo), ``model``, or
            ``broken`` (a file in the zoo that cannot be run).
        name: its name.
        about: summary of a family; family of a model; error of a broken file.
        best_epoch: of a model's latest run.
        monitor: metric that chose the best epoch.
        best_value: the monitored value.
        corr: mean CORR per test era of the run's last score; None without one.
    """

    kind: str
    name: str
    about: str
    best_epoch: int | None = None
    monitor: str | None = None
    best_value: float | None = None
    corr: float | None = None


@dataclass(frozen=True, repr=False)
class Zoo(Result):
    """The families, and the models of the workspace.

    Attributes:
        entries: families first.
    """

    entries: list[ZooEntry]

    def to_dict(self) -> list[Any]:
        """Return a list with one entry per line."""
        return list(plain(self.entries))

    @property
    def table(self) -> "pd.DataFrame":
        """A row per line, by ``name``."""
        return frame_of(self.entries, "name")


@dataclass(frozen=True, repr=False)
class Best(Result):
    """The best epoch of a run.

    Attributes:
        epoch: its number from 1; for trees the number of trees, for ridge that of the
            penalty; of an ensemble the number of members.
        value: the monitored value.
        path: the model's file.
    """

    epoch: int
    value: float
    path: Path

    def to_dict(self) -> dict[str, Any]:
        """Return epoch, value and path."""
        return dict(plain(asdict(self)))


@dataclass(frozen=True)
class Step:
    """A step of the demo that is done.

    Attributes:
        title: what it is about.
        command: the command that does it outside of the demo; empty if none does.
        result: what the command returned.
    """

    title: str
    command: str
    result: Result


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it.

    >>> plain({"at": Path("a"), 3: (1.5, float("nan"))})
    {'at': 'a', '3': [1.5, None]}
    """
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return str(value)


def frame_of(records: Iterable[Any], index: str | None = None) -> "pd.DataFrame":
    """Return dataclasses or mappings as a frame, with one field as its index."""
    import pandas as pd

    rows = [
        dict(record) if isinstance(record, Mapping) else asdict(record)
        for record in records
    ]
    frame = pd.DataFrame(rows)
    return frame.set_index(index) if rows and index else frame


def html_of(frame: "pd.DataFrame") -> str:
    """Return a frame as a notebook shows it: all columns, and no text is cut."""
    import pandas as pd

    with pd.option_context("display.max_colwidth", None):
        return str(frame.to_html(max_rows=20, na_rep="–", float_format="{:.4f}".format))


def empty_figure() -> "CellFigure":
    """Return a figure that a notebook shows."""
    from numerai_pipeline.api.figure import CellFigure

    return CellFigure(layout="constrained")
