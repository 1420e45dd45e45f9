"""Kernels of the step along the contrastive divergence of a batch.

An item that nobody in a batch rated only follows its momentum and decays: a linear map of its
weights and velocities, whose power is applied when somebody rates the item again. While the
weights of a chunk of items are near after the step, they are summed up for the users of the next
batch.
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
    """`maps[n]` = what n steps without a gradient make of a weight w and its velocity v.

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
    """Let some items take the steps that they were idle for.

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
    stepped: int, stepped_end: int, data_levels: Levels, model_levels: Levels,
    data_hidden: Floats, model_hidden: Floats, momentum: np.float32, rate: np.float32,
    drag: np.float32, summed: int, summed_end: int, n_steps: int, steps_taken: Ints,
    maps: Floats, gradient: Floats, sums: Floats,
) -> None:  # fmt: skip
    """Go through the items of two batches in their order, each item while it is in the cache.

    The groups stepped : stepped_end of the batch that was reconstructed move its items' weights;
    the items of the groups summed : summed_end, of the batch to come, catch up with `n_steps` steps
    and add to their users' sums.

    weights, velocity  (n_items, n_levels · n_hidden);  gradient (n_levels · n_hidden,) scratch
    sums               (n_batch to come, n_hidden)
    """
    n_hidden = sums.shape[1]
    for row in range(sums.shape[0]):
        for j in range(n_hidden):
            sums[row, j] = ZERO
    while stepped < stepped_end or summed < summed_end:
        steps = stepped < stepped_end and (
            summed == summed_end or group_items[stepped] <= group_items[summed]
        )
        item = group_items[stepped] if steps else group_items[summed]
        if steps:
            for j in range(gradient.size):
                gradient[j] = ZERO
            for k in range(group_starts[stepped], group_starts[stepped + 1]):
                row = rows[k]
                given, modelled = data_levels[k] * n_hidden, model_levels[k] * n_hidden
                for j in range(n_hidden):
                    gradient[given + j] += data_hidden[row, j]
                for j in range(n_hidden):
                    gradient[modelled + j] -= model_hidden[row, j]
            for j in range(gradient.size):
                weight = weights[item, j]
                step = momentum * velocity[item, j] + rate * gradient[j] - drag * weight
                velocity[item, j] = step
                weights[item, j] = weight + step
            stepped += 1
        if summed < summed_end and group_items[summed] == item:
            n_idle = 0 if steps else n_steps - steps_taken[item]
            if n_idle > 0:
                w_of_w, w_of_v, v_of_w, v_of_v = (
                    maps[n_idle, 0], maps[n_idle, 1], maps[n_idle, 2], maps[n_idle, 3],
                )  # fmt: skip
                for j in range(gradient.size):
                    weight, step = weights[item, j], velocity[item, j]
                    weights[item, j] = w_of_w * weight + w_of_v * step
                    velocity[item, j] = v_of_w * weight + v_of_v * step
            for k in range(group_starts[summed], group_starts[summed + 1]):
                row, level = rows[k], data_levels[k] * n_hidden
                for j in range(n_hidden):
                    sums[row, j] += weights[item, level + j]
            summed += 1


@inline_function
def _step_biases(
    bias: Floats, velocity: Floats, group_items: Numbers, group_starts: Ints, first: int,
    last: int, data_levels: Levels, model_levels: Levels, momentum: np.float32, rate: np.float32,
    n_steps: int, steps_taken: Ints, confusions: Ints,
) -> None:  # fmt: skip
    """Move the visible biases of some groups' items likewise; count what was taken for what."""
    n_levels = bias.shape[1]
    for group in range(first, last):
        item = group_items[group]
        for level in range(n_levels):
            velocity[item, level] *= momentum
        for k in range(group_starts[group], group_starts[group + 1]):
            given, modelled = data_levels[k], model_levels[k]
            confusions[given, modelled] += 1
            velocity[item, given] += rate
            velocity[item, modelled] -= rate
        for level in range(n_levels):
            bias[item, level] += velocity[item, level]
        steps_taken[item] = n_steps


