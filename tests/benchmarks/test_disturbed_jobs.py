"""The count of attempts, as benchmarks/kills.py checks it."""

import pytest

from benchmarks.disturbed_jobs import Look, attempt_errors

A, B = ("a", None), ("b", None)


def looks(*rows: tuple[int, int, tuple]) -> list[Look]:
    return [Look("running", fence, attempt, kept) for fence, attempt, kept in rows]


@pytest.mark.parametrize(
    ("cost", "seen"),
    [
        (1, looks((1, 1, A), (2, 2, A), (2, 1, B))),
        (1, looks((1, 1, A), (2, 2, B))),  # a checkpoint and a claim between two looks
        (1, looks((1, 1, A), (3, 3, A))),
        (0, looks((1, 1, A), (2, 1, A), (4, 1, A))),
    ],
)
def test_attempt_errors_are_none_where_claims_cost_as_specified(cost, seen):
    assert attempt_errors(seen, cost=cost) == []


@pytest.mark.parametrize(
    ("cost", "seen"),
    [
        (1, looks((1, 1, A), (2, 1, A))),  # a kill that cost nothing
        (0, looks((1, 1, A), (2, 2, A))),  # a fault of the machine that cost an attempt
        (1, looks((1, 1, A), (2, 2, A), (2, 2, B))),  # a checkpoint that reset nothing
        (1, looks((1, 2, A))),
    ],
)
def test_attempt_errors_report_other_counts(cost, seen):
    assert len(attempt_errors(seen, cost=cost)) == 1
