import pytest

from numerai_pipeline.core import did_you_mean

MODELS = ["sim_mlp", "sim_trees", "benchmark"]


@pytest.mark.parametrize("name", ["sim_mpl", "SIM_MLP", "Sim_mlp", "sim_ml"])
def test_the_nearest_name_is_suggested_whatever_its_capitals(name):
    assert did_you_mean(name, MODELS) == "Did you mean 'sim_mlp'?"


def test_all_are_listed_where_none_is_near():
    assert did_you_mean("zzz", MODELS) == "It has sim_mlp, sim_trees, benchmark."
    many = [f"name {number}" for number in range(13)]
    assert did_you_mean("zzz", many).endswith(", name 11, … (13 in all).")
    assert did_you_mean("zzz", many[:12]).endswith(", name 11.")


def test_the_name_that_was_given_is_not_suggested():
    assert did_you_mean("sim_mlp", ["sim_mlp"]) == "It has sim_mlp."
    assert did_you_mean("alpha", ["alpha", "alphas"]) == "Did you mean 'alphas'?"


def test_the_list_can_say_more_than_the_names():
    found = did_you_mean("x", ["nan"], listing="There are", listed=["nan,from,to"])
    assert found == "There are nan,from,to."
