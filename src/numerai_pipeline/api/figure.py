"""A figure that a notebook shows, whether or not it uses pyplot."""

import io

from matplotlib.figure import Figure

_DPI = 100


class CellFigure(Figure):
    """A figure of matplotlib that is its own picture in a cell."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DPI)
        return buffer.getvalue()
