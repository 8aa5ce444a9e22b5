import pytest

from numerai_pipeline import core


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (core.ConfigError, 2),
        (core.DataError, 3),
        (core.TournamentRefused, 4),
        (core.TournamentBusy, 5),
        (core.PipelineError, 70),
    ],
)
def test_exit_codes_are_the_documented_ones(
    kind: type[core.PipelineError], code: int
) -> None:
    assert kind.exit_code == code
    assert issubclass(kind, core.PipelineError)
