"""Contrastive divergence of the joint machine: what a user rated, against what it dreams up.

The machine is a replicated softmax [SH09] over M_u draws of pairs a = (item, level), as many as a
user's N ratings count for: M = 100 N / (N + 5), made whole. Each rating weighs t = M / N, so the
counts of the data are m_a = t n_a and sum to M, and

    E(m, h) = −Σ_a m_a b_a − Σ_j h_j (c_j + Σ_a m_a W_aj)
    p(h_j = 1 | m) = σ(c_j + t Σ_n W[a_n, j])      what folding in computes
    p(a | h) = softmax_a(b_a + Σ_j h_j W_aj)       what lists and ratings are read from, without t
    log p(m) = −F(m) − log Z_M,  Z_M = Σ_h e^{c·h} (Σ_a e^{b_a + h·W_a})^M

Tempering counts leaves both conditionals those of one energy. A temper of the weights would not:
p(a | h) would have t in it, and with it each user a visible side of their own. The slopes of
log p(m) are exact differences of what the data and the machine do:

    by W_aj  m_a σ(x_j) − E[m′_a σ(x′_j)]    by b_a  m_a − E[m′_a]    by c_j  σ(x_j) − E[σ(x′_j)]

with m′ the counts of M draws, x′ their hidden inputs, and the expectation that of the machine of M
draws. CD-k takes, in its place, where a chain from the data has come to after k rounds. A batch
climbs Σ_u (N_u / M_u) log p(m_u) / Σ_u N_u, in which each rating counts once.
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

MAX_CACHED_FIELDS = 1 << 24  # of a batch: 64 MiB; where there are more, they are computed twice


@dataclass(frozen=True)
class ReplicatedChain:
    """Where the chain began and where it has come to.

    tempers       (n_batch,) what each rating of a user counts
    data_hidden   (n_batch, n_hidden) P(h = 1 | ratings)
    drawn         the same users with what the machine drew for them, M_u pairs each
    model_hidden  (n_batch, n_hidden) P(h = 1 | drawn)
    """

    tempers: Doubles
    data_hidden: Floats
    drawn: Batch
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
    """Go through all ratings once, moving parameters and moments in place."""
    rate = learning_rate
    for minibatch in iter_joint_batches(
        params, ratings, hyper, learning_rate=rate, seed=seed, epoch=epoch
    ):
        chain = run_gibbs_chain(
            params,
            minibatch.candidates,
            minibatch.batch,
            minibatch.pool,
            seed=seed,
            epoch=epoch,
            cd_steps=cd_steps,
        )
        take_adam_step(params, moments, minibatch.batch, chain, minibatch.items, minibatch.step)
        sparsity.apply_sparsity_penalty(
            params.hidden_bias, chain.data_hidden, hyper, learning_rate=rate
        )


def draw_counts(n_ratings: Ints) -> Ints:
    """M: how many draws so many ratings count for, N · evidence(N) made whole."""
    counts: Ints = np.rint(n_ratings * joint.evidence(n_ratings).astype(np.float64))
    return counts.astype(np.int64)


def run_gibbs_chain(
    params: Params,
    candidates: SampledItems,
    batch: Batch,
    pool: ThreadPoolExecutor,
    *,
    seed: int,
    epoch: int,
    cd_steps: int,
) -> ReplicatedChain:
    """Run the Gibbs chain of CD-k; all its chance is here.

    Hidden states are sampled, and pairs given them; the last half-step keeps probabilities [H10
    section 3]. Round s of a user takes the uniforms from s · (n_hidden + 2 M) on: one a hidden
    unit, then two a draw.
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
        pairs = draw_pairs(candidates, states, keys, first + states.shape[1], indptr, pool)
        drawn = _build_batch(pairs, candidates, batch.users, indptr, params)
        probabilities = _hidden_probabilities(params, drawn, np.ones_like(tempers))
    return ReplicatedChain(tempers, data_hidden, drawn, probabilities)


