import numpy as np

from numerai_simulator.server.standings import NAMES, Field


def test_the_field_is_the_same_for_the_same_seed() -> None:
    one, two, other = Field(1, 5_000), Field(1, 5_000), Field(2, 5_000)
    assert one.competitors == two.competitors
    scores = one.scores("canon_corr", 70, 0.02)
    np.testing.assert_array_equal(scores, two.scores("canon_corr", 70, 0.02))
    assert not np.array_equal(scores, other.scores("canon_corr", 70, 0.02))
    assert not np.array_equal(scores, one.scores("canon_corr", 71, 0.02))


def test_scores_lie_around_the_benchmark_within_the_noise_of_a_round() -> None:
    for rows in (200, 5_000):
        field = Field(3, rows)
        scores = np.array(
            [field.scores("canon_corr", number, 0.05) for number in range(1, 200)]
        )
        noise = rows**-0.5
        assert abs(scores.mean() - 0.05) < 0.2 * noise
        assert 0.4 * noise < scores.std() < 1.0 * noise


def test_reputations_are_means_over_twenty_rounds() -> None:
    field = Field(1, 5_000)
    spread = field.reputations("canon_mmc", 100).std()
    assert 0 < spread < field.scores("canon_mmc", 100, 0.0).std()
    assert len(field.competitors) == len(NAMES) == 20
