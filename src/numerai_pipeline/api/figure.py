"""A figure that a notebook shows, with or without pyplot."""

import io

from matplotlib.figure import Figure

_DPI = 100


class CellFigure(Figure):
    """A matplotlib figure that a notebook cell shows as an image."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DPI)
        return buffer.getvalue()