def draw_pairs(
    candidates: SampledItems,
    states: Floats,
    keys: Keys,
    first_draws: Ints,
    indptr: Ints,
    pool: ThreadPoolExecutor,
) -> Ints:
    """Draw pairs from p(a | h), with replacement: first a chunk of pairs, then one of its pairs.

    Exact, if the candidates are all items; of their fields, at most 64 MiB are kept and a chunk a
    thread comes on top.

    states   (n_batch, n_hidden)
    indptr   (n_batch + 1,) user b makes the draws indptr[b] : indptr[b + 1]
    returns  (n_draws,) place · n_levels + level, the place among the candidates
    """
    kept = states.shape[0] * candidates.bias.size <= MAX_CACHED_FIELDS
    n_levels = candidates.bias.shape[1]

    def weigh(own: slice) -> tuple[Floats, Doubles, Floats | None]:
        masses, most, _ = sampled_softmax.chunk_exponentials(candidates, own, states)
        return most, masses.sum(axis=1, dtype=np.float64), masses if kept else None

    parts = list(pool.map(weigh, candidates.chunks()))
    mosts = np.stack([most for most, _, _ in parts], axis=1)
    sums = np.stack([mass for _, mass, _ in parts], axis=1)
    sums *= np.exp(mosts - mosts.max(axis=1, keepdims=True))
    chunks, shares = np.empty(indptr[-1], dtype=np.int64), np.empty(indptr[-1])
    kernels.choose_chunks(sums, keys, first_draws, indptr, chunks, shares)
    pairs = np.empty(indptr[-1], dtype=np.int64)

    def choose(chunk: int, own: slice) -> None:
        masses = parts[chunk][2]
        if masses is None:
            masses = sampled_softmax.chunk_exponentials(candidates, own, states)[0]
        kernels.draw_pairs(masses, indptr, chunk, chunks, shares, own.start * n_levels, pairs)

    list(pool.map(choose, range(len(parts)), candidates.chunks()))
    return pairs


def take_adam_step(
    params: Params,
    moments: Moments,
    batch: Batch,
    chain: ReplicatedChain,
    items: Ints,
    step: AdamStep,
) -> None:
    """Take one step of Adam, in place, down the slope of −Σ_u (N_u / M_u) log p(m_u) / Σ_u N_u.

    Each rating of the batch thus counts once, and a draw as much as the ratings that it stands for.

    items  (n,) rising: those that move, what was drawn or rated among them
    """
    drawn, each = chain.drawn, np.float32(1.0 / batch.items.size)
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
        step.mean_kept,
        step.square_kept,
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
    pairs: Ints, candidates: SampledItems, users: Ints, indptr: Ints, params: Params
) -> Batch:
    """Lay drawn pairs out as ratings are; `indptr` tells whose they are."""
    n_items, n_levels, _ = params.weights.shape
    places, levels = np.divmod(pairs, n_levels)
    items = candidates.items[places].astype(np.int32)
    return Batch.of(users, indptr, items, levels.astype(np.uint8), n_items=n_items)


def _hidden_probabilities(params: Params, batch: Batch, tempers: Doubles) -> Floats:
    """P(h = 1 | what each user of a batch has), each pair counting as often as it is tempered."""
    inputs = np.empty((batch.users.size, params.hidden_bias.size), dtype=np.float32)
    nothing = np.zeros_like(params.hidden_bias)
    kernels.hidden_inputs(params.weights, nothing, batch.indptr, batch.items, batch.levels, inputs)
    inputs *= tempers.astype(np.float32)[:, np.newaxis]
    return masked.sigmoid(inputs + params.hidden_bias)


def _pair_counts(batch: Batch, weights: Floats, shape: tuple[int, int]) -> Floats:
    """How often each pair occurs in a batch, each user's pairs weighing weights[b]."""
    pairs = batch.items.astype(np.int64) * shape[1] + batch.levels
    each = np.repeat(weights, np.diff(batch.indptr))
    counts = np.bincount(pairs, each, minlength=shape[0] * shape[1])
    return counts.astype(np.float32).reshape(shape)
