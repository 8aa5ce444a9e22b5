"""Every command is its method: same options, same defaults, same result."""

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from numerai_pipeline.api import COMMANDS, Project
from numerai_pipeline.cli import main, run
from numerai_pipeline.cli.commands import examples_of
from numerai_pipeline.core import ConfigError

Nai = Callable[..., Any]
GLOBAL = {"workspace", "quiet", "as_json", "help"}
APP: Any = typer.main.get_command(main.app)


def name_of(method: Any) -> str:
    """Return what a method is called on the command line."""
    return str(method.__name__).replace("_", "-")


every_command = pytest.mark.parametrize(
    "method", COMMANDS, ids=lambda method: method.__name__
)


def test_every_public_method_is_a_command() -> None:
    properties = {"model_names", "data_dir", "shards_dir", "settings"}
    others = {*properties, "ledger", "read_ledger", "tournament", "require_model"}
    public = {name for name in dir(Project) if not name.startswith("_")}
    assert public - others == {m.__name__ for m in COMMANDS}
    assert set(APP.commands) == {name_of(method) for method in COMMANDS}


@every_command
def test_the_options_and_defaults_are_those_of_the_method(method: Any) -> None:
    shown = {each.name: each for each in APP.commands[name_of(method)].params}
    assert GLOBAL - {"help"} <= set(shown)
    parameters = dict(inspect.signature(method).parameters)
    del parameters["self"]
    assert set(shown) - GLOBAL == set(parameters)
    for name, parameter in parameters.items():
        assert shown[name].help, name
        assert shown[name].required == (
            parameter.default is parameter.empty
            and parameter.kind is not parameter.VAR_KEYWORD
        )
        if not shown[name].required and parameter.default is not parameter.empty:
            default = parameter.default
            if isinstance(default, tuple):
                default = list(default) or None
            assert shown[name].default in (default, Path(str(default))), name


@every_command
def test_every_example_parses(method: Any) -> None:
    name = name_of(method)
    examples = examples_of(method)
    assert examples
    for example in examples:
        words = example.split()
        assert words[:2] == ["nai", name]
        APP.commands[name].make_context(name, words[2:])


