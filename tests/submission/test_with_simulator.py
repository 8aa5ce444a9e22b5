"""Download, submit and read the scores, against the simulator instead of a script."""

from datetime import timedelta

import pyarrow.parquet as pq
import pytest

from numerai_pipeline.core import TournamentRefused, TournamentSettings, VirtualClock
from numerai_pipeline.data import download
from numerai_pipeline.submission import Ledger, submit_once
from numerai_pipeline.tournament import connect
from numerai_simulator import DEFAULT_START, running_simulator

pytestmark = pytest.mark.slow


def test_a_round_from_live_data_to_scores(tmp_path, tiny_market):
    clock = VirtualClock(DEFAULT_START)
    folder = tiny_market(tmp_path / "simulated")
    with running_simulator(folder, clock=clock) as simulator:
        settings = TournamentSettings(simulated=True, url=simulator.url)
        tournament = connect(settings, clock=clock, environ={})
        number = tournament.current_round().number
        assert "v5.3/live.parquet" in tournament.list_files()

        folder = tmp_path / "rounds" / str(number)
        order = {"round_number": number, "into": folder, "clock": clock}
        (live,) = download(tournament, ["v5.3/live.parquet"], tmp_path, **order)
        (again,) = download(tournament, ["v5.3/live.parquet"], tmp_path, **order)
        assert again.was_current
        ids = pq.read_table(live.path, columns=["id"])["id"].to_pylist()
        assert len(ids) == live.rows

        rows = [f"{id_},{(i + 1) / (len(ids) + 1)}\n" for i, id_ in enumerate(ids)]
        predictions = folder / "predictions_mlp.csv"
        predictions.write_text("".join(["id,prediction\n", *rows]))
        numerai_name, model_id = next(iter(tournament.models().items()))
        ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")

        def submit(**changes):
            return submit_once(
                tournament,
                ledger,
                clock,
                name="mlp",
                numerai_name=numerai_name,
                predictions=predictions,
                live_ids=ids,
                round_number=number,
                **changes,
            )

        receipt = submit()
        assert submit().was_already_submitted
        (listed,) = tournament.submissions(model_id)
        assert (listed.id, listed.round_number) == (receipt.submission_id, number)
        assert listed.is_selected

        predictions.write_text("".join(["id,prediction\n", *rows[::-1]]))
        assert submit(replace=True).submission_id != receipt.submission_id
        assert [row.state for row in ledger.rows()] == ["replaced", "confirmed"]

        clock.move_to(tournament.current_round().closes)
        with pytest.raises(TournamentRefused, match="No round is open"):
            tournament.current_round()
        clock.sleep(timedelta(days=10).total_seconds())
        scores = tournament.scores(model_id)
        assert {score.round_number for score in scores} == {number}
        assert {score.day for score in scores} == {1, 2, 3, 4}
