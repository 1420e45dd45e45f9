"""Kernels of the step along the contrastive divergence of a batch.

An item without ratings in a batch is idle: it only follows its momentum and decays. This is a
linear map of its weights and velocities, and a power of the map is applied at the item's next
rating. While the weights of a chunk of items are in the cache after the step, they are added to the
hidden inputs of the next batch.
"""

import numpy as np
from numba import prange

from recsvc.rbm.arrays import Doubles, Floats, Ints, Levels, Numbers
from recsvc.rbm.kernels.cd_state import BatchLayout, CDArrays, GibbsChain, StepSize
from recsvc.rbm.kernels.compilation import (
    REORDERED,
    STRICT,
    embed_function,
    inline_function,
    kernel,
)

ZERO = np.float32(0.0)


@kernel(fastmath=STRICT, error_model="numpy")
def idle_maps(momentum: float, drag: float, maps: Doubles) -> None:
    """Set `maps[n]` to the effect of n steps without a gradient on a weight w and velocity v.

    One step is v ← momentum · v − drag · w, then w ← w + v.

    drag  learning rate · weight decay
    maps  (n_steps + 1, 4): w of w, w of v, v of w, v of v
    """
    maps[0, 0], maps[0, 1], maps[0, 2], maps[0, 3] = 1.0, 0.0, 0.0, 1.0
    for n in range(maps.shape[0] - 1):
        for start in range(2):
            weight, velocity = maps[n, start], maps[n, 2 + start]
            velocity = momentum * velocity - drag * weight
            maps[n + 1, start], maps[n + 1, 2 + start] = weight + velocity, velocity


@inline_function
def _apply_idle_steps(
    weights: Floats, velocity: Floats, items: Numbers, first: int, last: int, n_steps: int,
    steps_taken: Ints, maps: Floats,
) -> None:  # fmt: skip
    """Apply the outstanding idle steps of some items.

    weights, velocity  (n_items, width)
    """
    for n in range(first, last):
        item = items[n]
        n_idle = n_steps - steps_taken[item]
        if n_idle > 0:
            w_of_w, w_of_v, v_of_w, v_of_v = (
                maps[n_idle, 0], maps[n_idle, 1], maps[n_idle, 2], maps[n_idle, 3],
            )  # fmt: skip
            for j in range(weights.shape[1]):
                weight, step = weights[item, j], velocity[item, j]
                weights[item, j] = w_of_w * weight + w_of_v * step
                velocity[item, j] = v_of_w * weight + v_of_v * step


@inline_function
def _step_weights(
    weights: Floats, velocity: Floats, group_items: Numbers, group_starts: Ints, rows: Numbers,
    step_group: int, step_end: int, data_levels: Levels, model_levels: Levels,
    data_hidden: Floats, model_hidden: Floats, momentum: np.float32, rate: np.float32,
    drag: np.float32, sum_group: int, sum_end: int, n_steps: int, steps_taken: Ints,
    maps: Floats, gradient: Floats, sums: Floats,
) -> None:  # fmt: skip
    """Step the items of a batch, and sum the hidden inputs of the next batch.

    The groups step_group : step_end of the reconstructed batch move the weights of their items. The
    items of the groups sum_group : sum_end of the next batch take their idle steps up to `n_steps`
    and are added to their users' sums. One pass through both batches in the order of items uses
    each item while it is in the cache.

    weights, velocity  (n_items, n_levels · n_hidden);  gradient (n_levels · n_hidden,) scratch
    sums               (n_batch of the next batch, n_hidden)
    """
    n_hidden = sums.shape[1]
    for row in range(sums.shape[0]):
        for j in range(n_hidden):
            sums[row, j] = ZERO
    # Merge both batches by item: an item of the two is stepped first, then summed.
    while step_group < step_end or sum_group < sum_end:
        steps = step_group < step_end and (
            sum_group == sum_end or group_items[step_group] <= group_items[sum_group]
        )
        item = group_items[step_group] if steps else group_items[sum_group]
        if steps:
            # gradient[r] = Σ h over the ratings at level r, of the data less of the chain
            for j in range(gradient.size):
                gradient[j] = ZERO
            for k in range(group_starts[step_group], group_starts[step_group + 1]):
                row = rows[k]
                data, model = data_levels[k] * n_hidden, model_levels[k] * n_hidden
                for j in range(n_hidden):
                    gradient[data + j] += data_hidden[row, j]
                for j in range(n_hidden):
                    gradient[model + j] -= model_hidden[row, j]
            # v ← momentum · v + rate · gradient − drag · w, then w ← w + v
            for j in range(gradient.size):
                weight = weights[item, j]
                step = momentum * velocity[item, j] + rate * gradient[j] - drag * weight
                velocity[item, j] = step
                weights[item, j] = weight + step
            step_group += 1
        if sum_group < sum_end and group_items[sum_group] == item:
            # An idle item must have its current weights before they are summed.
            n_idle = 0 if steps else n_steps - steps_taken[item]
            if n_idle > 0:
                w_of_w, w_of_v, v_of_w, v_of_v = (
                    maps[n_idle, 0], maps[n_idle, 1], maps[n_idle, 2], maps[n_idle, 3],
                )  # fmt: skip
                for j in range(gradient.size):
                    weight, step = weights[item, j], velocity[item, j]
                    weights[item, j] = w_of_w * weight + w_of_v * step
                    velocity[item, j] = v_of_w * weight + v_of_v * step
            for k in range(group_starts[sum_group], group_starts[sum_group + 1]):
                row, level = rows[k], data_levels[k] * n_hidden
                for j in range(n_hidden):
                    sums[row, j] += weights[item, level + j]
            sum_group += 1


