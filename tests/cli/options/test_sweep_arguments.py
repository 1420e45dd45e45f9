"""What a sweep tries, as it is typed."""

import pytest
import typer

from recsvc.cli.options import sweep_arguments


def test_parse_grid_reads_numbers_and_text():
    asked = ("learning_rate=0.002,2", "n_hidden=50, 1e2", "leave_out=nobody,odd")

    assert sweep_arguments.parse_grid(asked) == {
        "learning_rate": [0.002, 2],
        "n_hidden": [50, 100.0],
        "leave_out": ["nobody", "odd"],
    }


def test_parse_search_space_reads_ranges_and_values():
    asked = ("learning_rate=0.001..1:log", "momentum=0..0.9", "n_hidden=50,100", "dropout=.5...7")

    assert sweep_arguments.parse_search_space(asked) == {
        "learning_rate": {"low": 0.001, "high": 1, "scale": "log"},
        "momentum": {"low": 0, "high": 0.9, "scale": "linear"},
        "n_hidden": [50, 100],
        "dropout": {"low": 0.5, "high": 0.7, "scale": "linear"},
    }


@pytest.mark.parametrize("word", ["nan", "inf", "-Infinity", "true"])
def test_parse_grid_keeps_non_finite_number_as_text(word):
    assert sweep_arguments.parse_grid([f"learning_rate={word},1"]) == {"learning_rate": [word, 1]}


@pytest.mark.parametrize(
    ("read", "asked", "said"),
    [
        (
            sweep_arguments.parse_grid,
            ["n_hidden"],
            "'n_hidden' has no name or no values. Write a hyperparameter",
        ),
        (sweep_arguments.parse_grid, ["=1,2"], "'=1,2' has no name or no values"),
        (
            sweep_arguments.parse_grid,
            ["n_hidden=1,,2"],
            "n_hidden is '1,,2': a value is missing",
        ),
        (sweep_arguments.parse_grid, ["n_hidden=1", "n_hidden=2"], "n_hidden appears twice"),
        (
            sweep_arguments.parse_grid,
            ["n_hidden=1..9"],
            "sample the range: recsvc sweep random n_hidden=1..9",
        ),
        (
            sweep_arguments.parse_search_space,
            ["momentum=0..x"],
            "momentum is '0..x'. Write a range as LOW..HIGH",
        ),
        (
            sweep_arguments.parse_search_space,
            ["momentum=0..nan"],
            "momentum is '0..nan'. Write a range as LOW..HIGH",
        ),
        (sweep_arguments.parse_search_space, ["momentum=0..1:lin"], "LOW..HIGH:log"),
        (sweep_arguments.parse_search_space, ["momentum=0..1,2"], "Write a range as LOW..HIGH"),
    ],
)
def test_parsers_raise_bad_parameter_with_remedy(read, asked, said):
    with pytest.raises(typer.BadParameter) as refused:
        read(asked)

    assert said in refused.value.message
