"""From nothing to shards: ``init``, ``download``, ``etl``, ``inspect``."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from numerai_pipeline.api.base import Base
from numerai_pipeline.api.parameters import (
    Cli,
    Folder,
    Names,
    Pairs,
    Size,
    names_of,
    size_of,
)
from numerai_pipeline.api.results import (
    Description,
    Downloaded,
    FileList,
    RemoteFile,
    Shards,
    Written,
)
from numerai_pipeline.api.simulation import Simulation, simulated_settings
from numerai_pipeline.core import (
    ConfigError,
    Settings,
    SubmissionSettings,
    TournamentRefused,
    commented_toml,
    did_you_mean,
    parse_table,
    write_text,
)

if TYPE_CHECKING:
    from numerai_pipeline.data import DownloadedFile

# What each flag of `nai download` fetches. Live data belongs to a round.
FILES_OF_KIND = {
    "features": ("features.json",),
    "train": ("train.parquet",),
    "validation": ("validation.parquet",),
    "meta": ("meta_model.parquet",),
    "benchmarks": (
        "train_benchmark_models.parquet",
        "validation_benchmark_models.parquet",
    ),
}

CONTENT, SPLITS = Cli(panel="What goes in"), Cli(panel="Splits")
COLUMNS, FILES = Cli(panel="Columns"), Cli(panel="Files and memory")


class DataCommands(Base):
    """The commands that bring data into the workspace."""

    def init(
        self,
        *,
        simulation: Annotated[
            str | Simulation | None, Cli(kind=str, metavar="URL")
        ] = None,
        models: Annotated[Pairs, Cli(metavar="MODEL=NUMERAI_MODEL")] = None,
        force: bool = False,
    ) -> Written:
        """Write `numerai.toml` with every key, its default and the reason for it.

        Args:
            simulation: URL of a simulated tournament to use instead of the real one.
            models: A model to submit and its name at Numerai; can be repeated.
            force: Overwrite an existing numerai.toml.

        Returns:
            The path of the file.

        Raises:
            ConfigError: if it exists and ``force`` is not given.

        Examples:
            nai init -w ~/numerai
        """
        path = self.workspace.settings_path
        if path.exists() and not force:
            raise ConfigError(
                f"{path} exists. Edit it, or pass --force to start from the defaults."
            )
        if simulation is None:
            submission = SubmissionSettings(models=dict(models or {}))
            settings = Settings(submission=submission)
        else:
            url = simulation if isinstance(simulation, str) else simulation.url
            settings = simulated_settings(url, models or {})
        write_text(path, commented_toml(settings))
        # The settings read before are stale.
        self.__dict__.pop("settings", None)
        return Written(path)

    def download(  # noqa: PLR0913 - each is an option of its own
        self,
        *,
        train: bool = False,
        validation: bool = False,
        live: bool = False,
        features: bool = False,
        meta: bool = False,
        benchmarks: bool = False,
        everything: Annotated[bool, Cli(option="--all")] = False,
        version: str | None = None,
        force: bool = False,
        list_files: Annotated[bool, Cli(option="--list")] = False,
    ) -> Downloaded | FileList:
        """Download the tournament's files; those that are up to date are kept.

        By default everything except live data. An interrupted download resumes where it
        stopped.

        Args:
            train: Training data.
            validation: Validation data.
            live: Live data of the open round.
            features: features.json: names and sets of features.
            meta: Predictions of the meta model.
            benchmarks: Predictions of Numerai's benchmark models.
            everything: All of these, including live data.
            version: Data release; by default that of numerai.toml.
            force: Download again even if up to date.
            list_files: List releases and files instead; --version lists one release.

        Raises:
            ConfigError: if files are both listed and requested.
            TournamentRefused: if a file or release does not exist, or if live data is
                requested and no round is open.

        Examples:
            nai download --train --features
        """
        flags = {
            "features": features,
            "train": train,
            "validation": validation,
            "meta": meta,
            "benchmarks": benchmarks,
        }
        if list_files:
            if force or live or everything or any(flags.values()):
                raise ConfigError(
                    "--list fetches nothing. Leave out all other options but --version."
                )
            return self._list(version)
        kinds = [kind for kind in FILES_OF_KIND if flags[kind] or everything]
        if not kinds and not live:
            kinds = list(FILES_OF_KIND)
        release = version or self.settings.data.version
        names = [f"{release}/{file}" for kind in kinds for file in FILES_OF_KIND[kind]]
        paths = []
        files = _fetch(self, names, force=force) if names else []
        if live or everything:
            number = self.tournament.current_round().number
            paths.append(fetch_live(self, number, version=version, force=force))
        return Downloaded(files, paths)

    def _list(self, version: str | None) -> FileList:
        served = sorted(self.tournament.list_files())
        files = [RemoteFile.of(name) for name in served]
        releases = sorted({file.release for file in files})
        if version is not None and version not in releases:
            hint = did_you_mean(version, releases, listing="It has")
            raise TournamentRefused(
                f"{self.tournament.host} has no release '{version}'. {hint}"
            )
        return FileList([f for f in files if version in (None, f.release)])

    def etl(  # noqa: PLR0913 - each is an option of its own
        self,
        *,
        train: Annotated[bool, CONTENT] = False,
        validation: Annotated[bool, CONTENT] = False,
        live: Annotated[bool, CONTENT] = False,
        everything: Annotated[bool, CONTENT, Cli(option="--all")] = False,
        eras_subset: Annotated[str | None, CONTENT] = None,
        balance: Annotated[bool, CONTENT] = False,
        split: Annotated[float | None, SPLITS] = None,
        split_test: Annotated[float | None, SPLITS] = None,
        split_by: Annotated[str | None, SPLITS] = None,
        split_valid_only: Annotated[bool, SPLITS] = False,
        seed: Annotated[int | None, SPLITS] = None,
        purge: Annotated[int | None, SPLITS] = None,
        feature_set: Annotated[str | None, COLUMNS] = None,
        order: Annotated[str | None, COLUMNS] = None,
        targets: Annotated[Names | None, COLUMNS] = None,
        layout: Annotated[str | None, FILES] = None,
        rows_per_shard: Annotated[int | None, FILES, Cli(option="--shard")] = None,
        shard_per_era: Annotated[bool, FILES, Cli(option="--eras")] = False,
        shards: Annotated[Folder | None, FILES, Cli(option="--dir")] = None,
        max_ram: Annotated[Size, FILES] = None,
        force: bool = False,
    ) -> Shards:
        """Convert Parquet files to shards, which pack three features into a byte.

        By default the eras of train.parquet are for training and those of
        validation.parquet for validation, with the last training eras purged. Nothing
        is done if the shards are up to date; an interrupted run resumes.

        Args:
            train: Use only train.parquet.
            validation: Use only validation.parquet.
            live: Convert the newest live.parquet, to shards/live.
            everything: Pool train and validation rows; the latest fifth of the eras is
                for validation, or the share of --split.
            eras_subset: Eras to use: even, odd, every:4, every:4:1 or 1-120,300-.
            balance: Drop training rows with common target values.
            split: Share of the eras for validation, the latest ones, such as 0.2.
            split_test: Share of the eras for a test split, the very latest ones.
            split_by: era; or rows: random rows, which leaks.
            split_valid_only: Take validation eras only from validation.parquet; train
                on everything else.
            seed: Seed of --split-by rows.
            purge: Eras dropped before the validation eras; by default 8 or 16, as
                the targets need.
            feature_set: Feature set, from features.json.
            order: Order of features: catalog, or groups (intelligence, charisma, ...).
            targets: Targets to pack, separated by commas; by default all.
            layout: packed; or rows: one tf.train.Example of floats per row.
            rows_per_shard: Rows per file.
            shard_per_era: Write files per era, with the era in their names.
            shards: Folder of the shards; by default that of numerai.toml.
            max_ram: Memory it may use: 800MB, 2GB, 25%.
            force: Rebuild even if up to date.

        Raises:
            ConfigError: if an option contradicts another one.
            DataError: if a file is missing or broken.

        Examples:
            nai etl --all --split 0.2
        """
        from numerai_pipeline.data import EtlOptions, build_shards

        pooled = everything or split_valid_only
        data = self.settings.data
        defaults = {
            "data_version": data.version,
            "feature_set": data.feature_set,
            "targets": data.targets,
        }
        given = {
            "sources": _sources(
                train=train,
                validation=validation,
                live=live,
                pooled=pooled,
                split=split,
            ),
            "eras_subset": eras_subset,
            "balance": balance or None,
            "split": 0.2 if pooled and split is None else split,
            "split_test": split_test,
            "split_by": split_by,
            "split_valid_only": split_valid_only or None,
            "seed": seed,
            "purge": purge,
            "feature_set": feature_set,
            "order": order,
            "targets": None if targets is None else names_of(targets),
            "layout": layout,
            "rows_per_shard": rows_per_shard,
            "shard_per_era": shard_per_era or None,
        }
        known = {key: value for key, value in given.items() if value is not None}
        options = parse_table(EtlOptions, {**defaults, **known}, where="nai etl")
        # Live rows have their own folder.
        own = self.workspace.shards_dir("live") if options.is_live else self.shards_dir
        folder = own if shards is None else Path(shards)
        manifest = build_shards(
            self.data_dir,
            folder,
            options,
            live_file=self.workspace.newest_live_file(),
            max_ram_bytes=size_of(max_ram),
            force=force,
            progress=self.progress,
        )
        return Shards(folder, manifest)

    def inspect(self, path: Folder, *, verify: bool = False) -> Description:
        """Show what is in a Parquet file, a data folder, a shard folder or a run.

        Args:
            path: A Parquet file, or a folder of data, of shards or of a run.
            verify: Read every byte and check every checksum.

        Raises:
            DataError: if it is none of these, or broken.

        Examples:
            nai inspect shards/main --verify
        """
        from numerai_pipeline.data import inspect_path
        from numerai_pipeline.training import RUN_CONFIG, Run

        path = Path(path)
        if not (path / RUN_CONFIG).is_file():
            return Description(path, inspect_path(path, verify=verify))
        run = Run.open(path)
        found: dict[str, Any] = {
            "kind": "run",
            "model": run.name,
            "family": run.recipe.family,
            "features": len(run.features),
            "target": run.target,
            "seeds": run.recipe.seeds,
            "is_done": run.is_done,
            "parameters": run.recipe.parameters,
            "training": run.recipe.training,
        }
        if run.is_done:
            best = run.best()
            if not run.is_ensemble:  # which has no epochs
                found |= {"best_epoch": best.epoch, run.monitor: best.value}
            found["file"] = best.path
        found["history"] = [asdict(epoch) for epoch in run.history()]
        return Description(path, found)


def fetch_live(
    project: Base,
    round_number: int,
    *,
    file: str = "live.parquet",
    version: str | None = None,
    force: bool = False,
) -> Path:
    """Download a round's live data, or another file of it, into the round's folder.

    Returns:
        The path of the file.
    """
    release = version or project.settings.data.version
    path = project.workspace.round_dir(round_number) / file
    _fetch(
        project,
        [f"{release}/{file}"],
        force=force,
        into=path.parent,
        round_number=round_number,
    )
    return path


def _fetch(
    project: Base,
    names: list[str],
    *,
    force: bool,
    into: Path | None = None,
    round_number: int | None = None,
) -> "list[DownloadedFile]":
    from numerai_pipeline.data import download

    settings = project.settings
    return download(
        project.tournament,
        names,
        project.data_dir.parent,
        into=into,
        force=force,
        round_number=round_number,
        timeout_seconds=settings.tournament.timeout_seconds,
        deadline_seconds=settings.tournament.deadline_seconds,
        clock=project.clock,
        progress=project.progress,
    )


def _sources(
    *, train: bool, validation: bool, live: bool, pooled: bool, split: float | None
) -> tuple[str, ...] | None:
    flags = {"train": train, "validation": validation, "live": live}
    named = tuple(name for name, is_named in flags.items() if is_named)
    if pooled and named in ((), ("train", "validation")):
        return ("train", "validation")
    if pooled:
        raise ConfigError(
            "--all pools train.parquet and validation.parquet: remove "
            f"--{' --'.join(named)}."
        )
    if named:
        return named
    return None if split is None else ("train",)
