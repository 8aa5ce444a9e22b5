"""Steps that reshape a row of features to a grid."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

from numerai_pipeline.models.networks.keras_backend import load_keras
from numerai_pipeline.models.networks.transform.step import (
    PLACES,
    SIZE,
    SIZES,
    Shape,
    Step,
    show_shape,
)


class _Reshaping(Step):
    """A row of features, read into a grid position by position.

    The letters of its name are the axes in the order in which the row is read; the
    result always has y, x and, if there are channels, z.
    """

    def shape(self, shape: Shape) -> Shape:
        """Return the grid's shape."""
        found, expected = self.features(shape), math.prod(self._read_as)
        if found != expected:
            raise self.refuse(
                f"expects {expected:,} features ({show_shape(self._read_as)}), but "
                f"finds {found:,}."
            )
        return tuple(self._read_as[axis - 1] for axis in self._axes)

    def apply(self, x: Any) -> Any:
        """Reshape and reorder the axes."""
        layers = load_keras().layers
        grid = layers.Reshape(self._read_as)(x)
        if self._axes == tuple(sorted(self._axes)):
            return grid
        return layers.Permute(self._axes)(grid)

    @property
    def _read_as(self) -> Shape:
        return tuple(getattr(self, letter) for letter in self.NAME.lower())

    @property
    def _axes(self) -> Shape:
        """The positions of y, x and z in the order of reading, from 1 as in Keras."""
        return tuple(self.NAME.index(axis) + 1 for axis in "YXZ" if axis in self.NAME)


@dataclass(frozen=True)
class RowByRow(_Reshaping):
    """``YX,y,x``: ``y`` rows of ``x``, one row after the other: ``(y, x)``."""

    NAME: ClassVar = "YX"
    ARGUMENTS: ClassVar = {"y": SIZE, "x": SIZE}

    y: int
    x: int


@dataclass(frozen=True)
class ColumnByColumn(RowByRow):
    """``XY,y,x``: ``x`` columns of ``y``, one after the other: ``(y, x)``."""

    NAME: ClassVar = "XY"


@dataclass(frozen=True)
class PlaceByPlace(_Reshaping):
    """``YXZ,y,x,z``: ``z`` channels of a position, then of the next: ``(y, x, z)``."""

    NAME: ClassVar = "YXZ"
    ARGUMENTS: ClassVar = {"y": SIZE, "x": SIZE, "z": SIZE}

    y: int
    x: int
    z: int


@dataclass(frozen=True)
class ChannelByChannel(_Reshaping):
    """``ZYX,z,y,x``: a channel of ``y * x``, then the next: ``(y, x, z)``."""

    NAME: ClassVar = "ZYX"
    ARGUMENTS: ClassVar = {"z": SIZE, "y": SIZE, "x": SIZE}

    z: int
    y: int
    x: int


@dataclass(frozen=True)
class SixChannels(Step):
    """``C6,y,x``: the 1,050 features of an old release in six channels: ``(y, x, 6)``.

    The last 50 are repeated four times, so that 1,000 + 4 * 50 = 1,200 features are
    6 channels of ``y * x`` = 200, a channel after the other.
    """

    NAME: ClassVar = "C6"
    ARGUMENTS: ClassVar = {"y": SIZE, "x": SIZE}
    _FEATURES: ClassVar = 1_050
    _REPEATED: ClassVar = 50
    _TIMES: ClassVar = 4
    _CHANNELS: ClassVar = 6

    y: int
    x: int

    def shape(self, shape: Shape) -> Shape:
        """Return ``(y, x, 6)``."""
        found = self.features(shape)
        if found != self._FEATURES:
            raise self.refuse(
                f"expects {self._FEATURES:,} features, but finds {found:,}."
            )
        if self.y * self.x != self._filled // self._CHANNELS:
            raise self.refuse(
                f"expects y * x = {self._filled // self._CHANNELS}, but finds "
                f"{self.y} x {self.x} = {self.y * self.x:,}."
            )
        return self.y, self.x, self._CHANNELS

    def apply(self, x: Any) -> Any:
        """Repeat the last features, and make the channels."""
        kept = self._FEATURES - self._REPEATED
        parts = [x[:, :kept], *[x[:, kept:]] * self._TIMES]
        whole = load_keras().ops.concatenate(parts, 1)
        return ChannelByChannel(self._CHANNELS, self.y, self.x).apply(whole)

    @property
    def _filled(self) -> int:
        return self._FEATURES + (self._TIMES - 1) * self._REPEATED


@dataclass(frozen=True)
class Pieces(Step):
    """``ZP,y:x,o0:o1:...``: one piece per row, padded with zeros: ``(y, x)``.

    The features are cut at the offsets: ``y + 1`` of them say where each piece starts
    and where the last one ends; with ``y`` of them it ends with the features.
    """

    NAME: ClassVar = "ZP"
    ARGUMENTS: ClassVar = {"y:x": SIZES, "o0:o1:...": PLACES}

    size: tuple[int, int]
    offsets: tuple[int, ...]

    def shape(self, shape: Shape) -> Shape:
        """Return ``(y, x)``."""
        found = self.features(shape)
        y, x = self.size
        if len(self.offsets) not in (y, y + 1):
            raise self.refuse(
                f"expects {y} or {y + 1} offsets for {y} rows, but finds "
                f"{len(self.offsets)}."
            )
        for start, stop in self._pieces(found):
            if not start < stop <= found:
                raise self.refuse(
                    f"cuts a piece from {start:,} to {stop:,}, but expects offsets "
                    f"that rise and end within the {found:,} features."
                )
            if stop - start > x:
                raise self.refuse(
                    f"expects pieces of at most x = {x:,} features, but finds "
                    f"{stop - start:,} from {start:,} to {stop:,}."
                )
        return y, x

    def apply(self, x: Any) -> Any:
        """Cut, pad and stack."""
        ops = load_keras().ops
        width = self.size[1]
        rows = [
            ops.pad(x[:, start:stop], ((0, 0), (0, width - (stop - start))))
            for start, stop in self._pieces(x.shape[1])
        ]
        return ops.stack(rows, axis=1)

    def _pieces(self, n_features: int) -> list[tuple[int, int]]:
        has_end = len(self.offsets) == self.size[0] + 1
        ends = self.offsets if has_end else (*self.offsets, n_features)
        return list(pairwise(ends))
