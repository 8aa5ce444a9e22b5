"""The second pass over the files: features, targets and ids into shard files."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from numerai_pipeline.core import Progress
from numerai_pipeline.data.etl.sides import NOWHERE, Sides, code_of
from numerai_pipeline.data.etl.survey import Survey
from numerai_pipeline.data.etl.unfinished import Journal
from numerai_pipeline.data.etl.work import Work
from numerai_pipeline.data.parquet.limits import Limits
from numerai_pipeline.data.parquet.windows import Strip, packed_strips
from numerai_pipeline.data.shards.layouts import layout
from numerai_pipeline.data.shards.manifest import SplitEntry
from numerai_pipeline.data.shards.palettes import PaletteCoder
from numerai_pipeline.data.shards.writer import SplitWriter


def write_splits(
    folder: Path,
    work: Work,
    *,
    journal: Journal,
    limits: Limits,
    progress: Progress,
) -> dict[str, SplitEntry]:
    """Write the shard files of all splits that the journal does not have yet.

    Args:
        folder: where they go.
        work: what is to be written.
        journal: what is whole already; told of every file.
        limits: what decoding may take.
        progress: told in rows.

    Returns:
        What each split holds, the files of the journal included.
    """
    content, assignment = work.content, work.assignment
    all_sides = _without_done(assignment.sides, journal)
    with ExitStack() as stack:
        writers = {}
        for name in assignment.splits:
            writer = SplitWriter(
                folder,
                name,
                layout=layout(
                    work.options.layout,
                    n_features=len(content.features),
                    palettes=work.palettes,
                ),
                rows_per_shard=work.options.rows_per_shard,
                per_era=work.options.shard_per_era,
                done=journal.done[name],
                closed=partial(journal.add, name),
            )
            stack.callback(writer.abort)
            writers[name] = writer
        by_code = {code_of(name): writer for name, writer in writers.items()}
        for found, sides in zip(work.surveys, all_sides, strict=True):
            total = int(np.count_nonzero(sides))
            name = f"packing {found.source.path.name}"
            with progress.task(name, total, "rows") as advance:
                for strip in packed_strips(
                    found.source,
                    content.features,
                    content.targets,
                    code_target=PaletteCoder(work.palettes),
                    scratch=folder,
                    wanted=sides != NOWHERE,
                    limits=limits,
                ):
                    advance(_write(strip, found, sides, by_code))
        return {name: writer.close() for name, writer in writers.items()}


def _without_done(all_sides: Sequence[Sides], journal: Journal) -> list[Sides]:
    """Take away the rows of files that are whole: the first ones of their split."""
    left = []
    n_done = {
        code_of(split): sum(shard.rows for shard in shards)
        for split, shards in journal.done.items()
    }
    for sides in all_sides:
        remaining = sides.copy()
        for code, rows in n_done.items():
            done = np.flatnonzero(sides == code)[:rows]
            remaining[done] = NOWHERE
            n_done[code] -= len(done)
        left.append(remaining)
    return left


def _write(
    strip: Strip, found: Survey, sides: Sides, writers: dict[int, SplitWriter]
) -> int:
    """Hand the rows of each era to the splits that they belong to; count them."""
    n_written = 0
    for era, start, stop in _pieces(strip, found):
        codes = sides[start:stop]
        rows = slice(start - strip.start, stop - strip.start)
        x, y, ids = strip.x[rows], strip.y[:, rows], strip.ids[rows]
        for code, writer in writers.items():
            chosen = codes == code
            n_chosen = int(np.count_nonzero(chosen))
            if n_chosen == len(codes):
                writer.add(era, x, y, ids)
            elif n_chosen:
                writer.add(era, x[chosen], y[:, chosen], ids[chosen])
            n_written += n_chosen
    return n_written


def _pieces(strip: Strip, found: Survey) -> Iterator[tuple[int, int, int]]:
    """Yield the eras of a strip, with the rows of the file from where to where."""
    end = strip.start + len(strip.ids)
    for era in found.eras:
        start, stop = max(era.start, strip.start), min(era.stop, end)
        if start < stop:
            yield era.era, start, stop
