"""Draw, for the page of each finding, a run that shows it beside the run after autopilot.

    .venv/bin/python -m benchmarks.diagnosis.pages

Runs are those of the calibration half, trained before by `python -m benchmarks.diagnosis --half
calibration`. A page's part from "## Seen" on is written anew.
"""

from benchmarks.diagnosis.bank import Case, faulty_cases
from benchmarks.diagnosis.faults import SHOWN
from benchmarks.diagnosis.outcomes import piloted
from benchmarks.diagnosis.training import ROOT, Told, run_of, told_of
from recsvc.plots.curve_plot import Curve, build_plot
from recsvc.plots.panels import Span
from recsvc.plots.svg import draw
from recsvc.rbm.diagnosis import diagnose, finding_codes
from recsvc.rbm.diagnosis.run import RunRecord
from recsvc.rbm.model_kind import MACHINES

FOLDER = ROOT / "docs" / "reference" / "findings"
SEEN = "\n## Seen\n"
DATA = "ml-100k"


def main() -> None:
    shown: dict[str, Case] = {}
    for case in cases():
        assert case.fault is not None
        for code in codes(run_of(case, told_of(case))):
            before = shown.get(code)
            if before is None or (code in case.fault.codes and code not in causes(before)):
                shown[code] = case
    for code, case in shown.items():
        page = FOLDER / f"{code}.md"
        if page.is_file():
            page.write_text(page.read_text().split(SEEN)[0] + SEEN + seen(code, case))
    for code in finding_codes():
        if code not in shown:
            print(f"no run of {DATA} shows {code}")


def cases() -> list[Case]:
    """Give the runs to choose from; of those whose cause a finding is, the first shows it."""
    rare = [
        Case("calibration", DATA, kind, 0, fault, strength)
        for fault in SHOWN
        for kind in fault.kinds
        for strength in fault.calibration
    ]
    return [case for case in faulty_cases("calibration") if case.data == DATA] + rare


def causes(case: Case) -> tuple[str, ...]:
    return case.fault.codes if case.fault is not None else ()


def seen(code: str, case: Case) -> str:
    """Draw both runs, and say what they are."""
    assert case.fault is not None
    before = told_of(case)
    after, changes = piloted(case, before)
    told = [before] if after is before else [before, after]
    picture = FOLDER / "pictures" / f"{code}.svg"
    picture.parent.mkdir(exist_ok=True)
    figure = MACHINES[case.kind].best_metric
    figures = (figure, "train_nll") if figure == "validation_nll" else (figure,)
    curves = [curve(n, case, one, n == 1) for n, one in enumerate(told, 1)]
    picture.write_text(draw(build_plot(curves, figures if len(told) == 1 else (figure,))))
    name, best = ("nDCG@10", max) if case.kind == "joint_rbm" else ("NLL", min)
    reached = [best(one[figure] for one in run["rows"]) for run in told]
    asked = ", ".join(f"`{name}` {to}" for name, to in changes.items())
    said = (
        f"MovieLens 100K, `{case.kind}`, {case.fault.name} ({case.strength:g}): best validation "
        f"{name} {reached[0]:.4f}"
    )
    if changes:
        said += f"; with {asked}, as autopilot found, {reached[-1]:.4f}"
        left = before["loss_without"].get(changes.get("leave_out"))
        if left is not None:
            left = 1.0 - left if case.kind == "joint_rbm" else left
            said += f", where on the same ratings, those that are left, it was {left:.4f} before"
    else:
        said += "; no change that was suggested made it better"
    return f"{said}.\n\n![The error curve before and after](pictures/{code}.svg)\n"


def curve(number: int, case: Case, told: Told, is_first: bool) -> Curve:
    found = diagnose(run_of(case, told)) if is_first else []
    findings = [Span(one.code, one.severity, one.epochs) for one in found]
    hyper = told["hyper"]
    return Curve(number, "succeeded", told["rows"], findings=findings, hyperparameters=hyper)


def codes(run: RunRecord) -> list[str]:
    return [one.code for one in diagnose(run)]


if __name__ == "__main__":
    main()
