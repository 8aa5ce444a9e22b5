from numerai_pipeline.core import columns


def test_kinds_are_told_by_name() -> None:
    assert columns.is_feature("feature_abating_oxide")
    assert not columns.is_feature("target")
    assert columns.is_target("target")
    assert columns.is_target("target_victor_60")
    assert not columns.is_target("targets_of_mine")


def test_the_longest_horizon_decides_the_purge() -> None:
    assert columns.horizon_days("target_cyrusd_60") == 60
    assert columns.purge_eras(("target", "target_cyrusd_20")) == 8
    assert columns.purge_eras(("target", "target_cyrusd_60")) == 16
