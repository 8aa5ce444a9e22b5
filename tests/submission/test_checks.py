"""What is refused before anything is sent, and with which sentence."""

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_pipeline.core import DataError
from numerai_pipeline.submission import check_predictions

IDS = [f"n{number:015x}" for number in range(6)]
VALUES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


@pytest.fixture
def write(tmp_path):
    def write(ids=IDS, values=VALUES, header="id,prediction", end="\n"):
        path = tmp_path / "predictions.csv"
        rows = [f"{i},{v}" for i, v in zip(ids, values, strict=True)]
        path.write_text(end.join([header, *rows, ""]), newline="")
        return path

    return write


def test_good_predictions_come_back_as_their_bytes(write):
    path = write()
    checked = check_predictions(path, IDS)
    assert checked.content == path.read_bytes()
    assert checked.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert checked.n_rows == 6
    assert checked.ties_share == 0
    assert "content" not in repr(checked)


def test_the_order_of_the_ids_and_windows_line_ends_do_not_matter(write):
    assert check_predictions(write(IDS[::-1], end="\r\n"), IDS).n_rows == 6


def test_ties_are_counted(write):
    path = write(values=[0.5, 0.50, 5e-1, 0.1, 0.2, 0.3])
    assert check_predictions(path, IDS).ties_share == 0.5


def refused(path, sentence, live_ids=IDS):
    with pytest.raises(DataError, match=re.escape(sentence)) as error:
        check_predictions(path, live_ids)
    assert path.name in str(error.value)
    assert "Run `nai " in str(error.value)


def test_missing_unknown_and_repeated_ids_are_counted_and_named(write):
    path = write([*IDS[:3], IDS[0], "x1", "x2"])
    refused(
        path,
        "does not match the 6 live ids: 3 live ids are missing, such as "
        "'n000000000000003'; 2 ids are not in the live data, such as 'x1'; "
        "1 ids occur twice, such as 'n000000000000000'. Run `nai predict`",
    )


def test_one_missing_id_is_refused(write):
    refused(write(IDS[:5], VALUES[:5]), "1 live ids are missing")


def test_one_id_too_many_is_refused(write):
    refused(write(), "1 ids are not in the live data", live_ids=IDS[:5])


@pytest.mark.parametrize(
    "value",
    [
        "nan",
        "inf",
        "-inf",
        "0",
        "1",
        "0.0",
        "1.0",
        "-0.1",
        "1.1",
        "",
        "x",
        "0_5",
        "０.５",
        "1e-999",
    ],
)
def test_values_outside_the_open_interval_name_line_and_id(write, value):
    path = write(values=[0.1, 0.2, value, 0.4, 0.5, 0.6])
    refused(
        path,
        f"line 4: the prediction of n000000000000002 is '{value}', but must be a "
        "number above 0 and below 1.",
    )


def test_a_constant_is_refused(write):
    refused(
        write(values=[0.5] * 6), "all 6 predictions are 0.5, which cannot be scored"
    )


@pytest.mark.parametrize(
    "header", ["prediction,id", "id,predictions", "id", "", "\ufeffid,prediction"]
)
def test_other_columns_are_refused(write, header):
    refused(write(header=header), "but must start with 'id,prediction'")


def test_a_line_with_another_number_of_fields_is_refused(write):
    path = write()
    path.write_text(path.read_text() + "n1,0.1,0.2\n")
    refused(path, "line 8 has 3 fields instead of 2")


@pytest.mark.parametrize(
    "line",
    [
        '"',
        'n1,"0.5',
        '"n1"x,0.5',
        '"' + "x" * 200_000,
        "n1,\0",
        '"""',
    ],
)
def test_a_line_that_is_not_csv_is_named(write, line):
    path = write()
    path.write_text(path.read_text() + line, newline="")
    refused(path, f"{path} line ")


def test_a_file_that_was_cut_is_refused(write):
    path = write()
    path.write_bytes(path.read_bytes()[:-7])
    refused(path, "has 1 fields instead of 2")


def test_no_file_no_text_no_rows_and_no_live_ids(write, tmp_path):
    refused(tmp_path / "absent.csv", "does not exist")
    path = write()
    refused(path, "the live data has no ids. Run `nai download", live_ids=[])
    refused(write([], []), "6 live ids are missing")
    path.write_bytes(b"id,prediction\n\xff\xfe")
    refused(path, "is not UTF-8 text")
    path.write_bytes(b"")
    refused(path, "starts with the columns ''")


@given(
    st.lists(
        st.floats(0, 1, exclude_min=True, exclude_max=True), min_size=2, unique=True
    )
)
def test_every_float_inside_passes_as_python_writes_it(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("any") / "p.csv"
    ids = [str(number) for number in range(len(values))]
    lines = [f"{i},{v!r}\n" for i, v in zip(ids, values, strict=True)]
    path.write_text("".join(["id,prediction\n", *lines]))
    assert check_predictions(path, ids).n_rows == len(values)
