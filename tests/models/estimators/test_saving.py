"""A saved estimator: what it names, and that nothing foreign is loaded."""

import json
import os
import shutil
from zipfile import ZipFile

import numpy as np
import pytest
from own_estimator import MINE

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.models import run_user_family
from numerai_pipeline.models.estimators.signing import sign

SAVES = """
    def save(self, folder):
        np.save(folder / "w.npy", self.w)

    def load(self, folder):
        self.w = np.load(folder / "w.npy")
"""


def family(tmp_path, source=MINE):
    return run_user_family(source, tmp_path / "zoo" / "mine.py")


def save(kind, path, w=3.0, **others):
    parameters = kind.Parameters()
    checked = kind.made(parameters, 1, "'m'")
    checked.estimator.w = np.full(2, w)
    vars(checked.estimator).update(others)
    kind.save(checked, path, parameters, 1)


def weights(kind, path):
    return kind.load(path).estimator.w.tolist()


@pytest.fixture
def workspace(tmp_path):
    """A function that makes a workspace and returns where a model of it is saved."""

    def make(name="here"):
        root = tmp_path / name
        root.mkdir()
        (root / "numerai.toml").touch()
        return root / "models/m/runs/1/checkpoints/best.zip"

    return make


@pytest.mark.parametrize(
    "source",
    [MINE, MINE.replace("\nFAMILY", SAVES + "\nFAMILY")],
    ids=["pickle", "own"],
)
def test_it_is_loaded_by_the_copy_of_its_file_and_names_its_libraries(
    workspace, tmp_path, source
):
    path = workspace()
    save(family(tmp_path, source), path)
    assert weights(run_user_family(source, path.parent / "family.py"), path) == [3, 3]
    about = json.loads(ZipFile(path).read("estimator.json"))
    assert about["class"] == "Mine"
    assert about["libraries"] == {"numpy": np.__version__}
    assert about["recipe"]["seed"] == 1
    # The same estimator makes the same file.
    before = path.read_bytes()
    save(run_user_family(source, tmp_path / "elsewhere.py"), path)
    assert path.read_bytes() == before


def test_the_key_is_the_workspaces_and_is_not_readable_by_others(workspace, tmp_path):
    path = workspace()
    kind = family(tmp_path)
    save(kind, path)
    key = tmp_path / "here" / "estimators.key"
    assert len(key.read_bytes()) == 32
    if os.name == "posix":
        assert key.stat().st_mode & 0o777 == 0o600
    before = key.read_bytes()
    save(kind, path.with_name("other.zip"))
    assert key.read_bytes() == before


def test_one_of_another_workspace_is_refused_until_its_key_is_copied(
    workspace, tmp_path
):
    kind, own, foreign = family(tmp_path), workspace(), workspace("there")
    save(kind, foreign)
    for has_key in (False, True):
        if has_key:
            save(kind, own)
        shutil.copytree(
            foreign.parents[1].parent, own.parents[1].parent, dirs_exist_ok=True
        )
        # A key and settings in what was copied do not make a workspace of it.
        for folder in (own.parents[1], own.parents[3]):
            (folder / "numerai.toml").touch()
            shutil.copy(tmp_path / "there" / "estimators.key", folder)
        with pytest.raises(DataError, match="was not saved by this workspace") as error:
            kind.load(own)
        assert "Run `nai train --restart m`" in str(error.value)
        assert "copy estimators.key of that workspace to" in str(error.value)
    shutil.copy(tmp_path / "there/estimators.key", tmp_path / "here")
    assert weights(kind, own) == [3, 3]


def changed(path, change):
    """Write a zip file again, with another content."""
    with ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def other_pickle(files):
    files["estimator.pickle"] = b"cposix\n_exit\n(I1\ntR."  # ends whoever loads it


def other_about(files):
    about = json.loads(files["estimator.json"])
    about["recipe"]["seed"] = 2
    files["estimator.json"] = json.dumps(about).encode()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (other_pickle, "its checksums are not those that were signed"),
        (other_about, "was not saved by this workspace, or was changed"),
        (lambda files: files.clear(), "is not a whole saved estimator"),
        (lambda files: files.update({"estimator.json": b"[]"}), "is not a whole saved"),
        (
            lambda files: files.update({"estimator.json": b"[" * 100_000}),
            "is not a whole saved",
        ),
    ],
)
def test_a_changed_one_is_not_loaded(
    workspace, tmp_path, monkeypatch, change, sentence
):
    monkeypatch.chdir(tmp_path)
    path = workspace()
    save(family(tmp_path), path)
    changed(path, change)
    with pytest.raises(DataError, match=sentence):
        family(tmp_path).load(path)


@pytest.mark.parametrize("size", [0, 10, 400])
def test_a_cut_one_is_named(workspace, tmp_path, size):
    path = workspace()
    save(family(tmp_path), path)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DataError, match=r"best\.zip is not a whole saved estimator"):
        family(tmp_path).load(path)


def test_another_major_version_is_refused(workspace, tmp_path):
    path = workspace()
    save(family(tmp_path), path)

    def older(files):
        about = json.loads(files["estimator.json"])
        del about["signature"]
        about["libraries"]["numpy"] = "1.26.4"
        signature = sign(json.dumps(about, sort_keys=True).encode(), path)
        files["estimator.json"] = json.dumps({**about, "signature": signature})

    changed(path, older)
    sentence = r"was saved with numpy 1\.26\.4, but here it is 2\..*\. Install `numpy=="
    with pytest.raises(DataError, match=sentence):
        family(tmp_path).load(path)


def test_what_cannot_be_pickled_is_a_sentence(workspace, tmp_path):
    path = workspace()
    save(family(tmp_path), path)
    with pytest.raises(ConfigError, match=r"pickling Mine raised .*\. Give the class"):
        save(family(tmp_path), path, function=lambda: 1)
    assert weights(family(tmp_path), path) == [3, 3]


def test_a_broken_key_is_named(workspace, tmp_path):
    path = workspace()
    save(family(tmp_path), path)
    (tmp_path / "here/estimators.key").write_bytes(b"short")
    with pytest.raises(DataError, match=r"estimators\.key has 5 bytes instead of 32\."):
        family(tmp_path).load(path)
