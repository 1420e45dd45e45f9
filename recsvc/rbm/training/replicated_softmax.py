"""Contrastive divergence of the joint machine: a user's ratings against drawn pairs.

The machine is a replicated softmax [SH09] over M_u draws of pairs a = (item, level). A user's N
ratings count as M = 100 N / (N + 5) draws, rounded. Each rating has the weight t = M / N, so the
counts of the data are m_a = t n_a and sum to M, and

    E(m, h) = −Σ_a m_a b_a − Σ_j h_j (c_j + Σ_a m_a W_aj)
    p(h_j = 1 | m) = σ(c_j + t Σ_n W[a_n, j])      fold-in
    p(a | h) = softmax_a(b_a + Σ_j h_j W_aj)       lists and ratings, without t
    log p(m) = −F(m) − log Z_M,  Z_M = Σ_h e^{c·h} (Σ_a e^{b_a + h·W_a})^M

With tempered counts, both conditionals belong to one energy. With tempered weights they would not:
p(a | h) would contain t, and so differ between users. The slopes of log p(m) are exact differences
between the data and the machine:

    by W_aj  m_a σ(x_j) − E[m′_a σ(x′_j)]    by b_a  m_a − E[m′_a]    by c_j  σ(x_j) − E[σ(x′_j)]

with m′ the counts of M draws, x′ their hidden inputs, and the expectation under the machine of M
draws. CD-k replaces the expectation by the state of a chain after k rounds from the data. A batch
ascends Σ_u (N_u / M_u) log p(m_u) / Σ_u N_u, in which each rating counts once.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from recsvc.rbm import kernels
from recsvc.rbm.arrays import Doubles, Floats, Ints, Keys
from recsvc.rbm.hyperparameters import Hyperparameters
from recsvc.rbm.machines import joint, masked
from recsvc.rbm.params import Params
from recsvc.rbm.rating_matrix import RatingMatrix
from recsvc.rbm.training import optimizer, sampled_softmax, sparsity
from recsvc.rbm.training.batches import Batch, iter_joint_batches
from recsvc.rbm.training.optimizer import AdamStep, Moments
from recsvc.rbm.training.sampled_softmax import SampledItems

MAX_CACHED_FIELDS = 1 << 24  # of a batch, 64 MiB; more fields are computed twice


@dataclass(frozen=True)
class ReplicatedChain:
    """The first and the last state of the Gibbs chain.

    tempers       (n_batch,) t, the weight of each rating of a user
    data_hidden   (n_batch, n_hidden) P(h = 1 | ratings)
    model_batch   the same users with the pairs that were drawn for them, M_u pairs each
    model_hidden  (n_batch, n_hidden) P(h = 1 | drawn pairs)
    """

    tempers: Doubles
    data_hidden: Floats
    model_batch: Batch
    model_hidden: Floats


def learn_epoch(
    params: Params,
    moments: Moments,
    ratings: RatingMatrix,
    hyper: Hyperparameters,
    *,
    learning_rate: float,
    cd_steps: int,
    seed: int,
    epoch: int,
) -> None:
    """Train on all ratings once; parameters and moments change in place."""
    rate = learning_rate
    for joint_batch in iter_joint_batches(
        params, ratings, hyper, learning_rate=rate, seed=seed, epoch=epoch
    ):
        chain = run_gibbs_chain(
            params,
            joint_batch.sampled,
            joint_batch.batch,
            joint_batch.pool,
            seed=seed,
            epoch=epoch,
            cd_steps=cd_steps,
        )
        take_adam_step(
            params, moments, joint_batch.batch, chain, joint_batch.items, joint_batch.step
        )
        sparsity.apply_sparsity_penalty(
            params.hidden_bias, chain.data_hidden, hyper, learning_rate=rate
        )


def draw_counts(n_ratings: Ints) -> Ints:
    """Return M, the number of draws that N ratings count as: N · evidence(N), rounded."""
    counts: Ints = np.rint(n_ratings * joint.evidence(n_ratings).astype(np.float64))
    return counts.astype(np.int64)


def run_gibbs_chain(
    params: Params,
    sampled: SampledItems,
    batch: Batch,
    pool: ThreadPoolExecutor,
    *,
    seed: int,
    epoch: int,
    cd_steps: int,
) -> ReplicatedChain:
    """Run the Gibbs chain of CD-k; the step has no other randomness.

    Hidden states are sampled, then pairs from the states. The last half-step keeps probabilities
    [H10 section 3]. Round s of a user uses the uniforms from s · (n_hidden + 2 M) on: one for each
    hidden unit, then two for each draw.
    """
    n_draws = draw_counts(np.diff(batch.indptr))
    tempers = n_draws / np.diff(batch.indptr)
    indptr = np.concatenate([[0], np.cumsum(n_draws)])
    keys = np.empty(batch.users.size, dtype=np.uint64)
    kernels.streams(seed, epoch, batch.users, keys)
    data_hidden = probabilities = _hidden_probabilities(params, batch, tempers)
    states, drawn = np.empty_like(data_hidden), batch
    for round_ in range(cd_steps):
        first = round_ * (states.shape[1] + 2 * n_draws)
        kernels.draw_units(probabilities, keys, first, states)
        pairs = draw_pairs(sampled, states, keys, first + states.shape[1], indptr, pool)
        drawn = _build_batch(pairs, sampled, batch.users, indptr, params)
        probabilities = _hidden_probabilities(params, drawn, np.ones_like(tempers))
    return ReplicatedChain(tempers, data_hidden, drawn, probabilities)


def draw_pairs(
    sampled: SampledItems,
    states: Floats,
    keys: Keys,
    first_draws: Ints,
    indptr: Ints,
    pool: ThreadPoolExecutor,
) -> Ints:
    """Draw pairs from p(a | h), with replacement: first a chunk of pairs, then one of its pairs.

    The draws are exact if all items are sampled. At most 64 MiB of fields are kept, plus one chunk
    for each thread.

    states   (n_batch, n_hidden)
    indptr   (n_batch + 1,) user b makes the draws indptr[b] : indptr[b + 1]
    returns  (n_draws,) place · n_levels + level, with the place among the sampled items
    """
    is_cached = states.shape[0] * sampled.bias.size <= MAX_CACHED_FIELDS
    n_levels = sampled.bias.shape[1]

    def weigh(own: slice) -> tuple[Floats, Doubles, Floats | None]:
        masses, most, _ = sampled_softmax.chunk_exponentials(sampled, own, states)
        return most, masses.sum(axis=1, dtype=np.float64), masses if is_cached else None

    parts = list(pool.map(weigh, sampled.chunks()))
    mosts = np.stack([most for most, _, _ in parts], axis=1)
    sums = np.stack([mass for _, mass, _ in parts], axis=1)
    sums *= np.exp(mosts - mosts.max(axis=1, keepdims=True))
    chunks, shares = np.empty(indptr[-1], dtype=np.int64), np.empty(indptr[-1])
    kernels.choose_chunks(sums, keys, first_draws, indptr, chunks, shares)
    pairs = np.empty(indptr[-1], dtype=np.int64)

    def choose(chunk: int, own: slice) -> None:
        masses = parts[chunk][2]
        if masses is None:
            masses = sampled_softmax.chunk_exponentials(sampled, own, states)[0]
        kernels.draw_pairs(masses, indptr, chunk, chunks, shares, own.start * n_levels, pairs)

    list(pool.map(choose, range(len(parts)), sampled.chunks()))
    return pairs


def take_adam_step(
    params: Params,
    moments: Moments,
    batch: Batch,
    chain: ReplicatedChain,
    items: Ints,
    step: AdamStep,
) -> None:
    """Step by Adam, in place, down the slope of −Σ_u (N_u / M_u) log p(m_u) / Σ_u N_u.

    Each rating of the batch thus counts once, and each draw as much as the ratings it represents.

    items  (n,) rising: the items that move, including all drawn and rated ones
    """
    drawn, each = chain.model_batch, np.float32(1.0 / batch.items.size)
    per_draw = each / chain.tempers.astype(np.float32)
    kernels.contrastive_adam_step(
        params.weights,
        moments.mean.weights,
        moments.square.weights,
        items,
        batch.item_indptr,
        batch.rows,
        batch.places,
        batch.levels,
        chain.data_hidden * each,
        drawn.item_indptr,
        drawn.rows,
        drawn.places,
        drawn.levels,
        chain.model_hidden * per_draw[:, np.newaxis],
        step.rate,
        step.epsilon,
        step.decay,
        step.beta1,
        step.beta2,
    )
    shape = params.visible_bias.shape
    by_bias = _pair_counts(drawn, per_draw, shape)
    by_bias -= _pair_counts(batch, np.full_like(per_draw, each), shape)
    by_hidden = per_draw @ (chain.model_hidden - chain.data_hidden)
    optimizer.move_bias(
        params.visible_bias, moments, "visible_bias", by_bias[items], step, rows=items
    )
    optimizer.move_bias(params.hidden_bias, moments, "hidden_bias", by_hidden, step)


def _build_batch(
    pairs: Ints, sampled: SampledItems, users: Ints, indptr: Ints, params: Params
) -> Batch:
    """Build a batch of drawn pairs; user b has the pairs indptr[b] : indptr[b + 1]."""
    n_items, n_levels, _ = params.weights.shape
    places, levels = np.divmod(pairs, n_levels)
    items = sampled.items[places].astype(np.int32)
    return Batch.build(users, indptr, items, levels.astype(np.uint8), n_items=n_items)


def _hidden_probabilities(params: Params, batch: Batch, tempers: Doubles) -> Floats:
    """Return P(h = 1 | the pairs of each user), each pair weighted by the user's temper."""
    inputs = np.empty((batch.users.size, params.hidden_bias.size), dtype=np.float32)
    nothing = np.zeros_like(params.hidden_bias)
    kernels.hidden_inputs(params.weights, nothing, batch.indptr, batch.items, batch.levels, inputs)
    inputs *= tempers.astype(np.float32)[:, np.newaxis]
    return masked.sigmoid(inputs + params.hidden_bias)


def _pair_counts(batch: Batch, weights: Floats, shape: tuple[int, int]) -> Floats:
    """Return the counts of pairs in a batch, with weights[b] for each pair of user b."""
    pairs = batch.items.astype(np.int64) * shape[1] + batch.levels
    each = np.repeat(weights, np.diff(batch.indptr))
    counts = np.bincount(pairs, each, minlength=shape[0] * shape[1])
    return counts.astype(np.float32).reshape(shape)
