import pytest

from numerai_pipeline.views.pace import Pace


class Watch:
    seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def watch():
    return Watch()


def test_the_first_step_of_a_network_makes_no_estimate(watch):
    """It compiles; the second one takes a hundredth of it."""
    pace = Pace(30, "epochs", watch)
    assert pace.seconds_left is None
    watch.seconds = 2.0
    pace.advance(0.01)
    assert pace.seconds_left is None
    for _ in range(200):
        watch.seconds += 0.02
        pace.advance(0.01)
        if pace.seconds_left is not None:
            assert pace.seconds_left == pytest.approx((30 - pace.done) / 0.5)
    assert pace.seconds_left is not None
    assert pace.seconds == pytest.approx(6.0)


def test_what_a_resumed_training_had_done_already_took_no_time(watch):
    pace = Pace(30, "epochs", watch)
    pace.advance(20)
    watch.seconds = 5.0
    pace.advance(1)
    assert pace.seconds_left == pytest.approx(9 * 5.0)


def test_only_whole_units_are_done(watch):
    pace = Pace(30, "epochs", watch)
    for _ in range(10):
        pace.advance(0.1)
    assert pace.text == "1 epoch"
    pace.advance(0.99)
    assert pace.text == "1 epoch"
    pace.advance(0.01)
    assert pace.text == "2 epochs"


def test_without_a_total_there_is_no_estimate(watch):
    pace = Pace(None, "rows", watch)
    pace.advance(10)
    watch.seconds = 60.0
    pace.advance(10)
    assert pace.seconds_left is None
