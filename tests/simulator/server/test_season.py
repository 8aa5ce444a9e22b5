"""Time passes: windows close, scores come day by day, rounds resolve and pay."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from numerai_tools.scoring import correlation_contribution, numerai_corr

from numerai_simulator import open_simulator
from numerai_simulator.server.submissions import Note

pytestmark = pytest.mark.slow


def expected(
    world, predictions: pd.DataFrame, number: int, day: int
) -> dict[str, float]:
    """Score predictions with numerai-tools, called directly."""
    market = world.simulator.market
    mine = predictions.set_index("id")[["prediction"]].sort_index()
    target = market.truth(number, day).rename("target")
    meta_model, benchmark = (
        market.live_meta_model(number),
        market.live_benchmark(number),
    )
    return {
        "canon_corr": numerai_corr(mine, target).iloc[0],
        "canon_mmc": correlation_contribution(mine, meta_model, target).iloc[0],
        "canon_bmc": correlation_contribution(mine, benchmark, target).iloc[0],
    }


def submit(world, api, name: str = "sim_mlp", seed: int = 1) -> pd.DataFrame:
    number = world.simulator.timetable.latest_opened(world.running.clock.now())
    predictions = world.predictions(number, seed)
    api.upload_predictions(df=predictions, model_id=api.get_models()[name])
    return predictions


def test_scores_come_day_by_day_and_are_those_of_numerai_tools(world, api) -> None:
    first = world.first_round
    predictions = submit(world, api)
    model_id = api.get_models()["sim_mlp"]
    world.move_to("2026-11-28T19:59:59Z")
    assert api.submission_scores(model_id) == []
    world.move_to("2026-11-28T20:00:00Z")
    scores = api.submission_scores(model_id)
    assert [score["displayName"] for score in scores] == [
        "canon_corr",
        "canon_mmc",
        "canon_bmc",
    ]
    assert {score["day"] for score in scores} == {1}
    assert not any(score["resolved"] for score in scores)

    world.move_to("2026-12-25T20:00:00Z")
    scores = api.submission_scores(model_id)
    assert len(scores) == 60
    for day in (1, 7, 20):
        found = {s["displayName"]: s["value"] for s in scores if s["day"] == day}
        assert found == pytest.approx(
            expected(world, predictions, first, day), abs=1e-12
        )
    final = scores[0]
    assert (final["day"], final["resolved"], final["roundNumber"]) == (20, True, first)
    assert final["date"] == final["resolveDate"] == final["roundResolveTime"]
    assert final["roundScoreTime"] == datetime(2026, 11, 28, 20, tzinfo=UTC)
    assert final["roundCloseStakingTime"] == datetime(2026, 11, 24, 13, tzinfo=UTC)
    dates = sorted({score["date"] for score in scores})
    assert all(date.weekday() in (1, 2, 3, 4, 5) for date in dates)
    assert all(0 < score["percentile"] <= 1 for score in scores)


def test_scores_are_filtered_as_asked(world, api) -> None:
    submit(world, api)
    world.admin({"to": "next_open"})
    submit(world, api, seed=2)
    world.move_to("2026-12-26T00:00:00Z")
    model_id, first = api.get_models()["sim_mlp"], world.first_round

    def found(**filters: object) -> list[tuple[int, int, str]]:
        return [
            (score["roundNumber"], score["day"], score["displayName"])
            for score in api.submission_scores(model_id, **filters)
        ]

    assert len(found()) == 2 * 60 - 3
    assert found(display_name="canon_mmc", day=3) == [
        (first + 1, 3, "canon_mmc"),
        (first, 3, "canon_mmc"),
    ]
    assert found(display_name="canon_corr", distinct_on_round=True) == [
        (first + 1, 19, "canon_corr"),
        (first, 20, "canon_corr"),
    ]
    assert {number for number, _, _ in found(last_n_rounds=1)} == {first + 1}
    assert {number for number, _, _ in found(resolved=True)} == {first}
    assert {number for number, _, _ in found(resolved=False)} == {first + 1}
    assert found(version="1") == found()
    assert found(version="2") == found(last_n_rounds=0) == []
    assert api.submission_scores("nobody") == []


def test_the_end_pays_by_numerais_formula(world, api) -> None:
    first = world.first_round
    predictions = submit(world, api)
    (entry,) = api.list_rounds(number=first)
    # Ten NMR of the account's and the stakes of the field share 72,000.
    total = world.simulator.field.total_stake + 10
    factor = min(Decimal(1), 72_000 / total)
    assert float(entry["payoutFactor"]) == pytest.approx(float(factor))

    world.move_to("2026-12-25T19:00:00Z")
    (pending,) = api.pending_model_payouts()["pending"]
    assert (pending["roundNumber"], pending["modelName"]) == (first, "sim_mlp")
    assert api.stake_get("sim_mlp") == 10 + pending["payoutNmr"]
    assert api.public_user_profile("sim_mlp")["nmrStaked"] == 10

    world.move_to("2026-12-25T20:00:00Z")
    final = expected(world, predictions, first, 20)
    rate = float(factor) * (0.75 * final["canon_corr"] + 2.25 * final["canon_mmc"])
    wanted = 10 * min(max(rate, -0.05), 0.05)
    payouts = api.pending_model_payouts()
    (paid,) = payouts["actual"]
    assert payouts["pending"] == []
    assert float(paid["payoutNmr"]) == pytest.approx(wanted)
    assert paid["payoutValue"] == round(paid["payoutNmr"] * 10, 2)
    assert paid["currencySymbol"] == "$"
    assert api.stake_get("sim_mlp") == 10 + paid["payoutNmr"]
    assert api.stake_get("sim_lightgbm") == 10
    (entry,) = api.list_rounds(number=first)
    assert entry["resolvedGeneral"]
    assert entry["resolvedStaking"]
    latest = api.wallet_transactions()[0]
    assert latest["type"] == ("payout" if wanted >= 0 else "burn")
    assert latest["amount"] == abs(paid["payoutNmr"])
    assert latest["time"] == datetime(2026, 12, 25, 20, tzinfo=UTC)


def test_bad_predictions_burn_stake(world, api) -> None:
    worst = world.predictions().assign(prediction=lambda f: 1 - f["prediction"])
    api.upload_predictions(df=worst, model_id=api.get_models()["sim_mlp"])
    world.move_to("2026-12-26T00:00:00Z")
    (paid,) = api.pending_model_payouts()["actual"]
    assert paid["payoutNmr"] < 0
    assert api.stake_get("sim_mlp") == 10 + paid["payoutNmr"]
    assert api.wallet_transactions()[0]["type"] == "burn"


def test_performances_split_a_payout_among_its_scores(world, api) -> None:
    submit(world, api)
    model_id = api.get_models()["sim_mlp"]
    world.move_to("2026-12-26T00:00:00Z")
    with pytest.warns(DeprecationWarning, match="round_model_performances_v2"):
        (entry,) = api.round_model_performances_v2(model_id)
    (paid,) = api.pending_model_payouts()["actual"]
    assert entry["atRisk"] == 10
    assert entry["roundNumber"] == world.first_round
    assert entry["roundResolved"] is True
    assert entry["roundTarget"] == "main"
    assert [m["multiplier"] for m in entry["payoutMultipliers"]] == [0.75, 2.25, 0]
    settled = [score["payoutSettled"] for score in entry["submissionScores"]]
    assert sum(settled) == pytest.approx(paid["payoutNmr"])
    assert {score["day"] for score in entry["submissionScores"]} == {20}
    assert {score["payoutPending"] for score in entry["submissionScores"]} == {None}
    (intra,) = api.intra_round_scores(model_id)
    assert len(intra["intraRoundSubmissionScores"]) == 60
    early = intra["intraRoundSubmissionScores"][-1]
    assert (early["day"], early["payoutSettled"]) == (1, None)


def test_a_round_without_scores_yet_is_listed(world, api) -> None:
    submit(world, api)
    with pytest.warns(DeprecationWarning, match="round_model_performances_v2"):
        (entry,) = api.round_model_performances_v2(api.get_models()["sim_mlp"])
    assert (entry["atRisk"], entry["submissionScores"]) == (0, [])


def test_months_can_pass_at_once_and_stakes_compound_in_order(world, api) -> None:
    for day in range(2):
        submit(world, api, seed=day)
        submit(world, api, "sim_ensemble", seed=9 + day)
        world.admin({"to": "next_open"})
    world.admin({"advance_seconds": 40 * 86_400})
    rows = world.simulator.state.rows("SELECT * FROM stakes ORDER BY model_id, round")
    assert len(rows) == 4
    paid = api.pending_model_payouts()
    assert (len(paid["actual"]), paid["pending"]) == (4, [])
    for name in ("sim_mlp", "sim_ensemble"):
        earned = sum(p["payoutNmr"] for p in paid["actual"] if p["modelName"] == name)
        assert api.stake_get(name) == 10 + earned
    # A month later the stake at risk is what the first rounds left.
    submit(world, api)
    stake = api.stake_get("sim_mlp")
    world.admin({"advance_seconds": 7 * 86_400})
    (open_now,) = [
        row
        for row in world.simulator.state.rows("SELECT * FROM stakes")
        if row["payout"] is None
    ]
    assert Decimal(open_now["at_risk"]) == stake


def played(folder: Path, predictions: pd.DataFrame, step: timedelta) -> list[tuple]:
    """Submit and let five weeks pass in steps; return all scores and payouts."""
    with open_simulator(folder) as simulator:
        name = simulator.uploads.reserve("submission", "predictions.csv")
        (folder / "uploads").mkdir()
        predictions.to_csv(folder / "uploads" / name, index=False)
        model_id = simulator.account.find("sim_mlp")["id"]
        now, end = simulator.advance(), datetime(2026, 12, 28, tzinfo=UTC)
        simulator.submissions.create(model_id, name, Note(), now)
        while now < end:
            now = simulator.move_to(min(now + step, end))
        scores = "SELECT round, day, metric, value, percentile, date FROM scores"
        return [
            tuple(row)
            for sql in (
                scores,
                "SELECT * FROM stakes",
                "SELECT name, stake FROM models",
            )
            for row in simulator.state.rows(sql)
        ]


def test_passing_in_steps_or_at_once_ends_the_same(
    world, tiny_market, tmp_path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    tiny_market(one)
    tiny_market(two)
    predictions = world.predictions()
    in_steps = played(one, predictions, timedelta(hours=37))
    assert in_steps == played(two, predictions, timedelta(days=100))
    assert len(in_steps) == 60 + 1 + 3


def test_the_clock_of_the_process_moves_the_tournament_too(world, api) -> None:
    submit(world, api)
    clock = world.running.clock
    clock.move_to(clock.now() + timedelta(days=40))
    assert len(api.submission_scores(api.get_models()["sim_mlp"])) == 60