@inline_function
def _step_biases(
    bias: Floats, velocity: Floats, group_items: Numbers, group_starts: Ints, first: int,
    last: int, data_levels: Levels, model_levels: Levels, momentum: np.float32, rate: np.float32,
    n_steps: int, steps_taken: Ints, confusions: Ints,
) -> None:  # fmt: skip
    """Step the visible biases of some groups' items; count levels by reconstruction."""
    n_levels = bias.shape[1]
    for group in range(first, last):
        item = group_items[group]
        for level in range(n_levels):
            velocity[item, level] *= momentum
        for k in range(group_starts[group], group_starts[group + 1]):
            data, model = data_levels[k], model_levels[k]
            confusions[data, model] += 1
            velocity[item, data] += rate
            velocity[item, model] -= rate
        for level in range(n_levels):
            bias[item, level] += velocity[item, level]
        steps_taken[item] = n_steps


@embed_function(fastmath=REORDERED, error_model="numpy")
def _step_and_accumulate_chunk(
    arrays: CDArrays, layout: BatchLayout, chain: GibbsChain, batch: int, chunk: int,
    step_size: StepSize, maps: Floats, bias_maps: Floats,
) -> None:  # fmt: skip
    """Step a chunk's items along a batch, and sum them for the next; either may be absent."""
    step_group = step_end = sum_group = sum_end = 0
    rate, n_next = np.float32(0.0), 0
    if batch >= 0:
        rate = step_size.learning_rate / np.float32(layout.starts[batch + 1] - layout.starts[batch])
        step_group = layout.chunk_groups[batch, chunk]
        step_end = layout.chunk_groups[batch, chunk + 1]
    if batch + 2 < layout.starts.size:
        n_next = layout.starts[batch + 2] - layout.starts[batch + 1]
        sum_group = layout.chunk_groups[batch + 1, chunk]
        sum_end = layout.chunk_groups[batch + 1, chunk + 1]
    flat = (arrays.weights.shape[0], arrays.weights.shape[1] * arrays.weights.shape[2])
    _step_weights(
        arrays.weights.reshape(flat), arrays.weights_velocity.reshape(flat), layout.group_items,
        layout.group_starts, layout.rows, step_group, step_end, layout.levels, chain.model_levels,
        chain.data_hidden, chain.model_hidden, step_size.momentum, rate,
        step_size.learning_rate * step_size.weight_decay, sum_group, sum_end, batch + 1,
        chain.steps_taken, maps, np.empty(flat[1], np.float32), chain.sums[chunk, :n_next],
    )  # fmt: skip
    _step_biases(
        arrays.visible_bias, arrays.visible_velocity, layout.group_items, layout.group_starts,
        step_group, step_end, layout.levels, chain.model_levels, step_size.momentum, rate,
        batch + 1, chain.steps_taken, chain.confusions[chunk],
    )  # fmt: skip
    _apply_idle_steps(
        arrays.visible_bias, arrays.visible_velocity, layout.group_items, sum_group, sum_end,
        batch + 1, chain.steps_taken, bias_maps,
    )  # fmt: skip


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def step_and_accumulate(
    arrays: CDArrays, layout: BatchLayout, chain: GibbsChain, batch: int, step_size: StepSize,
    maps: Floats, bias_maps: Floats,
) -> None:  # fmt: skip
    """Step along a batch's contrastive divergence [S07 eq. 6], and sum the next batch's inputs.

    gradient = (⟨v h⟩_data − ⟨v h⟩_model) / n_batch
    velocity = momentum · velocity + learning_rate · (gradient − weight_decay · weights)
    weights += velocity; the biases do not decay.

    batch  −1 to sum the inputs of the first batch without a step
    """
    for chunk in prange(layout.bounds.size - 1):
        _step_and_accumulate_chunk(arrays, layout, chain, batch, chunk, step_size, maps, bias_maps)


@kernel(fastmath=REORDERED, error_model="numpy")
def apply_idle_steps(
    arrays: CDArrays, chain: GibbsChain, n_steps: int, maps: Floats, bias_maps: Floats
) -> None:
    """Apply the outstanding idle steps of all items up to `n_steps`."""
    n_items, n_levels, n_hidden = arrays.weights.shape
    flat, items = (n_items, n_levels * n_hidden), np.arange(n_items).astype(np.int32)
    _apply_idle_steps(
        arrays.weights.reshape(flat), arrays.weights_velocity.reshape(flat), items, 0, n_items,
        n_steps, chain.steps_taken, maps,
    )  # fmt: skip
    _apply_idle_steps(
        arrays.visible_bias, arrays.visible_velocity, items, 0, n_items, n_steps,
        chain.steps_taken, bias_maps,
    )  # fmt: skip


@kernel(fastmath=REORDERED, error_model="numpy")
def step_hidden_bias(
    bias: Floats, velocity: Floats, data: Floats, model: Floats, step_size: StepSize
) -> None:
    """Step the hidden biases as `step_and_accumulate` steps the visible ones.

    data, model  (n_batch, n_hidden) P(h = 1 | ratings), P(h = 1 | reconstruction)
    """
    rate = step_size.learning_rate / np.float32(data.shape[0])
    for j in range(bias.size):
        velocity[j] *= step_size.momentum
    for row in range(data.shape[0]):
        for j in range(bias.size):
            velocity[j] += rate * (data[row, j] - model[row, j])
    for j in range(bias.size):
        bias[j] += velocity[j]
