"""What is said of each case, and what following it leads to."""

from dataclasses import dataclass
from typing import Any

from benchmarks.diagnosis import sagemaker
from benchmarks.diagnosis.bank import Case
from benchmarks.diagnosis.faults import Fault
from benchmarks.diagnosis.training import Told, run_of, told_of
from recsvc.rbm.diagnosis import diagnose
from recsvc.rbm.tuning import autopilot

WITHIN = 1.02
Figures = dict[str, float] | None


@dataclass(frozen=True)
class Outcome:
    """What was said of a case; codes and severities in the order in which they are told.

    before, after, sound  figures on sound ratings: of the run, of the one that autopilot ends at,
                          and of the run without the fault; None where it has none
    changes               that autopilot kept
    """

    case: Case
    codes: tuple[str, ...]
    severities: tuple[str, ...]
    rules: tuple[str, ...]
    before: Figures = None
    after: Figures = None
    sound: Figures = None
    changes: tuple[tuple[str, Any], ...] = ()

    @property
    def is_found(self) -> bool:
        """Tell whether anything was said that is more than a note."""
        return any(severity != "note" for severity in self.severities)

    @property
    def is_named(self) -> bool:
        """Tell whether one of the first two names the fault's cause."""
        return self.case.fault is not None and self.names(self.case.fault)

    def names(self, fault: Fault) -> bool:
        """Tell whether one of the first two findings that are no notes is of this fault."""
        told = [
            code
            for code, severity in zip(self.codes, self.severities, strict=True)
            if severity != "note"
        ]
        return any(code in fault.codes for code in told[:2])

    @property
    def is_harmless(self) -> bool:
        """Tell whether the run was as good as the sound one with its fault."""
        return as_good(self.before, self.sound)

    @property
    def is_cured(self) -> bool:
        """Tell whether it is as good as the sound one after the advice was followed."""
        return as_good(self.after, self.sound)

    @property
    def is_cured_by_nll(self) -> bool:
        """Tell the same by validation NLL alone, whatever the machine goes by."""
        return as_good(self.after, self.sound, by_nll=True)


def outcome(case: Case) -> Outcome:
    """Train, diagnose, and let autopilot follow the advice."""
    told = told_of(case)
    run = run_of(case, told)
    found = diagnose(run)
    rules = sagemaker.fired(told["rows"], diverged=run.non_finite_at is not None)
    codes, severities = tuple(one.code for one in found), tuple(one.severity for one in found)
    if case.fault is None:
        return Outcome(case, codes, severities, tuple(rules))
    last, changes = piloted(case, told)
    sound = told_of(Case(case.half, case.data, case.kind, case.seed))
    return Outcome(
        case,
        codes,
        severities,
        tuple(rules),
        told["on_sound"],
        last["on_sound"],
        sound["on_sound"],
        tuple(changes.items()),
    )


def piloted(case: Case, told: Told) -> tuple[Told, dict[str, Any]]:
    """Follow the advice as autopilot does; give the run it ends at, and the changes it kept."""
    changes: dict[str, Any] = {}
    tried: list[tuple[autopilot.Tried, bool]] = []
    for _ in range(autopilot.MOST_TRIES):
        run = run_of(case, told, changes)
        change = autopilot.next_change(diagnose(run), autopilot.changes_to_skip(tried))
        if change is None:
            break
        asked = {**changes, change.hyperparameter: change.to}
        next_told = told_of(case, asked, before=run)
        changed = run_of(case, next_told, asked)
        epoch = autopilot.comparison_epoch(changed.hyper or run.usual, run)
        kept = autopilot.is_better(changed, run, epoch=epoch)
        tried.append(((change.hyperparameter, change.to), kept))
        if kept:
            told, changes = next_told, asked
    return told, changes


def as_good(figures: Figures, sound: Figures, *, by_nll: bool = False) -> bool:
    """Tell whether a run is within 2 % of the sound one, by what its kind of machine goes by.

    A joint machine goes by nDCG@10: its NLL is best before it has learned anything.
    """
    if figures is None or sound is None:
        return False
    if sound["ndcg"] < 0 or by_nll:
        return figures["nll"] <= WITHIN * sound["nll"]
    return WITHIN * figures["ndcg"] >= sound["ndcg"]
