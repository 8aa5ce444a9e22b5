import pickle
import signal
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from planted_market import SETS, write_market
from recorded_progress import Killed, RecordedProgress

from numerai_pipeline.data import EtlOptions, ShardReader, build_shards
from numerai_pipeline.models import Recipe, new_model
from numerai_pipeline.models import family as find_family
from numerai_pipeline.training import TrainingJob, latest_run, train

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

# Small enough for a second a training, and all it needs to learn what is planted.
QUICK = {
    "mlp": {
        "parameters": {"units": [16]},
        "training": {"epochs": 4, "batch_rows": 128, "learning_rate": 0.01},
    },
    "lightgbm": {
        "parameters": {
            "n_estimators": 60,
            "learning_rate": 0.1,
            "colsample_bytree": 0.5,
        },
        "training": {"evaluate_every": 10},
    },
    "xgboost": {
        "parameters": {
            "n_estimators": 60,
            "learning_rate": 0.1,
            "colsample_bytree": 0.5,
        },
        "training": {"evaluate_every": 10},
    },
    "catboost": {
        "parameters": {
            "n_estimators": 60,
            "learning_rate": 0.1,
            "colsample_bytree": 0.5,
        },
        "training": {"evaluate_every": 10},
    },
    "ridge": {"parameters": {}, "training": {}},
}


def make_shards(folder, *, is_shuffled=False, is_resolved=True, **options):
    write_market(folder / "v5.3", is_shuffled=is_shuffled, is_resolved=is_resolved)
    options = EtlOptions(**{"purge": 2, **options})
    build_shards(folder / "v5.3", folder / "shards", options)
    return folder / "shards"


@pytest.fixture
def file_size_limit():
    """A context in which no file can grow beyond some bytes, as on a full disk."""
    resource = pytest.importorskip("resource")

    @contextmanager
    def limit(n_bytes):
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, handler)

    return limit


@pytest.fixture(scope="session")
def shards(made_once):
    """Shards with a planted signal."""
    return made_once("market", make_shards) / "shards"


@pytest.fixture(scope="session")
def shuffled_shards(made_once):
    """The same with shuffled targets: nothing can be learned."""
    shuffled = partial(make_shards, is_shuffled=True)
    return made_once("shuffled-market", shuffled) / "shards"


@pytest.fixture
def market_shards(tmp_path):
    """A function that makes shards with other ETL options."""
    return lambda **options: make_shards(tmp_path / "market", **options)


def new_job(folder, family, shards, *, parameters=(), training=(), **recipe):
    """Make a model under `folder` and return the job that trains it."""
    options = {**QUICK[family]["training"], **dict(training)}
    feature_set = recipe.setdefault("feature_set", "all")
    checked = new_model(
        folder,
        find_family(family),
        feature_set=feature_set,
        n_features=len(SETS[feature_set]),
        target=recipe.setdefault("target", "target"),
        overrides={
            **QUICK[family]["parameters"],
            **dict(parameters),
            **{f"training.{key}": value for key, value in options.items()},
        },
    )
    return TrainingJob(
        name=family,
        recipe=checked.recipe.model_copy(update=recipe),
        untrained=folder / checked.family.untrained_file,
        shards=shards,
        runs=folder / "runs",
        # Two eras of purge, as the shards have: the market is small.
        fold=ShardReader(shards).default_fold(
            checked.targets, eras=recipe.get("eras", ""), allow_leak=True
        ),
        allow_leak=True,
        started=NOON,
        features=tuple(SETS[feature_set]),
    )


@pytest.fixture
def make_job(tmp_path, shards):
    """A function that makes a model of a family and the job that trains it."""

    def make(family="lightgbm", *, shards=shards, name=None, **options):
        return new_job(tmp_path / (name or family), family, shards, **options)

    return make


@pytest.fixture(scope="module")
def make_job_once(tmp_path_factory, shards):
    """The same for the tests of a file."""

    def make(family, **options):
        return new_job(tmp_path_factory.mktemp(family), family, shards, **options)

    return make


@pytest.fixture(scope="session")
def trained(made_once, shards):
    """A function that returns a family's job and its run, trained once; read only."""

    def train_once(family):
        def write(folder):
            job = new_job(folder, family, shards)
            train(job)
            (folder / "job.pickle").write_bytes(pickle.dumps(job))

        folder = made_once(f"trained-{family}", write)
        job = pickle.loads((folder / "job.pickle").read_bytes())  # noqa: S301 - ours
        return job, latest_run(job.runs)

    return train_once


@pytest.fixture
def edited():
    """A function that returns a job with another recipe."""

    def edit(job, **changes):
        table = {**job.recipe.model_dump(), **changes}
        return replace(job, recipe=Recipe.model_validate(table))

    return edit


@pytest.fixture
def killed_at():
    """A function that returns a progress which kills, and the kill's exception."""
    return lambda **where: (RecordedProgress(**where), Killed)
