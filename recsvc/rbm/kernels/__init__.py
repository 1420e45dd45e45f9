"""The compiled loops, and the only package that imports numba.

No kernel calls another kernel. `compilation` explains why, how inner functions are inlined, and how
the cache notices a change in any file. A test finds calls between kernels.

Each kernel writes into arrays of its caller and has a slow, simple twin in tests/naive.py. Loops
run in parallel over users, over items or over fixed chunks of them. Each iteration writes its own
rows, and sums over chunks are added in their order. So the result does not depend on the number of
threads.

`users` are the cases and `items` the visible units. An item-oriented machine passes a transposed
RatingMatrix, so the names are exchanged.

Random numbers are a counter-based hash. Uniform number `n` of a case is a pure function of
(seed, epoch, case, n), so neither threads nor an interruption can change it.
"""

from numba import config, get_num_threads, set_num_threads

from recsvc.rbm.kernels.batch_layout import fill_layout
from recsvc.rbm.kernels.cd_sampling import sample_hidden, sample_levels
from recsvc.rbm.kernels.cd_state import BatchLayout, CDArrays, GibbsChain, StepSize
from recsvc.rbm.kernels.cd_step import (
    apply_idle_steps,
    idle_maps,
    step_and_accumulate,
    step_hidden_bias,
)
from recsvc.rbm.kernels.item_pairs import add_rows, count_pairs, scale_inverse, top_n, top_n_without
from recsvc.rbm.kernels.joint import (
    adam_step,
    add_couplings,
    drop_units,
    level_fields,
    level_fields_in_parallel,
    pair_fields,
    pick_couplings,
    sample_inputs,
    solve_rows,
)
from recsvc.rbm.kernels.level_probabilities import (
    leave_one_out_probabilities,
    level_probabilities,
    level_probabilities_in_parallel,
    top_liked,
)
from recsvc.rbm.kernels.replicated import (
    choose_chunks,
    contrastive_adam_step,
    draw_pairs,
    draw_units,
)
from recsvc.rbm.kernels.scalars import exponential, uniform
from recsvc.rbm.kernels.shared import (
    fold_in_one,
    gather_rows,
    group_by_item,
    hidden_inputs,
    largest_magnitude,
    row_products,
    stream,
    streams,
)
from recsvc.rbm.kernels.softmax import exponentials, scale_rows

__all__ = [
    "BatchLayout",
    "CDArrays",
    "GibbsChain",
    "StepSize",
    "adam_step",
    "add_couplings",
    "add_rows",
    "apply_idle_steps",
    "choose_chunks",
    "contrastive_adam_step",
    "count_pairs",
    "draw_pairs",
    "draw_units",
    "drop_units",
    "exponential",
    "exponentials",
    "fill_layout",
    "fold_in_one",
    "gather_rows",
    "group_by_item",
    "hidden_inputs",
    "idle_maps",
    "largest_magnitude",
    "leave_one_out_probabilities",
    "level_fields",
    "level_fields_in_parallel",
    "level_probabilities",
    "level_probabilities_in_parallel",
    "pair_fields",
    "pick_couplings",
    "row_products",
    "sample_hidden",
    "sample_inputs",
    "sample_levels",
    "scale_inverse",
    "scale_rows",
    "solve_rows",
    "step_and_accumulate",
    "step_hidden_bias",
    "stream",
    "streams",
    "threads",
    "top_liked",
    "top_n",
    "top_n_without",
    "uniform",
    "use_threads",
]


def use_threads(n_threads: int) -> None:
    """Set the number of threads for this thread's parallel kernels, at most the process's."""
    most = config.NUMBA_NUM_THREADS  # type: ignore[attr-defined] # numba sets it at import
    set_num_threads(max(1, min(n_threads, most)))


def threads() -> int:
    """Return the number of threads that the parallel kernels of this thread use."""
    return int(get_num_threads())
