"""Draws docs/images/training-terminal.svg. Run: python docs/picture_terminal.py FOLDER.

FOLDER is a workspace with shards and a model ``mlp``. The picture is what the terminal
shows after the twelfth epoch of a real training.
"""

import io
import sys
from pathlib import Path

from rich.console import Console

from numerai_pipeline.api import Project
from numerai_pipeline.training import Chart
from numerai_pipeline.views import TerminalProgress

PICTURE = Path(__file__).parent / "images" / "training-terminal.svg"
EPOCH = 12


class Camera(TerminalProgress):
    """The terminal's progress, photographed once."""

    def chart(self, chart: Chart) -> None:
        """Show it as always; after one of the epochs keep what is to be seen."""
        super().chart(chart)
        if self._bars is not None and chart.rows[-1].epoch == EPOCH:
            paper = Console(record=True, width=84, file=io.StringIO())
            paper.print("$ nai train mlp --tensorboard", highlight=False)
            paper.print(self._bars.get_renderable())
            paper.save_svg(str(PICTURE), title="nai train")


def main() -> None:
    """Train and draw."""
    console = Console(stderr=True, force_terminal=True, width=84)
    project = Project(Path(sys.argv[1]), progress=Camera(console))
    project.train("mlp", tensorboard=True)


if __name__ == "__main__":
    main()
