"""numerapi's own command line, with nothing changed but its URL constant."""

import json
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner
from numerapi.cli import cli

pytestmark = pytest.mark.usefixtures("shared_api")


def test_reading_commands(shared_world, command) -> None:
    first = shared_world.first_round
    assert "v5.3/train.parquet" in json.loads(command("list-datasets").stdout)
    assert command("current-round").stdout == f"{first}\n"
    assert command("check-new-round").stdout in ("0\n", "1\n")
    assert json.loads(command("competitions").stdout)[0]["number"] == first
    assert json.loads(command("account").stdout)["username"] == "simulated"
    models = json.loads(command("models").stdout)
    assert sorted(models) == ["sim_ensemble", "sim_lightgbm", "sim_mlp"]
    assert len(json.loads(command("leaderboard", "--limit", "5").stdout)) == 5
    profile = json.loads(command("profile", "sim_mlp").stdout)
    assert profile["id"] == models["sim_mlp"]
    days = json.loads(command("daily-model-performances", "blue_granite").stdout)
    assert days[0]["corrRank"] >= 1
    assert json.loads(command("transactions").stdout)[-1]["type"] == "deposit"
    assert float(command("stake-get", "sim_mlp").stdout) == 10
    assert command("version").stdout.strip()


def test_download(command) -> None:
    output = command("download-dataset", "--filename", "v5.3/features.json").stdout
    assert output == "v5.3/features.json\n"
    assert "feature_sets" in json.loads(Path("v5.3/features.json").read_text())
    command("download-dataset", "--filename", "v5.3/live.parquet", "--dest_path", "l")
    assert len(pd.read_parquet("l"))


@pytest.mark.parametrize("tournament", ["11", "12"])
@pytest.mark.parametrize(
    "words",
    [
        ["list-datasets"],
        ["download-dataset", "--filename", "v5.3/features.json"],
        ["current-round"],
        ["leaderboard"],
        ["profile", "sim_mlp"],
        ["daily-model-performances", "sim_mlp"],
        ["stake-get", "sim_mlp"],
        ["stake-increase", "1"],
        ["submit", "p.csv"],
    ],
    ids=lambda words: words[0],
)
def test_other_tournaments_are_not_simulated(words: list[str], tournament: str) -> None:
    Path("p.csv").write_text("id,prediction\nn1,0.5\n")
    result = CliRunner().invoke(cli, [*words, "--tournament", tournament])
    assert result.exit_code == 1
    if "not available for tournament" not in result.output:  # the client's own refusal
        assert "not simulated: " in str(result.exception)


def test_submit_and_look(shared_world, command) -> None:
    model_id = json.loads(command("models").stdout)["sim_mlp"]
    shared_world.predictions().to_csv("p.csv", index=False)
    submission_id = command("submit", "--model_id", model_id, "p.csv").stdout.strip()
    (listed,) = json.loads(
        command("submission-filenames", "--model_id", model_id).stdout
    )
    assert listed["round_num"] == shared_world.first_round
    row = shared_world.simulator.submissions.find(submission_id)
    assert row["filename"] == listed["filename"]


def test_staking_commands(command) -> None:
    model_id = json.loads(command("models").stdout)["sim_ensemble"]
    command("stake-increase", "3", "--model_id", model_id)
    command("stake-decrease", "1", "--model_id", model_id)
    assert float(command("stake-get", "sim_ensemble").stdout) == 12
    command("stake-drain", "--model_id", model_id)
    assert command("stake-get", "sim_ensemble").stdout == "\n"  # no stake at all
