import subprocess
import sys

import pytest

from numerai_pipeline.core import ConfigError
from numerai_pipeline.models import families, family


def test_families_are_found_by_their_own_names():
    assert [family(kind.name) for kind in families()] == list(families())


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("mpl", "Did you mean 'mlp'?"),
        (
            "zzz",
            "There are mlp, resnet, tabm, cnn, classifier, autoencoder, "
            "autoencoding_classifier, lightgbm, xgboost, catboost, ridge, sklearn.",
        ),
    ],
)
def test_an_unknown_family_is_named_with_the_nearest(name, hint):
    with pytest.raises(ConfigError) as caught:
        family(name)
    assert str(caught.value) == f"there is no family '{name}'. {hint}"


def test_every_default_of_every_family_has_its_reason():
    for kind in families():
        for table in (kind.Parameters, kind.Training):
            for key, field in table.model_fields.items():
                assert field.description, f"{kind.name}: {key} has no reason"


def test_the_door_imports_no_framework():
    code = (
        "import sys, numerai_pipeline.models; "
        "print({'tensorflow', 'keras', 'lightgbm', 'matplotlib', 'pandas', "
        "'sklearn'} "
        "& set(sys.modules))"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert output.strip() == "set()"
