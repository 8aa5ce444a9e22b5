"""All that is decided before the first byte of a shard is written."""

from collections.abc import Sequence
from dataclasses import dataclass

from numerai_pipeline.core import Progress
from numerai_pipeline.data.etl.content import Content
from numerai_pipeline.data.etl.options import EtlOptions
from numerai_pipeline.data.etl.repeated_ids import IdCheck
from numerai_pipeline.data.etl.sides import Assignment, assign_rows
from numerai_pipeline.data.etl.survey import Survey, check_count, survey
from numerai_pipeline.data.shards.palettes import palette_of


@dataclass(frozen=True)
class Work:
    """What is to be written.

    Attributes:
        content: the files and their columns.
        options: what was asked for.
        surveys: one of each file.
        assignment: the side of every row.
        palettes: values of each target, ascending.
    """

    content: Content
    options: EtlOptions
    surveys: Sequence[Survey]
    assignment: Assignment
    palettes: Sequence[tuple[float, ...]]


def decide(content: Content, options: EtlOptions, progress: Progress) -> Work:
    """Survey the files and decide the side of every row.

    Raises:
        ConfigError: if a side would be empty.
        DataError: if a file holds what no release holds.
    """
    ids = IdCheck(sum(source.n_rows for source in content.sources))
    surveys = []
    for source in content.sources:
        name = f"surveying {source.path.name}"
        with progress.task(name, source.n_rows, "rows") as advance:
            surveys.append(
                survey(
                    source,
                    content.targets,
                    ids=ids,
                    advance=advance,
                    is_live=options.is_live,
                    keep=content.targets[0] if options.balance else None,
                )
            )
    ids.check(content.sources)
    seen = [
        frozenset().union(*of_target)
        for of_target in zip(*(found.values for found in surveys), strict=True)
    ]
    for name, values in zip(content.targets, seen, strict=True):
        check_count(", ".join(str(s.path) for s in content.sources), name, len(values))
    return Work(
        content=content,
        options=options,
        surveys=surveys,
        assignment=assign_rows(surveys, options, content.targets),
        palettes=[palette_of(values) for values in seen],
    )
