from pathlib import Path

import pytest

from numerai_pipeline.core import (
    ConfigError,
    Settings,
    commented_toml,
    load_settings,
    parse_table,
)


def test_the_written_defaults_are_read_back(tmp_path: Path) -> None:
    path = tmp_path / "numerai.toml"
    path.write_text(commented_toml(Settings()))
    assert load_settings(path) == Settings()


def test_every_key_has_its_reason_beside_it() -> None:
    text = commented_toml(Settings())
    keys = [line for line in text.splitlines() if " = " in line]
    assert len(keys) >= 10
    assert all("#" in line for line in keys)


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "numerai.toml"
    path.write_text("")
    assert load_settings(path) == Settings()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "[evaluation]\npayout_factor = 2.0",
            "numerai.toml [evaluation]: 'payout_factor' is 2.0, but input should be "
            "less than or equal to 1.",
        ),
        (
            "[data]\nversoin = 'v5.0'",
            "numerai.toml [data] has no key 'versoin'. Did you mean 'version'?",
        ),
        (
            "[dta]\n",
            "numerai.toml has no key 'dta'. Did you mean 'data'?",
        ),
        (
            "[data]\nzzz = 1",
            "numerai.toml [data] has no key 'zzz'. "
            "It has version, feature_set, targets, shards.",
        ),
        (
            "[tournament]\ntimeout_seconds = -1",
            "numerai.toml [tournament]: 'timeout_seconds' is -1, "
            "but input should be greater than 0.",
        ),
        (
            "[tournament]\ndeadline_seconds = 1e300",
            "numerai.toml [tournament]: 'deadline_seconds' is 1e+300, "
            "but input should be less than or equal to 86400.",
        ),
        (
            "[submission]\nmodels = { mlp = 'Alpha', trees = 'alpha' }",
            "numerai.toml [submission.models]: 'mlp' and 'trees' are both submitted as "
            "'alpha', where only the latest submission of a round counts. Give each "
            "model one of its own at Numerai.",
        ),
        (
            "[submission]\nmodels = { mlp = ' ' }",
            "numerai.toml [submission.models]: 'mlp' has no name at Numerai.",
        ),
        (
            '[submission]\nmodels = { mlp = "a\\u001b[2J" }',
            "numerai.toml [submission.models]: 'a\\x1b[2J' holds characters that no "
            "name has.",
        ),
    ],
)
def test_a_wrong_key_or_value_is_named(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "numerai.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_settings(path)
    assert str(caught.value) == sentence


def test_no_settings_and_broken_toml(tmp_path: Path) -> None:
    path = tmp_path / "numerai.toml"
    with pytest.raises(
        ConfigError, match=r"does not exist\. Run `nai init` in that folder"
    ):
        load_settings(path)
    path.write_text("[data\n")
    with pytest.raises(ConfigError, match=r"numerai\.toml is not valid TOML: .*line 1"):
        load_settings(path)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().data.version = "v4"  # type: ignore[misc]


def test_a_wrong_value_in_a_free_table_is_placed() -> None:
    with pytest.raises(ConfigError, match=r"\[submission\.models\]: 'mlp' is 3"):
        parse_table(
            Settings, {"submission": {"models": {"mlp": 3}}}, where="numerai.toml"
        )


def test_an_editor_that_writes_a_byte_order_mark_is_borne(tmp_path: Path) -> None:
    path = tmp_path / "numerai.toml"
    path.write_bytes(b'\xef\xbb\xbf[data]\r\nversion = "v5.0"\r\n')
    assert load_settings(path).data.version == "v5.0"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = " + "[" * 90_000, "numerai.toml is nested too deeply"),
        ("x = " + "{ y = " * 90_000, "numerai.toml is nested too deeply"),
        ("a." * 2_000 + "b = 1", "numerai.toml"),
        ("[" + "a." * 2_000 + "b]", "numerai.toml"),
        ("x = " + "9" * 5_000, "numerai.toml is not valid TOML"),
        ("x = 9999-99-99", "numerai.toml is not valid TOML"),
        ("x = \x00", "numerai.toml is not valid TOML"),
    ],
)
def test_toml_that_nobody_writes_is_a_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    path = tmp_path / "numerai.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=sentence):
        load_settings(path)
