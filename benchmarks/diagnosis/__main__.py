"""Print how well faults are found on one half of the bank; see the package."""

import argparse
import os
from collections import defaultdict
from multiprocessing import get_context

from benchmarks.diagnosis.bank import faulty_cases, sound_cases
from benchmarks.diagnosis.outcomes import Outcome, outcome
from benchmarks.progress import steps


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--half", choices=("calibration", "held back"), default="held back")
    told = options.parse_args()
    cases = sound_cases(told.half) + faulty_cases(told.half)
    os.environ["NUMBA_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    outcomes = []
    processes = get_context("spawn").Pool(os.cpu_count())
    with processes as pool, steps(told.half, len(cases)) as step:
        for one in pool.imap(outcome, cases):
            outcomes.append(one)
            step(line(one))
    print(table(outcomes))


def line(one: Outcome) -> str:
    told = f"{one.case.name} -> {', '.join(one.codes) or 'healthy'}"
    if one.case.fault is None:
        return told
    goes_by = "nll" if one.case.kind == "user_rbm" else "ndcg"
    figures = " / ".join(
        f"{figures[goes_by]:.4f}" if figures else "-"
        for figures in (one.before, one.after, one.sound)
    )
    changes = ", ".join(f"{name} {to}" for name, to in one.changes)
    return f"{told} | {figures} | {changes}"


def table(outcomes: list[Outcome]) -> str:
    by_fault = defaultdict(list)
    for one in outcomes:
        if one.case.fault is not None:
            by_fault[one.case.fault.name].append(one)
    lines = [
        "| fault | runs | found | named | precision | harmless | cured | told first |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, some in by_fault.items():
        told = sorted({one.codes[0] if one.codes else "healthy" for one in some})
        lines.append(
            f"| {name} | {len(some)} | {sum(one.is_found for one in some)} | "
            f"{sum(one.is_named for one in some)} | {precision(some, outcomes)} | "
            f"{sum(one.is_harmless for one in some)} | "
            f"{sum(one.is_cured for one in some)} | {', '.join(told)} |"
        )
    faulty = [one for one in outcomes if one.case.fault is not None]
    sound = [one for one in outcomes if one.case.fault is None]
    alarms = [one for one in sound if "problem" in one.severities]
    lines += [
        "",
        f"{len(faulty)} faulty runs: recall {share(faulty, 'is_found')}, cause in the top two "
        f"{share(faulty, 'is_named')}, within 2 % of the sound run before "
        f"{share(faulty, 'is_harmless')} and after autopilot {share(faulty, 'is_cured')} "
        f"(by NLL alone {share(faulty, 'is_cured_by_nll')}). "
        f"{len(sound)} sound runs: {len(alarms)} with a problem, "
        f"{sum(one.is_found for one in sound)} with a problem or a warning.",
        "",
        "| | recall | precision | F1 |",
        "|---|---:|---:|---:|",
        scores(
            "recsvc",
            sum(one.is_found for one in faulty),
            len(faulty),
            sum(one.is_found for one in sound),
        ),
        scores(
            "SageMaker Debugger's rules",
            sum(bool(one.rules) for one in faulty),
            len(faulty),
            sum(bool(one.rules) for one in sound),
        ),
    ]
    return "\n".join(lines)


def precision(some: list[Outcome], outcomes: list[Outcome]) -> str:
    """Of all runs that are told the cause of some, the share whose cause it is."""
    fault = some[0].case.fault
    assert fault is not None
    told = [one for one in outcomes if one.names(fault)]
    right = [one for one in told if one.case.fault and set(fault.codes) & set(one.case.fault.codes)]
    return f"{len(right) / len(told):.2f}" if told else "–"


def share(some: list[Outcome], what: str) -> str:
    return f"{sum(getattr(one, what) for one in some) / max(1, len(some)):.2f}"


def scores(name: str, hits: int, n_faulty: int, alarms: int) -> str:
    recall, precision = hits / n_faulty, hits / max(1, hits + alarms)
    f1 = 2 * recall * precision / max(1e-9, recall + precision)
    return f"| {name} | {recall:.2f} | {precision:.2f} | {f1:.2f} |"


if __name__ == "__main__":
    main()
