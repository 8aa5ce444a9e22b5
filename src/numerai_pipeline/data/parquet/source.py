"""A Parquet file of the tournament, checked, as numpy arrays."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from numerai_pipeline.core import DataError, columns
from numerai_pipeline.data.parquet import arrow_columns
from numerai_pipeline.data.parquet.arrow_columns import IllegalValue

# Small row groups are taken together: a call per column costs as much as a thousand
# values.
MIN_WINDOW_ROWS = 16_384

# Columns looked at together to find out how floats are scaled.
_PROBE_COLUMNS = 32


@dataclass(frozen=True)
class Window:
    """Consecutive row groups that are decoded together.

    Attributes:
        groups: their numbers.
        start: number of the first row in the file.
        rows: how many rows they hold.
    """

    groups: tuple[int, ...]
    start: int
    rows: int


class ParquetSource:
    """One Parquet file, open for several threads.

    Raises:
        DataError: from every method, if the file is missing, cut, not Parquet, or
            holds what no release holds; file, column and era are named.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise DataError(f"{path} does not exist. Run `nai download --{path.stem}`.")
        self._thread = threading.local()
        self._handles: list[Any] = []
        with self._reading():
            self.metadata: Any = pq.read_metadata(path)
        self.schema: Any = self._handle().schema_arrow
        self.n_rows: int = self.metadata.num_rows

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file in all threads."""
        for handle in self._handles:
            handle.close()

    def require(self, names: Sequence[str]) -> None:
        """Check that columns are there.

        Raises:
            DataError: if some are not, or one is there twice; the first are named.
        """
        known = Counter(self.schema.names)
        twice = [name for name in (*names, columns.ID) if known[name] > 1]
        if twice:
            raise DataError(
                f"{self.path} has the column {twice[0]} {known[twice[0]]} times. "
                "Download it again: `nai download --force`."
            )
        missing = [name for name in names if not known[name]]
        if missing:
            shown = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
            raise DataError(
                f"{self.path} has {len(known)} columns, but not {shown} "
                f"({len(missing)} missing). Download it and features.json from the "
                "same release: `nai download --force`."
            )

    def windows(self, wanted: npt.NDArray[np.bool_] | None = None) -> list[Window]:
        """Return the file in windows, in order.

        Args:
            wanted: ``(n_rows,)``; row groups without a wanted row are left out.
        """
        windows: list[Window] = []
        start = 0
        for group in range(self.metadata.num_row_groups):
            rows = self.metadata.row_group(group).num_rows
            if rows and (wanted is None or wanted[start : start + rows].any()):
                last = windows[-1] if windows else None
                if last and last.start + last.rows == start and _fits(last, rows):
                    windows[-1] = Window(
                        (*last.groups, group), last.start, last.rows + rows
                    )
                else:
                    windows.append(Window((group,), start, rows))
            start += rows
        return windows

    def read(self, window: Window, names: Sequence[str]) -> dict[str, Any]:
        """Decode columns of a window on the calling thread, as Arrow arrays."""
        with self._reading():
            table = self._handle().read_row_groups(
                list(window.groups), columns=list(names), use_threads=False
            )
            return dict(zip(table.column_names, table.columns, strict=True))

    def eras(self, window: Window) -> npt.NDArray[np.int16]:
        """Return ``(rows,)`` int16 eras of a window."""
        column = self.read(window, [columns.ERA])[columns.ERA]
        with self.naming(columns.ERA, window):
            return arrow_columns.era_values(column)

    def ids(self, window: Window) -> npt.NDArray[np.bytes_]:
        """Return ``(rows,)`` S16 ids of a window."""
        name = self._id_column()
        column = self.read(window, [name])[name]
        with self.naming(columns.ID, window):
            return arrow_columns.id_values(column)

    def target(self, window: Window, name: str) -> npt.NDArray[np.float32]:
        """Return ``(rows,)`` float32 values of a target, NaN where missing."""
        column = self.read(window, [name])[name]
        with self.naming(name, window):
            return arrow_columns.target_values(column)

    def holds_quarters(self) -> bool:
        """Return whether float features are 0, .25, .5, .75, 1 instead of 0..4.

        The first column that shows it decides for all features of the file, whichever
        are read; a file of 0 and 1 alone is taken as it stands.
        """
        floats = [
            name
            for name, kind in zip(self.schema.names, self.schema.types, strict=True)
            if columns.is_feature(name) and pa.types.is_floating(kind)
        ]
        for window in self.windows():
            for first in range(0, len(floats), _PROBE_COLUMNS):
                some = floats[first : first + _PROBE_COLUMNS]
                for column in self.read(window, some).values():
                    found = arrow_columns.shows_quarters(column)
                    if found is not None:
                        return found
        return False

    @contextmanager
    def naming(self, column: str, window: Window) -> Iterator[None]:
        """Turn an illegal value into an error that names file, column and era."""
        try:
            yield
        except IllegalValue as error:
            place = f"row {window.start + error.row:,}"
            if column != columns.ERA and columns.ERA in self.schema.names:
                era = arrow_columns.era_name(self.eras(window)[error.row])
                place += f" (era {era})"
            raise DataError(
                f"{self.path}: '{column}' in {place} {error}. "
                "Download the file again: `nai download --force`."
            ) from None

    def _id_column(self) -> str:
        """Return the column of ids: named ``id``, or the index that pandas wrote."""
        if columns.ID in self.schema.names:
            return columns.ID
        with self._reading():
            index = (self.schema.pandas_metadata or {}).get("index_columns") or []
        if len(index) == 1 and index[0] in self.schema.names:
            return str(index[0])
        raise DataError(
            f"{self.path} has no column '{columns.ID}' and no index of ids. "
            "Download it again: `nai download --force`."
        )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{self.path} is not a whole Parquet file ({str(error).rstrip('.')}). "
                "Download it again: `nai download --force`."
            ) from error

    def _handle(self) -> Any:
        """Return this thread's handle: one cannot be shared while it reads."""
        if not hasattr(self._thread, "handle"):
            # No memory map: pages of the file would count as this process's memory.
            with self._reading():
                handle = pq.ParquetFile(
                    self.path, metadata=self.metadata, pre_buffer=False
                )
            self._thread.handle = handle
            self._handles.append(handle)
        return self._thread.handle


def _fits(window: Window, rows: int) -> bool:
    return window.rows + rows <= MIN_WINDOW_ROWS
