"""The notebooks run from top to bottom, in a folder of their own."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from numerai_simulator import preset, running_simulator

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:jupyter_client"),
]


@pytest.fixture(autouse=True, scope="module")
def inline() -> Iterator[None]:
    """Let the kernel choose how to draw, as in Jupyter."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MPLBACKEND")
        yield


def read(name: str) -> Any:
    """Return a notebook that plays on a tiny market and does not train for long."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    shorter = {
        'size="small"': 'size="tiny"',
        r'"epochs": \d': '"epochs": 2',
        r"n_estimators=\d+": "n_estimators=100",
        r"learning_rate=0\.\d+": "learning_rate=0.1",
        r"dropout in \(0\.1, 0\.5\)": "dropout in (0.1,)",
    }
    for cell in notebook.cells:
        for long, short in shorter.items():
            cell.source = re.sub(long, short, cell.source)
    return notebook


def run(notebook: Any, folder: Path) -> list[Any]:
    """Run a notebook in a folder and return its cells of code."""
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    return [cell for cell in notebook.cells if is_code(cell)]


def is_code(cell: Any) -> bool:
    return bool(cell.cell_type == "code")


def texts(cell: Any) -> str:
    """Return what a cell shows as text."""
    return "".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    )


def pictures(cells: list[Any]) -> int:
    return sum(
        "image/png" in output.get("data", {})
        for cell in cells
        for output in cell.outputs
    )


@pytest.fixture(scope="module")
def default_market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a simulated tournament with the demo's market."""
    folder = tmp_path_factory.mktemp("simulated") / "simulator"
    with running_simulator(folder, preset("small")) as simulator:
        yield simulator.url


def test_numerais_own_tools_work_against_the_simulator(
    tmp_path: Path, default_market: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMERAI_API_URL", default_market)
    cells = run(read("numerai_tutorial"), tmp_path)
    (table,) = [
        texts(cell) for cell in cells if texts(cell).lstrip().startswith("mean")
    ]
    means = dict(re.findall(r"^(CORR|MMC) +(\S+)", table, flags=re.M))
    # 36 eras of 450 rows: the standard error is about 0.013.
    assert float(means["CORR"]) > 0.02
    assert "MMC" in means
    assert texts(cells[-1]) == "True"


# In the manner of Numerai's notebooks: the set `small` group by group, a LightGBM on
# it, and its predictions neutralized to one group.
FEATURE_NEUTRALIZATION = [
    """
import json, os
import lightgbm as lgb
import matplotlib.pyplot as plt
import numerapi, pandas as pd
from numerai_tools.scoring import neutralize, numerai_corr
numerapi.base_api.API_TOURNAMENT_URL = os.environ["NUMERAI_API_URL"]
napi = numerapi.NumerAPI(verbosity="ERROR", show_progress_bars=False)
for file in ("features.json", "train.parquet", "validation.parquet"):
    napi.download_dataset(f"v5.3/{file}")
sets = json.load(open("v5.3/features.json"))["feature_sets"]
small = sets["small"]
columns = ["era", "target", *small]
train = pd.read_parquet("v5.3/train.parquet", columns=columns)
validation = pd.read_parquet("v5.3/validation.parquet", columns=columns).dropna()
""",
    """
GROUPS = ("intelligence", "wisdom", "charisma", "dexterity", "strength",
    "constitution", "agility", "serenity", "sunshine", "rain", "midnight", "faith")
subgroups = {g: [f for f in sets[g] if f in set(small)] for g in GROUPS}
figure, axes = plt.subplots(3, 4)
for axis, (group, features) in zip(axes.ravel(), subgroups.items()):
    by_era = train.groupby("era")
    corrs = by_era.apply(lambda era: era[features].corrwith(era["target"]))
    corrs.cumsum().plot(ax=axis, title=group, legend=False)
plt.show()
""",
    """
model = lgb.LGBMRegressor(n_estimators=60, learning_rate=0.1, max_depth=5,
    num_leaves=31, colsample_bytree=0.1, n_jobs=1, verbose=-1)
model.fit(train[small], train["target"])
validation["prediction"] = model.predict(validation[small])
serenity = subgroups["serenity"]
validation["neutral"] = validation.groupby("era", group_keys=False)[
    [*serenity, "prediction"]
].apply(lambda era: neutralize(era[["prediction"]], era[serenity]))["prediction"]
exposure = validation.groupby("era").apply(
    lambda era: era[serenity].corrwith(era["neutral"]).abs().max()
).max()
score = lambda name: validation.groupby("era").apply(
    lambda era: numerai_corr(era[[name]], era["target"])[name]
).mean()
print(json.dumps([score("prediction"), score("neutral"), exposure]))
""",
]


def test_a_notebook_neutralizes_the_small_set_to_one_group(
    tmp_path: Path, default_market: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMERAI_API_URL", default_market)
    cells = map(nbformat.v4.new_code_cell, FEATURE_NEUTRALIZATION)
    found = run(nbformat.v4.new_notebook(cells=list(cells)), tmp_path)
    assert pictures(found) == 1
    stdout = [o for o in found[-1].outputs if o.get("name") == "stdout"]
    raw, neutral, exposure = json.loads(stdout[0]["text"])
    assert raw > 0.02
    assert neutral > 0
    assert exposure < 1e-6


OWN = ("first_model", "compare_and_ensemble", "own_family")


@pytest.fixture(scope="module")
def executed(
    tmp_path_factory: pytest.TempPathFactory, tiny_market: Callable[[Path], Path]
) -> tuple[Path, dict[str, Any]]:
    """The folder in which the project's notebooks ran, and their cells of code.

    One kernel runs them, since each would import TensorFlow; it forgets all names
    between two of them.
    """
    folder = tmp_path_factory.mktemp("notebooks")
    for home in ("first_model", "compare", "own_family"):
        tiny_market(folder / home / "simulator")
    code = nbformat.v4.new_code_cell
    cells = {
        name: [code(cell.source) for cell in read(name).cells if is_code(cell)]
        for name in OWN
    }
    all_cells = [cell for own in cells.values() for cell in (code("%reset -f"), *own)]
    run(nbformat.v4.new_notebook(cells=all_cells), folder)
    return folder, cells


def test_a_first_model(executed: tuple[Path, dict[str, Any]]) -> None:
    cells = executed[1]["first_model"]
    # The live curves, and the scores.
    assert pictures(cells) == 2
    assert "canon_corr" in texts(cells[-2])


def test_compare_and_ensemble(executed: tuple[Path, dict[str, Any]]) -> None:
    cells = executed[1]["compare_and_ensemble"]
    # The heat map and the scores; the curves of a training, those of the folds.
    assert pictures(cells) >= 4
    assert any("together" in texts(cell) and "MMC" in texts(cell) for cell in cells)
    assert "sim_ensemble" in texts(cells[-2])


def test_own_family(executed: tuple[Path, dict[str, Any]]) -> None:
    folder, cells = executed
    assert "pairs is better in" in " ".join(map(texts, cells["own_family"]))
    runs = folder / "own_family" / "models" / "pairs" / "runs"
    assert list(runs.glob("*/DONE"))


@pytest.mark.parametrize(
    "path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda p: p.name
)
def test_a_notebook_is_kept_without_outputs(path: Path) -> None:
    for cell in nbformat.read(path, as_version=4).cells:
        assert not cell.get("outputs"), cell.id
        assert cell.get("execution_count") is None, cell.id
