"""The README's examples run, and its folder list is the tree."""

import doctest
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from numerai_pipeline.cli import run
from numerai_pipeline.core import (
    Settings,
    SubmissionSettings,
    TournamentSettings,
    commented_toml,
)
from numerai_simulator import running_simulator

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", ["numerai_pipeline", "numerai_simulator"])
def test_the_folder_list_is_the_tree(package: str) -> None:
    block = re.split(r"^(?:src/|```)", README.split(f"src/{package}/\n")[1], flags=re.M)
    named = re.findall(r"^  (\w+)/ ", block[0], flags=re.M)
    rooms = (ROOT / "src" / package).iterdir()
    assert sorted(named) == sorted(
        room.name for room in rooms if (room / "__init__.py").is_file()
    )


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=str
)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"`[^`]*`|^    .*$", "", page.read_text("utf-8"), flags=re.M)
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_python_examples() -> None:
    found = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert found.attempted >= 3
    assert found.failed == 0


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=str
)
def test_every_command_that_a_page_shows_exists(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"^nai ([a-z-]+)|`nai ([a-z-]+)", text, flags=re.M)
    for command in {first or second for first, second in shown}:
        assert run([command, "--help"]) == 0, command
    capsys.readouterr()


def commands_of(block: str) -> list[list[str]]:
    marked = README.split(f"<!-- tested: {block} -->\n```bash\n")[1].split("```")[0]
    lines = marked.splitlines()
    assert all(line.startswith("nai ") for line in lines)
    return [line.split()[1:] for line in lines]


@pytest.mark.slow
def test_the_real_thing_on_the_simulated_tournament(
    tmp_path: Path,
    tiny_market: Callable[[Path], Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_simulator(tiny_market(tmp_path / "simulator")) as simulator:
        settings = Settings(
            tournament=TournamentSettings(simulated=True, url=simulator.url),
            submission=SubmissionSettings(models={"mlp": "sim_mlp"}),
        )
        for words in [*commands_of("from init to score"), *commands_of("a round")]:
            assert run(words) == 0, words
            if words == ["init"]:
                Path("numerai.toml").write_text(commented_toml(settings))
            if words[0] == "new":  # two epochs go the same way as thirty
                recipe = Path("models/mlp/model.toml")
                recipe.write_text(
                    recipe.read_text().replace("epochs = 30", "epochs = 2")
                )
        assert len(simulator.simulator.submissions.all()) == 1
    assert "confirmed" in capsys.readouterr().out