@every_command
def test_help_shows_examples_and_no_type_of_a_flag(
    method: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name_of(method), "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Example: nai " in shown
    assert "bool" not in shown
    assert "list[" not in shown
    for section in ("Args", "Returns", "Raises", "``"):
        assert section not in shown


def test_options_for_every_command_stand_before_it_or_after_it(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for words in (["-w", "{}", "--json", "init"], ["init", "--json", "-w", "{}"]):
        folder = tmp_path / words[0]
        assert run([word.format(folder) for word in words]) == 0
        assert json.loads(capsys.readouterr().out) == {
            "path": str(folder / "numerai.toml")
        }
        assert (folder / "numerai.toml").is_file()
    # The one after the command is the nearer one.
    monkeypatch.setenv("NUMERAI_WORKSPACE", str(tmp_path / "env"))
    assert run(["-w", str(tmp_path / "a"), "init", "-w", str(tmp_path / "b")]) == 0
    assert run(["init"]) == 0
    assert {path.parent.name for path in tmp_path.glob("*/*")} >= {"b", "env"}
    assert not (tmp_path / "a").exists()


def refitted(project: Project) -> Any:
    """Refit a model of its own: no era is left to score its latest run on."""
    if not project.workspace.model_dir("again").is_dir():
        project.new("mlp", "again", units=[3], training={"epochs": 1})
        project.train("again")
    return project.refit("again")


def ensembled(project: Project) -> Any:
    """Make an ensemble of two quick models that were backtested."""
    names = ("one", "two")
    if not project.workspace.model_dir(names[0]).is_dir():
        for place, name in enumerate(names):
            project.new("lightgbm", name, n_estimators=2 + place)
        project.train(names)
        project.backtest(names, chunk=40, jobs=1)
    return project.ensemble("pair", names)


# Beside `init` and `simulate` below, and `tensorboard` and `demo` in their own files.
RESULTS: dict[str, tuple[list[str], Callable[[Project], Any]]] = {
    "download": (["--train"], lambda p: p.download(train=True)),
    "etl": ([], lambda p: p.etl()),
    "inspect": (["{shards}", "--verify"], lambda p: p.inspect(p.shards_dir, verify=1)),
    "zoo": ([], lambda p: p.zoo()),
    "new": (
        ["mlp", "other", "--set", "units=[3]", "--set", "training.epochs=2", "--force"],
        lambda p: p.new("mlp", "other", units=[3], training={"epochs": 2}, force=True),
    ),
    "train": (
        ["mlp", "lightgbm", "--seed", "4"],
        lambda p: p.train(["mlp", "lightgbm"], seed=4),
    ),
    "backtest": (
        ["lightgbm", "--chunk", "40", "--jobs", "1", "--set", "n_estimators=5"],
        lambda p: p.backtest("lightgbm", chunk=40, jobs=1, n_estimators=5),
    ),
    "ensemble": (["pair", "one", "two"], ensembled),
    "runs": ([], lambda p: p.runs()),
    "best": (["mlp"], lambda p: p.best("mlp")),
    "promote": (["mlp"], lambda p: p.promote("mlp")),
    "refit": (["again"], refitted),
    "score": (["mlp"], lambda p: p.score("mlp")),
    "leak-check": (["lightgbm"], lambda p: p.leak_check("lightgbm")),
    "compare": (["mlp", "lightgbm"], lambda p: p.compare(["mlp", "lightgbm"])),
    "report": (["mlp", "lightgbm"], lambda p: p.report(["mlp", "lightgbm"])),
    "predict": (["mlp", "lightgbm"], lambda p: p.predict(["mlp", "lightgbm"])),
    "submit": (
        ["mlp", "--replace"],
        lambda p: p.predict("mlp") and p.submit("mlp", replace=True),
    ),
    "status": ([], lambda p: p.status()),
}


def test_no_command_is_left_out() -> None:
    assert set(RESULTS) | {"init", "simulate", "tensorboard", "demo"} == set(
        APP.commands
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", RESULTS)
def test_json_is_what_the_call_returns(project: Project, nai: Nai, name: str) -> None:
    words, call = RESULTS[name]
    words = [word.format(shards=project.workspace.shards_dir("main")) for word in words]
    call(project)  # what is up to date afterwards stays as it is
    result = call(project)
    assert nai(name, *words, "--json") == json.loads(json.dumps(result.to_dict()))
    assert len(result.table) > 0 or name == "status"
    assert result._repr_html_()
    assert repr(result)


@pytest.mark.slow
def test_a_report_holds_the_numbers_that_score_prints(
    project: Project, nai: Nai, tmp_path: Path
) -> None:
    page = tmp_path / "both.html"
    printed = nai("report", "mlp", "lightgbm", "-o", str(page))
    assert printed == f"wrote {page}: mlp, lightgbm\n"
    text = page.read_text(encoding="utf-8")
    [content] = re.findall(r'id="report-data">(.*?)</script>', text)
    scores = nai("score", "mlp", "lightgbm", "--json")
    for name, numbers in json.loads(content).items():
        paths = {"folder", "plot", "predictions"}
        assert set(scores[name]) - set(numbers) == paths
        assert numbers.items() <= scores[name].items()
    # Who gets it learns nothing of this machine.
    assert str(project.workspace.root) not in text
    assert "by epoch" in text
    assert "by tree" in text
    with pytest.raises(ConfigError, match=r"is a folder. Name a file"):
        project.report("mlp", output=tmp_path)
    os.mkfifo(tmp_path / "pipe")  # stands for /dev/null, which a file would replace
    with pytest.raises(ConfigError, match=r"is not a file. Name one"):
        project.report("mlp", output=tmp_path / "pipe")


@pytest.mark.slow
def test_a_report_shows_the_folds_of_a_backtest(
    project: Project, nai: Nai, tmp_path: Path
) -> None:
    project.backtest("lightgbm", chunk=24, jobs=1)
    page = tmp_path / "backtest.html"
    nai("report", "lightgbm", "--on", "backtest", "-o", str(page))
    text = page.read_text(encoding="utf-8")
    assert "one line per fold" in text
    assert "nai backtest lightgbm --chunk 24" in text


def test_json_of_init(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = "http://127.0.0.1:8437"
    words = ["--simulation", url, "--models", "mlp=sim_mlp", "--json"]
    assert run(["init", *words, "-w", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    written = (tmp_path / "numerai.toml").read_text()
    assert 'mlp = "sim_mlp"' in written
    models = {"mlp": "sim_mlp"}
    result = Project(tmp_path).init(simulation=url, models=models, force=True)
    assert printed == result.to_dict()
    assert (tmp_path / "numerai.toml").read_text() == written


@pytest.mark.slow
def test_json_of_a_simulation(
    project: Project, tmp_path: Path, tiny_market: Callable[[Path], Path]
) -> None:
    folder = tiny_market(tmp_path / "simulator")
    words = ["simulate", "--json", "--port", "0", "-q", "--folder", str(folder)]
    command = [sys.executable, "-m", "numerai_pipeline", *words, "--size", "tiny"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline()]
        while lines[-1] != "}\n":
            lines.append(process.stdout.readline())
        process.terminate()
        assert process.wait(timeout=30) == 0
    printed = json.loads("".join(lines))
    assert printed.pop("url").startswith("http://")
    with project.simulate(folder, port=0) as simulation:
        expected = simulation.to_dict()
    del expected["url"]
    assert printed == expected
