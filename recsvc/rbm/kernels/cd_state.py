"""Named tuples of the arrays that the kernels of contrastive divergence share."""

from typing import NamedTuple

import numpy as np

from recsvc.rbm.arrays import Floats, Ints, Keys, Levels, Numbers


class CDArrays(NamedTuple):
    """Parameters and their last steps, all float32 and contiguous."""

    weights: Floats
    visible_bias: Floats
    hidden_bias: Floats
    weights_velocity: Floats
    visible_velocity: Floats
    hidden_velocity: Floats


class BatchLayout(NamedTuple):
    """An epoch's batches; within a batch, ratings are ordered by item, then by user.

    A group is the ratings of one item in one batch.

    bounds        (n_chunks + 1,) chunk c has the items bounds[c] : bounds[c + 1]
    keys          (n_users,) of the users' uniforms, in the order of the batches
    starts        (n_batches + 1,) batch t has the users starts[t] : starts[t + 1]
    rows          (n_ratings,) the user's place in the batch
    levels        (n_ratings,)
    group_items   (n_ratings + n_batches,) and
    group_starts  group g has the item group_items[g] and the ratings group_starts[g : g + 2];
                  each batch has one entry more than groups, for the end of its last group
    chunk_groups  (n_batches, n_chunks + 1) chunk c of batch t has the groups
                  chunk_groups[t, c] : chunk_groups[t, c + 1]
    """

    bounds: Ints
    keys: Keys
    starts: Ints
    rows: Numbers
    levels: Levels
    group_items: Numbers
    group_starts: Ints
    chunk_groups: Ints


class GibbsChain(NamedTuple):
    """The first and the current state of a batch's Gibbs chain.

    sums          (n_chunks, n_batch, n_hidden) contribution of each chunk to the hidden inputs
    data_hidden   (n_batch, n_hidden) P(h = 1 | ratings)
    model_hidden  (n_batch, n_hidden) P(h = 1 | reconstruction)
    states        (n_batch, n_hidden) the last sampled hidden states
    model_levels  (n_ratings,) the reconstruction, in the order of the layout
    steps_taken   (n_items,) number of steps in this epoch
    confusions    (n_chunks, n_levels, n_levels) counts of ratings by level and reconstruction
    """

    sums: Floats
    data_hidden: Floats
    model_hidden: Floats
    states: Floats
    model_levels: Levels
    steps_taken: Ints
    confusions: Ints


class StepSize(NamedTuple):
    """The factors of a step along a batch's gradient."""

    learning_rate: np.float32
    momentum: np.float32
    weight_decay: np.float32
