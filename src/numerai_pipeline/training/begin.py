"""The run folder before the first epoch."""

import platform
from datetime import UTC
from importlib.metadata import version
from pathlib import Path

from numerai_pipeline.core import (
    ConfigError,
    Progress,
    atomic_folder,
    format_time,
    read_toml,
    write_json,
    write_text,
    write_toml,
)
from numerai_pipeline.training.engines import EngineModule
from numerai_pipeline.training.plan import Plan
from numerai_pipeline.training.run import CONFIG_FILE, FAMILY_FILE, FEATURES_FILE

# Hex digits of the fingerprint in a run's name.
_SHORT = 8


def short(fingerprint: str) -> str:
    """Return the part of a fingerprint that stands in the run's name."""
    return fingerprint[:_SHORT]


def find_run(runs: Path, fingerprint: str) -> Path | None:
    """Return the folder of the run with this fingerprint, if there is one."""
    for folder in sorted(runs.glob(f"*-{short(fingerprint)}")):
        try:
            run = read_toml(folder / CONFIG_FILE)["run"]
            if run["fingerprint"] == fingerprint:
                return folder
        except (ConfigError, KeyError, OSError, TypeError):
            continue  # `Run.open` complains of it when somebody needs it
    return None


def begin_run(plan: Plan, engine: EngineModule, progress: Progress) -> Path:
    """Make the run folder with all that training starts from, whole.

    Returns:
        The folder, ``<UTC time>-<8 hex digits of the fingerprint>``.
    """
    job = plan.job
    family = plan.checked.family
    stamp = job.started.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    folder = job.runs / f"{stamp}-{short(plan.fingerprint)}"
    with atomic_folder(folder) as partial:
        took_existing = plan.checked.write_untrained(
            job.untrained,
            n_features=len(plan.features),
            into=partial / family.untrained_file,
        )
        if not took_existing:
            progress.note(
                f"{job.untrained.name} was not made from this recipe and these "
                "features; starting from a new one"
            )
        if family.source:
            write_text(partial / FAMILY_FILE, family.source)
        (partial / "checkpoints").mkdir()
        write_json(
            partial / FEATURES_FILE,
            {
                "features": plan.features,
                "target": job.recipe.target,
                "missing": job.recipe.missing,
            },
        )
        write_toml(
            partial / CONFIG_FILE,
            {
                "run": {
                    "name": job.name,
                    "started": format_time(job.started),
                    "fingerprint": plan.fingerprint,
                    "shards": job.shards.name,
                    "shards_fingerprint": plan.reader.manifest.fingerprint,
                    "n_features": len(plan.features),
                    "train_rows": plan.reader.n_rows("train"),
                    "valid_rows": plan.reader.n_rows("valid"),
                    "device": engine.device(plan.checked.training),
                },
                "versions": {
                    "python": platform.python_version(),
                    **{
                        package: version(package)
                        for package in ("numerai-pipeline", "numpy", *engine.PACKAGES)
                    },
                },
                "recipe": plan.checked.complete().model_dump(mode="json"),
            },
        )
    return folder
