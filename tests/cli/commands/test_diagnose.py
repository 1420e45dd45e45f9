"""Which files `recsvc diagnose` can read, and what it says of the others."""

import re

import pytest

from recsvc.cli.commands import diagnose
from recsvc.cli.commands.diagnose import _read_curve
from recsvc.client import ClientError

NO_CURVE = "It ended before its first epoch: there is no curve."


@pytest.fixture
def file(tmp_path):
    return tmp_path / "curves.csv"


def test_read_curve_accepts_several_names_per_column(file):
    file.write_text("epoch,train_loss,val_loss,learning_rate\n0,2.0,nan,0.1\n\n1,1.5,,0.1\n")

    assert _read_curve(file) == [
        {"epoch": 0, "train_nll": 2.0, "validation_nll": "nan", "learning_rate": 0.1},
        {"epoch": 1, "train_nll": 1.5, "validation_nll": None, "learning_rate": 0.1},
    ]


def test_read_curve_ignores_unknown_columns_with_warning(file, capsys):
    file.write_text(",epoch,loss,accuracy\n0,0,2.0,good\n1,1,1.5,better\n")

    assert _read_curve(file) == [{"epoch": 0, "train_nll": 2.0}, {"epoch": 1, "train_nll": 1.5}]
    told = capsys.readouterr()
    assert told.err.endswith(
        "curves.csv: unknown columns are ignored: a column without a name, accuracy.\n"
    )
    assert told.out == ""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"epoch,loss\n0,\xff\n", "is not UTF-8 text: byte 0xff cannot be decoded."),
        (b"\xff\xfee\x00p\x00", "is not UTF-8 text: byte 0xff cannot be decoded."),
        (b"", "has no column 'epoch'. The first line must have the column names."),
        (b"loss\n1\n", "has no column 'epoch'. The first line must have the column names."),
        (b"epoch,loss\n", "has no line below the column names. Add one line for each epoch."),
        (b"epoch,accuracy\n0,.5\n", "has no metric column. Known columns: loss, "),
        (b"epoch,loss,train_loss\n0,1,2\n", "'loss' and 'train_loss' both mean train_nll."),
        (b"epoch,loss,loss\n0,1,2\n", "'loss' and 'loss' both mean train_nll."),
        (b"epoch,loss\n0,1\n1,low\n", "line 3: loss is 'low'. It must be a number or empty."),
        (b"epoch,loss\n0,1,5\n", "line 2: more fields than columns."),
        (b"epoch,loss\n,1\n", "line 2: the epoch is missing."),
        (b'epoch,loss\n0,"' + b"1" * 200_000, "cannot be read as CSV: field larger than"),
    ],
)
def test_read_curve_raises_client_error_for_invalid_file(file, data, said):
    file.write_bytes(data)

    with pytest.raises(ClientError, match=re.escape(said)) as refused:
        _read_curve(file)
    assert str(refused.value).startswith(str(file))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("state", "n_epochs", "said"),
    [
        ("running", 0, "Too early for a diagnosis. Repeat it after a few more epochs."),
        (
            "failed",
            0,
            "The job ended before its first epoch. See: recsvc jobs show 7",
        ),
        ("cancelled", 2, "The job ended too early for a diagnosis."),
    ],
)
def test_print_diagnosis_promises_epochs_for_running_job_only(capsys, state, n_epochs, said):
    found = {"job_id": 7, "state": state, "n_epochs": n_epochs, "verdict": "too_early"}

    diagnose.print_diagnosis(found | {"findings": []}, as_json=False)

    assert capsys.readouterr().out == f"{said}\n"
