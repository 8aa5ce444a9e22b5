"""The account, its profile and stakes, and the leaderboards."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from numerai_simulator import open_simulator
from numerai_simulator.errors import SetupError


def test_the_account_has_models_a_wallet_and_keys(shared_api) -> None:
    account = shared_api.get_account()
    assert account["username"] == "simulated"
    assert account["availableNmr"] == 970
    assert account["status"] == "VERIFIED"
    assert account["insertedAt"] == datetime(2026, 11, 24, 12, 5, tzinfo=UTC)
    assert account["walletAddress"].startswith("0x")
    (token,) = account["apiTokens"]
    assert token["public_id"] == "SIMULATED"
    assert "upload_submission" in token["scopes"]
    assert [model["name"] for model in account["models"]] == [
        "sim_ensemble",
        "sim_lightgbm",
        "sim_mlp",
    ]
    assert {model["v2Stake"]["status"] for model in account["models"]} == {"confirmed"}


def test_models_have_ids_and_names(shared_api) -> None:
    models = shared_api.get_models()
    assert sorted(models) == ["sim_ensemble", "sim_lightgbm", "sim_mlp"]
    assert shared_api.get_models(tournament=11) == {}
    assert shared_api.models_of_account("simulated") == models
    assert shared_api.modelid_to_modelname(models["sim_mlp"]) == "sim_mlp"
    profile = shared_api.public_user_profile("sim_mlp")
    assert profile["id"] == models["sim_mlp"]
    assert profile["username"] == "sim_mlp"
    assert profile["nmrStaked"] == shared_api.stake_get("sim_mlp") == 10
    assert profile["startDate"] == datetime(2026, 11, 24, 12, 5, tzinfo=UTC)


def test_competitors_can_be_looked_up(shared_api) -> None:
    ((name, model_id),) = shared_api.models_of_account("amber_heron").items()
    profile = shared_api.public_user_profile(name)
    assert profile["id"] == model_id
    assert profile["nmrStaked"] == shared_api.stake_get(name) > 0
    days = shared_api.daily_model_performances(name)
    assert len(days) == 60
    assert all(1 <= day["corrRank"] <= 23 for day in days)
    assert days[0]["date"] == datetime(2026, 11, 24, tzinfo=UTC)
    assert all(day["date"].weekday() in (1, 2, 3, 4, 5) for day in days)


def test_strangers_are_refused_by_name(shared_api) -> None:
    with pytest.raises(ValueError, match="nobody has an account called 'nobody'"):
        shared_api.models_of_account("nobody")
    for call in (
        shared_api.public_user_profile,
        shared_api.stake_get,
        shared_api.daily_model_performances,
    ):
        with pytest.raises(ValueError, match="nobody has a model called 'nobody'"):
            call("nobody")


def test_the_leaderboard_ranks_everyone_by_stake(shared_api) -> None:
    board = shared_api.get_leaderboard(limit=100)
    assert [entry["rank"] for entry in board] == list(range(1, 24))
    stakes = [entry["nmrStaked"] for entry in board]
    assert stakes == sorted(stakes, reverse=True)
    names = {entry["username"]: entry for entry in board}
    assert {"sim_mlp", "amber_heron"} <= set(names)
    assert names["sim_mlp"]["corr20Rep"] is None  # nothing is scored yet
    assert names["sim_mlp"]["return_52_weeks"] is None
    assert isinstance(names["amber_heron"]["corr20Rep"], float)
    assert isinstance(names["amber_heron"]["return_13_weeks"], float)
    assert shared_api.get_leaderboard(limit=2, offset=3) == board[3:5]


def test_accounts_are_ranked_by_all_their_stakes(shared_api) -> None:
    board = shared_api.get_account_leaderboard(limit=100)
    assert len(board) == 21
    (mine,) = [entry for entry in board if entry["username"] == "simulated"]
    assert mine["nmrStaked"] == 30
    assert shared_api.get_account_leaderboard(limit=1)[0]["rank"] == 1


def test_scored_models_have_a_reputation_and_ranks(world, api) -> None:
    model_id = api.get_models()["sim_mlp"]
    assert api.daily_model_performances("sim_mlp") == []
    api.upload_predictions(df=world.predictions(), model_id=model_id)
    world.move_to("2026-12-02T21:00:00Z")
    (corr,) = api.submission_scores(model_id, "canon_corr", day=3)
    days = api.daily_model_performances("sim_mlp")
    assert [f"{day['date']:%m-%d}" for day in days] == ["12-02", "12-01", "11-28"]
    assert days[0]["corrRep"] == corr["value"]
    assert 1 <= days[0]["corrRank"] <= 23
    names = {entry["username"]: entry for entry in api.get_leaderboard(100)}
    assert names["sim_mlp"]["corr20Rep"] == corr["value"]
    assert names["sim_lightgbm"]["corr20Rep"] is None


def test_bio_and_link_are_kept(world, api) -> None:
    model_id = api.get_models()["sim_mlp"]
    assert api.set_bio(model_id, "This model stinks.") is True
    assert api.set_link(model_id, "more", "http://localhost") is True
    assert api.public_user_profile("sim_mlp")["bio"] == "This model stinks."
    row = world.simulator.account.model(model_id)
    assert (row["link_text"], row["link_url"]) == ("more", "http://localhost")


def test_stakes_move_between_wallet_and_model(api) -> None:
    model_id = api.get_models()["sim_mlp"]
    change = api.stake_increase(5, model_id)
    assert (change["requestedAmount"], change["status"]) == (5, "confirmed")
    assert api.stake_get("sim_mlp") == 15
    api.stake_decrease("2.5", model_id)
    assert api.stake_set(20, model_id)["type"] == "increase"
    assert api.stake_set(20, model_id) is None
    assert api.stake_get("sim_mlp") == 20
    assert api.get_account()["availableNmr"] == 960
    drained = api.stake_drain(model_id)
    assert (drained["drain"], drained["type"]) == (True, "decrease")
    assert api.stake_get("sim_mlp") is None
    assert api.get_account()["availableNmr"] == 980


@pytest.mark.parametrize(
    ("amount", "action", "message"),
    [
        (5_000, "increase", "cannot move 5000 NMR: the wallet holds 970, the stake 10"),
        (11, "decrease", "cannot move 11 NMR"),
        ("much", "increase", "'much' is not an amount of NMR that can be moved"),
        (-1, "decrease", "'-1' is not an amount of NMR"),
        ("nan", "increase", "'nan' is not an amount of NMR"),
        (0, "increase", "'0' is not an amount of NMR"),
        ("1e-19", "increase", "with at most 18 decimals"),
        (1, "double", "'double' is neither 'increase' nor 'decrease'"),
    ],
)
def test_stakes_that_cannot_move_are_refused(
    shared_api, amount: object, action: str, message: str
) -> None:
    model_id = shared_api.get_models()["sim_mlp"]
    with pytest.raises(ValueError, match=message):
        shared_api.stake_change(amount, action, model_id)


def test_the_smallest_amount_of_nmr_moves(api) -> None:
    model_id = api.get_models()["sim_mlp"]
    assert api.stake_increase("1e-18", model_id)["status"] == "confirmed"
    assert api.wallet_transactions()[0]["amount"] == Decimal("1e-18")


def test_every_movement_of_nmr_is_in_the_wallet(shared_api) -> None:
    transactions = shared_api.wallet_transactions()
    assert [(t["type"], t["amount"]) for t in transactions] == [
        ("stake", Decimal(10)),
        ("stake", Decimal(10)),
        ("stake", Decimal(10)),
        ("deposit", Decimal(1_000)),
    ]
    assert {t["status"] for t in transactions} == {"confirmed"}
    assert all(t["from"] != t["to"] for t in transactions)


def test_the_account_can_have_other_models_and_get_more(folder) -> None:
    with open_simulator(folder, models=["mine"]) as simulator:
        assert [row["name"] for row in simulator.account.models()] == ["mine"]
        assert simulator.account.model(None)["name"] == "mine"
    with open_simulator(folder, models=["other", "mine"]) as simulator:
        assert [row["name"] for row in simulator.account.models()] == ["mine", "other"]
        assert simulator.account.balance() == 980


def test_a_model_needs_a_name_that_numerai_would_take(folder) -> None:
    with pytest.raises(SetupError, match="cannot be called 'My Model'") as caught:
        open_simulator(folder, models=["My Model"])
    assert "Use 1 to 20 lower-case letters" in str(caught.value)
