"""Rounds that go on after a break."""

import pytest

from benchmarks.rounds import run_rounds


def test_run_rounds_continues_after_finished_rounds(tmp_path):
    file = tmp_path / "rounds.jsonl"
    measured = []

    def measure(number: int) -> dict:
        measured.append(number)
        if measured == [0, 1]:
            raise KeyboardInterrupt
        return {"number": number}

    with pytest.raises(KeyboardInterrupt):
        run_rounds(file, 3, measure, minutes=1, fresh=False)
    rows = run_rounds(file, 3, measure, minutes=1, fresh=False)

    assert measured == [0, 1, 1, 2]
    assert rows == [{"number": number} for number in range(3)]
    assert not file.exists()


def test_run_rounds_begins_none_without_time(tmp_path):
    file = tmp_path / "rounds.jsonl"
    file.write_text('{"number": 0}\n')

    assert run_rounds(file, 3, lambda number: {}, minutes=0, fresh=False) == [{"number": 0}]
    assert run_rounds(file, 3, lambda number: {}, minutes=0, fresh=True) == []