@embed_function(fastmath=REORDERED, error_model="numpy")
def _step_and_accumulate_chunk(
    machine: CDArrays, deal: BatchLayout, chain: GibbsChain, batch: int, chunk: int,
    stride: StepSize, maps: Floats, bias_maps: Floats,
) -> None:  # fmt: skip
    """Step a chunk's items along a batch, if there is one; look at them for the next, likewise."""
    stepped = stepped_end = summed = summed_end = 0
    rate, n_next = np.float32(0.0), 0
    if batch >= 0:
        rate = stride.learning_rate / np.float32(deal.starts[batch + 1] - deal.starts[batch])
        stepped, stepped_end = deal.chunk_groups[batch, chunk], deal.chunk_groups[batch, chunk + 1]
    if batch + 2 < deal.starts.size:
        n_next = deal.starts[batch + 2] - deal.starts[batch + 1]
        summed = deal.chunk_groups[batch + 1, chunk]
        summed_end = deal.chunk_groups[batch + 1, chunk + 1]
    flat = (machine.weights.shape[0], machine.weights.shape[1] * machine.weights.shape[2])
    _step_weights(
        machine.weights.reshape(flat), machine.weights_velocity.reshape(flat), deal.group_items,
        deal.group_starts, deal.rows, stepped, stepped_end, deal.levels, chain.model_levels,
        chain.data_hidden, chain.model_hidden, stride.momentum, rate,
        stride.learning_rate * stride.weight_decay, summed, summed_end, batch + 1,
        chain.steps_taken, maps, np.empty(flat[1], np.float32), chain.sums[chunk, :n_next],
    )  # fmt: skip
    _step_biases(
        machine.visible_bias, machine.visible_velocity, deal.group_items, deal.group_starts,
        stepped, stepped_end, deal.levels, chain.model_levels, stride.momentum, rate, batch + 1,
        chain.steps_taken, chain.confusions[chunk],
    )  # fmt: skip
    _apply_idle_steps(
        machine.visible_bias, machine.visible_velocity, deal.group_items, summed, summed_end,
        batch + 1, chain.steps_taken, bias_maps,
    )  # fmt: skip


@kernel(parallel=True, fastmath=REORDERED, error_model="numpy")
def step_and_accumulate(
    machine: CDArrays, deal: BatchLayout, chain: GibbsChain, batch: int, stride: StepSize,
    maps: Floats, bias_maps: Floats,
) -> None:  # fmt: skip
    """Move the items along a batch's contrastive divergence [S07 eq. 6]; begin with the next batch.

    gradient = (⟨v h⟩_data − ⟨v h⟩_model) / n_batch
    velocity = momentum · velocity + learning_rate · (gradient − weight_decay · weights)
    weights += velocity; the biases do not decay.

    batch  −1 to begin with the first one, without a step
    """
    for chunk in prange(deal.bounds.size - 1):
        _step_and_accumulate_chunk(machine, deal, chain, batch, chunk, stride, maps, bias_maps)


@kernel(fastmath=REORDERED, error_model="numpy")
def apply_idle_steps(
    machine: CDArrays, chain: GibbsChain, n_steps: int, maps: Floats, bias_maps: Floats
) -> None:
    """Let all items take the steps that they are behind `n_steps`."""
    n_items, n_levels, n_hidden = machine.weights.shape
    flat, items = (n_items, n_levels * n_hidden), np.arange(n_items).astype(np.int32)
    _apply_idle_steps(
        machine.weights.reshape(flat), machine.weights_velocity.reshape(flat), items, 0, n_items,
        n_steps, chain.steps_taken, maps,
    )  # fmt: skip
    _apply_idle_steps(
        machine.visible_bias, machine.visible_velocity, items, 0, n_items, n_steps,
        chain.steps_taken, bias_maps,
    )  # fmt: skip


@kernel(fastmath=REORDERED, error_model="numpy")
def step_hidden_bias(
    bias: Floats, velocity: Floats, data: Floats, model: Floats, stride: StepSize
) -> None:
    """Move the hidden biases as `step_and_accumulate` moves the visible ones.

    data, model  (n_batch, n_hidden) P(h = 1 | ratings), P(h = 1 | reconstruction)
    """
    rate = stride.learning_rate / np.float32(data.shape[0])
    for j in range(bias.size):
        velocity[j] *= stride.momentum
    for row in range(data.shape[0]):
        for j in range(bias.size):
            velocity[j] += rate * (data[row, j] - model[row, j])
    for j in range(bias.size):
        bias[j] += velocity[j]
