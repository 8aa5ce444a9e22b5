"""Ranks whose mean is the same are tied, whatever the precision they are kept in."""

import numpy as np

from numerai_pipeline.scoring import mean_rank, rank_per_era


def test_equal_means_of_ranks_are_tied():
    draw = np.random.default_rng(1)
    columns = draw.permuted(np.tile(np.arange(470.0), (3, 1)), axis=1).T
    predictions, eras = columns.astype(np.float32), np.ones(470, np.int16)
    mean = mean_rank(predictions, eras)
    # Sums of whole ranks are exact, so they know which rows are tied.
    exact = rank_per_era(columns.sum(axis=1), eras)
    np.testing.assert_array_equal(rank_per_era(mean, eras), exact)
    np.testing.assert_array_equal(rank_per_era(mean.astype(np.float32), eras), exact)
    assert len(np.unique(exact)) < len(exact)
