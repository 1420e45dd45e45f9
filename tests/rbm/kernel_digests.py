"""Print digests of what every kernel leads to: `python -m tests.rbm.kernel_digests [ORDER]`.

One task trains or makes a model of one kind and width; then it recommends, predicts, explains and
evaluates with the model in memory and with the read-only arrays of its checkpoint. ORDER is empty,
`reversed`, or `ahead`, which compiles all kernels first.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from recsvc.rbm import checkpoint, evaluation, kernels
from recsvc.rbm.inference import explanations, scoring, top_n
from recsvc.rbm.inference.folded_users import FoldedUsers
from recsvc.rbm.kernels import rating_ensemble
from recsvc.rbm.machines import masked
from recsvc.rbm.machines.couplings import Neighbourhoods
from recsvc.rbm.model import Model
from recsvc.rbm.params import Params
from recsvc.rbm.precompilation import compile_kernels
from recsvc.rbm.rating_ensemble import ensemble
from recsvc.rbm.rating_scale import RatingScale
from tests.factories.machines import STARS, learn, model_of, random_params, random_ratings

WIDTHS = (7, 100, 104, 256)  # whole vectors and remainders
N_USERS, N_ITEMS = 24, 60
SCALE = RatingScale(tuple(STARS.tolist()))
RATINGS = random_ratings(np.random.default_rng(1), n_users=N_USERS, n_items=N_ITEMS)
IS_HELD_OUT = np.arange(RATINGS.n_ratings) % 5 == 0
TRAIN, HELD_OUT = RATINGS.select(~IS_HELD_OUT), RATINGS.select(IS_HELD_OUT)

Results = Iterator[tuple[str, Any]]


def main(order: str = "") -> None:
    """Run all tasks; print their digests and the kernels that they compiled, as JSON."""
    if order == "ahead":
        compile_kernels()
    before = compilations()
    digests = {}
    for task in reversed(tasks()) if order == "reversed" else tasks():
        digests |= {name: digest(value) for name, value in task()}
    not_run = [name for name, kernel in public_kernels().items() if not kernel.signatures]
    assert not not_run, f"no task runs {not_run}"
    after = compilations()
    compiled = [name for name, n in after.items() if n != before[name]]
    sys.stdout.write(json.dumps({"digests": digests, "compiled": compiled}))


def compilations() -> dict[str, int]:
    """Return for how many types each public kernel was compiled in this process."""
    return {
        name: sum(kernel.stats.cache_misses.values()) for name, kernel in public_kernels().items()
    }


def tasks() -> list[Callable[[], Results]]:
    """Return the tasks in one order."""
    kinds = ("user_rbm", "item_rbm", "joint_rbm")
    return [
        *(partial(trained, kind, width) for width in WIDTHS for kind in kinds),
        *(partial(trained, "joint_rbm", width, objective="contrastive") for width in WIDTHS),
        *(partial(large, kind, width) for width in WIDTHS for kind in ("user_rbm", "item_rbm")),
        rated,
        measured,
    ]


def public_kernels() -> dict[str, Any]:
    """Return the compiled functions that the product calls, by name."""
    names = {name: getattr(kernels, name) for name in kernels.__all__} | vars(rating_ensemble)
    return {name: value for name, value in names.items() if is_public(name, value)}


def is_public(name: str, value: object) -> bool:
    """Check whether a value is a kernel that the product calls."""
    return hasattr(value, "py_func") and not name.startswith("_")


def digest(value: Any) -> str:
    """Return the SHA-256 of arrays, or of numbers as text, to the last bit."""
    arrays = value if isinstance(value, (list, tuple)) else [value]
    parts = [a.tobytes() if isinstance(a, np.ndarray) else repr(a).encode() for a in arrays]
    return hashlib.sha256(b"|".join(parts)).hexdigest()


def trained(kind: str, n_hidden: int, *, objective: str = "conditional") -> Results:
    """Train two epochs; yield the state, the error curve and the answers."""
    name = f"{kind} {n_hidden} {objective}"
    train, held_out = TRAIN, HELD_OUT
    more = {"objective": objective, "candidates": 25} if kind == "joint_rbm" else {}
    if kind == "item_rbm":
        train, held_out = train.transpose(), held_out.transpose()
    curve = learn(
        train,
        validation=held_out,
        model_kind=kind,
        n_hidden=n_hidden,
        epochs=2,
        batch_size=8,
        final_cd_steps=2,
        **more,
    )
    report, state = curve[-1]
    for part in ("params", "velocity", "square"):
        yield f"{name} {part}", list(getattr(state, part).arrays().values())
    yield f"{name} report", report
    yield from answers(name, kind, state.params)


def large(kind: str, n_hidden: int) -> Results:
    """Yield the answers of a model whose products leave the range of numbers."""
    n_rows = N_USERS if kind == "item_rbm" else N_ITEMS
    rng = np.random.default_rng(n_hidden)
    params = random_params(rng, n_items=n_rows, n_hidden=n_hidden, spread=30.0)
    yield from answers(f"{kind} {n_hidden} large", kind, params)


def answers(name: str, kind: str, params: Params) -> Results:
    """Yield the answers of a model in memory and of its checkpoint."""
    couplings = Neighbourhoods.fit(TRAIN, 5).couplings(1.0)
    model = model_of(kind, params, TRAIN, couplings=couplings, coupling_scale=0.5)
    mapped = checkpoint.read_model(checkpoint.write_model(model))
    for where, either in (("memory", model), ("checkpoint", mapped)):
        for what, value in answers_of(either):
            yield f"{name} {where} {what}", value


def answers_of(model: Model) -> Results:
    """Yield predictions, a list, its reasons and the figures of evaluation."""
    items, levels = TRAIN.row(3)
    nothing = np.zeros(len(model.items), dtype=np.bool_)
    hidden = scoring.fold_in(model, items, levels) if model.model_kind != "item_rbm" else None
    asked = {"hidden": hidden, "user": 3}
    yield "hidden", hidden
    yield "probabilities", scoring.level_probabilities(model, model.all_items, **asked)
    yield "list", top_n.top_liked(model, 10, left_out=nothing, rated=items, **asked)
    effects = explanations.effects(model, items, levels, model.all_items)
    yield "effects", effects
    yield "strongest", explanations.strongest(effects[:, 0], 3, left_out=model.all_items[:1])
    folded = FoldedUsers.from_ratings(model, TRAIN)
    yield "folded", folded.hidden
    yield "shares", folded.level_probabilities(TRAIN.users(), TRAIN.items)
    yield "figures", evaluation.model_metrics(folded, TRAIN, HELD_OUT, np.arange(N_USERS))


def rated() -> Results:
    """Train the raters of a joint model; yield their arrays and predictions."""
    items, levels = TRAIN.row(3)
    *_, made = ensemble.train_ensemble(TRAIN, HELD_OUT, STARS, most_epochs=2, seed=0)
    for side in ("by_user", "by_item"):
        yield f"raters {side}", list(getattr(made, side).params.arrays().values())
    yield (
        "raters predictions",
        scoring.ensemble_probabilities(
            made, np.arange(N_ITEMS), user=3, rated=items, levels=levels
        ),
    )


def measured() -> Results:
    """Yield the baselines, one model's free energies, and single numbers."""
    users = np.arange(N_USERS)
    yield "baselines", evaluation.baseline_metrics(TRAIN, HELD_OUT, users, SCALE, with_ease=True)
    params = random_params(np.random.default_rng(2), n_items=N_ITEMS)
    yield "energies", masked.free_energy(params, TRAIN, masked.hidden_inputs(params, TRAIN))
    keys = [kernels.stream(5, 1, case) for case in range(20)]
    yield "uniforms", [float(kernels.uniform(np.uint64(key), 7)) for key in keys]
    yield "exponentials", [float(kernels.exponential(np.float32(x))) for x in range(-20, 20)]


if __name__ == "__main__":
    main(*sys.argv[1:])
