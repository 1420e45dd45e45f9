"""The bank: which runs there are, and on which half each lies. Fixed before calibration."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.diagnosis.faults import BOTH, FAULTS, Fault
from recsvc.rbm.model_kind import ModelKind

Half = Literal["calibration", "held back"]
DATA: dict[Half, tuple[str, ...]] = {
    "calibration": ("ml-100k",),
    "held back": ("ml-1m, fifth thousand", "ml-1m, sixth thousand"),
}
SEEDS: dict[Half, tuple[int, ...]] = {
    "calibration": (0, 1, 2, 3, 4, 5),
    "held back": (30, 31, 32),
}
EPOCHS: dict[ModelKind, int] = {"user_rbm": 60, "joint_rbm": 24}
SOUND: dict[ModelKind, tuple[dict[str, object], ...]] = {
    "user_rbm": (
        {},
        {"n_hidden": 50},
        {"n_hidden": 150},
        {"learning_rate_schedule": "cosine"},
        {"final_cd_steps": 3},
        {"weight_decay": 0.02},
    ),
    "joint_rbm": (
        {},
        {"n_hidden": 128},
        {"n_hidden": 320},
        {"learning_rate_schedule": "constant"},
        {"dropout": 0.3},
        {"weight_decay": 0.5},
    ),
}


@dataclass(frozen=True)
class Case:
    """One run.

    fault     None of a sound one
    sound     hyperparameters that are as good as the defaults
    """

    half: Half
    data: str
    kind: ModelKind
    seed: int
    fault: Fault | None = None
    strength: float = 0.0
    sound: tuple[tuple[str, object], ...] = ()

    @property
    def name(self) -> str:
        """Say it in a line; no two cases have the same."""
        told = f"{self.fault.name} {self.strength:g}" if self.fault else f"sound {self.sound}"
        return f"{self.data}, {self.kind}, seed {self.seed}: {told}"


def sound_cases(half: Half) -> list[Case]:
    """Every data set, kind, seed and sound choice: 72 a half."""
    return [
        Case(half, data, kind, seed, sound=tuple(sound.items()))
        for data in DATA[half]
        for kind in BOTH
        for seed in SEEDS[half]
        for sound in SOUND[kind]
    ]


def faulty_cases(half: Half) -> list[Case]:
    """Every fault at each of its strengths, on every data set, with the half's first seed."""
    return [
        Case(half, data, kind, SEEDS[half][0], fault, strength)
        for fault in FAULTS
        for data in DATA[half]
        for kind in fault.kinds
        for strength in (fault.calibration if half == "calibration" else fault.held_back)
    ]
