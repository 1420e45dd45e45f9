"""Print how well faults are found on one half of the bank; see the package."""

import argparse
from collections import defaultdict
from dataclasses import dataclass

from benchmarks.diagnosis import sagemaker
from benchmarks.diagnosis.bank import Case, faulty_cases, sound_cases
from benchmarks.diagnosis.training import run_of
from benchmarks.progress import steps
from recsvc.rbm.diagnosis import diagnose


@dataclass(frozen=True)
class Outcome:
    """What was said of a case; codes and severities in the order in which they are told."""

    case: Case
    codes: tuple[str, ...]
    severities: tuple[str, ...]
    rules: tuple[str, ...]

    @property
    def is_found(self) -> bool:
        """Tell whether anything was said that is more than a note."""
        return any(severity != "note" for severity in self.severities)

    @property
    def is_named(self) -> bool:
        """Tell whether one of the first two names the fault's cause."""
        told = [code for code, severity in zip(self.codes, self.severities, strict=True)
                if severity != "note"]  # fmt: skip
        return self.case.fault is not None and any(c in self.case.fault.codes for c in told[:2])


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--half", choices=("calibration", "held back"), default="held back")
    options.add_argument("--verbose", action="store_true", help="a line for each case")
    told = options.parse_args()
    cases = sound_cases(told.half) + faulty_cases(told.half)
    outcomes = []
    with steps(told.half, len(cases)) as step:
        for case in cases:
            outcomes.append(outcome(case))
            step(f"{case.name} -> {', '.join(outcomes[-1].codes) or 'healthy'}")
    print(table(outcomes))


def outcome(case: Case) -> Outcome:
    run, rows = run_of(case)
    found = diagnose(run)
    rules = sagemaker.fired(rows, diverged=run.spoilt_at is not None)
    codes, severities = tuple(one.code for one in found), tuple(one.severity for one in found)
    return Outcome(case, codes, severities, tuple(rules))


def table(outcomes: list[Outcome]) -> str:
    by_fault = defaultdict(list)
    for one in outcomes:
        if one.case.fault is not None:
            by_fault[one.case.fault.name].append(one)
    lines = ["| fault | runs | found | cause in the top two | told |", "|---|---:|---:|---:|---|"]
    for name, some in by_fault.items():
        told = sorted({one.codes[0] if one.codes else "healthy" for one in some})
        lines.append(
            f"| {name} | {len(some)} | {sum(one.is_found for one in some)} | "
            f"{sum(one.is_named for one in some)} | {', '.join(told)} |"
        )
    faulty = [one for one in outcomes if one.case.fault is not None]
    sound = [one for one in outcomes if one.case.fault is None]
    alarms = [one for one in sound if "problem" in one.severities]
    lines += [
        "",
        f"{len(faulty)} faulty runs: recall {share(faulty, 'is_found')}, cause in the top two "
        f"{share(faulty, 'is_named')}. {len(sound)} sound runs: {len(alarms)} with a problem, "
        f"{sum(one.is_found for one in sound)} with a problem or a warning.",
        "",
        "| | recall | precision | F1 |",
        "|---|---:|---:|---:|",
        scores("recsvc", sum(one.is_found for one in faulty), len(faulty),
               sum(one.is_found for one in sound)),
        scores("SageMaker Debugger's rules", sum(bool(one.rules) for one in faulty), len(faulty),
               sum(bool(one.rules) for one in sound)),
    ]  # fmt: skip
    return "\n".join(lines)


def share(some: list[Outcome], what: str) -> str:
    return f"{sum(getattr(one, what) for one in some) / max(1, len(some)):.2f}"


def scores(name: str, hits: int, n_faulty: int, alarms: int) -> str:
    recall, precision = hits / n_faulty, hits / max(1, hits + alarms)
    f1 = 2 * recall * precision / max(1e-9, recall + precision)
    return f"| {name} | {recall:.2f} | {precision:.2f} | {f1:.2f} |"


if __name__ == "__main__":
    main()
