"""The columns that go into the shards."""

from collections.abc import Sequence
from dataclasses import dataclass

from numerai_pipeline.core import columns
from numerai_pipeline.data.catalog import FeatureCatalog
from numerai_pipeline.data.etl.options import EtlOptions
from numerai_pipeline.data.parquet.source import ParquetSource
from numerai_pipeline.data.shards.manifest import FeatureGroup


@dataclass(frozen=True)
class Content:
    """What is read of each file, in the order of the shards.

    Attributes:
        sources: the files; all have the columns.
        features: names of the features.
        groups: how many features each group has, where they are ordered by group.
        targets: names of the targets; none for live rows.
    """

    sources: Sequence[ParquetSource]
    features: tuple[str, ...]
    groups: tuple[FeatureGroup, ...]
    targets: tuple[str, ...]


def choose_content(
    catalog: FeatureCatalog, sources: Sequence[ParquetSource], options: EtlOptions
) -> Content:
    """Choose the columns by name.

    Raises:
        ConfigError: if an unknown set or target is named.
        DataError: if a file lacks a column.
    """
    features = catalog.columns(options.feature_set)
    groups: tuple[FeatureGroup, ...] = ()
    if options.order == "groups":
        of_group = catalog.groups(features)
        features = tuple(name for names in of_group.values() for name in names)
        groups = tuple(
            FeatureGroup(name=name, n_features=len(names))
            for name, names in of_group.items()
        )
    targets = () if options.is_live else catalog.select_targets(options.targets)
    for source in sources:
        source.require([columns.ERA, *features, *targets])
    return Content(sources, features, groups, targets)
