"""Serialise trainer states, models and snapshots as safetensors, a format without code.

The bytes can come from a memory map: arrays are views of the buffer, so processes that map one
file share its pages.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np
from safetensors.numpy import save

from recsvc.errors import CheckpointUnreadable
from recsvc.rbm.arrays import Array, Doubles
from recsvc.rbm.machines.couplings import Couplings
from recsvc.rbm.machines.functions import AnyPredictor
from recsvc.rbm.machines.joint import JointPredictor
from recsvc.rbm.machines.masked import Predictor
from recsvc.rbm.model import Model
from recsvc.rbm.params import Params
from recsvc.rbm.rating_ensemble.blend import Blend
from recsvc.rbm.rating_ensemble.ensemble import RatingEnsemble, RatingPredictor
from recsvc.rbm.rating_scale import RatingScale
from recsvc.rbm.snapshot import Snapshot
from recsvc.rbm.training.trainer import TrainerState
from recsvc.rbm.vocabulary import Vocabulary

Buffer = bytes | memoryview

DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "U8": "|u1"}
HEADER_LENGTH_BYTES = 8
COUPLING_ARRAYS = ("indptr", "neighbours", "strengths")
RATER_ARRAYS = ("item_hidden", "user_bias", "item_bias", "item_counts")
BLEND_ARRAYS = ("powers", "level_bias", "centre")


@contextmanager
def _unreadable_if_it_fails(content: str) -> Iterator[None]:
    """Raise CheckpointUnreadable for truncated bytes, other content, or another release."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        raise CheckpointUnreadable(
            f"The bytes cannot be read as a {content} of this release: {error!r}. Train again."
        ) from error


def write_snapshot(snapshot: Snapshot) -> bytes:
    """Return the bytes of a snapshot; equal ratings and interactions have equal bytes."""
    arrays: dict[str, Array] = {
        "user_numbers": snapshot.user_numbers,
        "item_numbers": snapshot.item_numbers,
        "values": snapshot.values,
        "event_users": snapshot.event_users,
        "event_items": snapshot.event_items,
        "event_types": snapshot.event_types,
        **_vocabulary_arrays("users", snapshot.users),
        **_vocabulary_arrays("items", snapshot.items),
    }
    return _write("snapshot", arrays, {})


@_unreadable_if_it_fails("snapshot")
def read_snapshot(buffer: Buffer) -> Snapshot:
    """Read a snapshot. Raises CheckpointUnreadable."""
    arrays, _ = _read("snapshot", buffer)
    return Snapshot(
        _vocabulary("users", arrays),
        _vocabulary("items", arrays),
        arrays["user_numbers"],
        arrays["item_numbers"],
        arrays["values"],
        arrays["event_users"],
        arrays["event_items"],
        arrays["event_types"],
    )


def write_state(state: TrainerState) -> bytes:
    """Return the bytes of a trainer state; training resumes from it with identical results."""
    arrays = {
        f"{part}.{name}": array
        for part in ("params", "velocity", "square", "best_params")
        for name, array in getattr(state, part).arrays().items()
    }
    facts = {
        "epoch": state.epoch,
        "best_epoch": state.best_epoch,
        "best_nll": state.best_nll.hex(),
        "best_ndcg": state.best_ndcg.hex(),
        "halvings": state.halvings,
        "halved_at": state.halved_at,
        "rollbacks": state.rollbacks,
    }
    return _write("trainer", arrays, facts)


@_unreadable_if_it_fails("trainer")
def read_state(buffer: Buffer) -> TrainerState:
    """Read a trainer state; its arrays are copies, because the trainer writes into them.

    Raises CheckpointUnreadable.
    """
    arrays, facts = _read("trainer", buffer)
    return TrainerState(
        epoch=facts["epoch"],
        params=_params("params", arrays).copy(),
        velocity=_params("velocity", arrays).copy(),
        square=_params("square", arrays).copy(),
        best_epoch=facts["best_epoch"],
        best_nll=float.fromhex(facts["best_nll"]),
        best_params=_params("best_params", arrays).copy(),
        best_ndcg=float.fromhex(facts["best_ndcg"]),
        halvings=facts["halvings"],
        halved_at=facts["halved_at"],
        rollbacks=facts["rollbacks"],
    )


def write_model(model: Model) -> bytes:
    """Return the bytes of a model, with predictor and vocabularies, to be memory-mapped."""
    arrays: dict[str, Array] = {
        **{f"params.{name}": array for name, array in model.params.arrays().items()},
        **_predictor_arrays(model.predictor),
        **{f"couplings.{name}": getattr(model.couplings, name) for name in COUPLING_ARRAYS},
        "level_counts": model.level_counts,
        "case_hidden": model.case_hidden,
        **(_rater_arrays(model.raters) if model.raters else {}),
        **_vocabulary_arrays("users", model.users),
        **_vocabulary_arrays("items", model.items),
    }
    facts = {
        "model_kind": model.model_kind,
        "block": model.predictor.block if isinstance(model.predictor, Predictor) else None,
        "coupling_regularisation": model.couplings.regularisation,
        "coupling_scale": model.coupling_scale,
        "raters": model.raters and _rater_facts(model.raters),
        "scale": asdict(model.scale),
    }
    return _write("model", arrays, facts)


@_unreadable_if_it_fails("model")
def read_model(buffer: Buffer) -> Model:
    """Read a model; its arrays are views of the buffer. Raises CheckpointUnreadable."""
    arrays, facts = _read("model", buffer)
    params = _params("params", arrays)
    scale = RatingScale.from_dict(facts["scale"])
    return Model(
        facts["model_kind"],
        params,
        _predictor(params, arrays, facts["block"], scale.n_levels),
        scale,
        _vocabulary("users", arrays),
        _vocabulary("items", arrays),
        arrays["level_counts"],
        arrays["case_hidden"],
        _couplings(arrays, facts["coupling_regularisation"]),
        facts["coupling_scale"],
        facts["raters"] and _raters(arrays, facts["raters"], np.array(scale.values)),
    )


def _couplings(arrays: Mapping[str, Array], regularisation: float) -> Couplings:
    indptr, neighbours, strengths = (arrays[f"couplings.{name}"] for name in COUPLING_ARRAYS)
    return Couplings(indptr, neighbours, strengths, regularisation)


def _rater_arrays(raters: RatingEnsemble) -> dict[str, Array]:
    machines = {"by_user": raters.by_user, "by_item": raters.by_item}
    return {
        **{
            f"{part}.{name}": array
            for part, rater in machines.items()
            for name, array in {
                **rater.params.arrays(),
                **_predictor_arrays(rater.predictor),
            }.items()
        },
        **{f"raters.{name}": getattr(raters, name) for name in RATER_ARRAYS},
        **{f"blend.{name}": getattr(raters.blend, name) for name in BLEND_ARRAYS},
    }


def _rater_facts(raters: RatingEnsemble) -> dict[str, object]:
    blocks = [rater.predictor.block for rater in (raters.by_user, raters.by_item)]
    return {"mean": raters.mean.hex(), "blocks": blocks}


def _raters(
    arrays: Mapping[str, Array], facts: Mapping[str, Any], values: Doubles
) -> RatingEnsemble:
    by_user, by_item = (
        RatingPredictor(
            _params(part, arrays),
            Predictor(arrays[f"{part}.expm1_weights"], arrays[f"{part}.visible_odds"], block),
        )
        for part, block in zip(("by_user", "by_item"), facts["blocks"], strict=True)
    )
    item_hidden, user_bias, item_bias, item_counts = (
        arrays[f"raters.{name}"] for name in RATER_ARRAYS
    )
    powers, level_bias, centre = (arrays[f"blend.{name}"] for name in BLEND_ARRAYS)
    return RatingEnsemble(
        by_user,
        by_item,
        Blend(powers, level_bias, centre),
        item_hidden,
        user_bias,
        item_bias,
        float.fromhex(facts["mean"]),
        item_counts,
        values,
    )


def _predictor_arrays(predictor: AnyPredictor) -> dict[str, Array]:
    """Return the arrays of a predictor that are not parameters."""
    if isinstance(predictor, JointPredictor):
        return {}
    return {"expm1_weights": predictor.expm1_weights, "visible_odds": predictor.visible_odds}


def _predictor(
    params: Params, arrays: Mapping[str, Array], block: int | None, n_levels: int
) -> AnyPredictor:
    if block is None:
        return JointPredictor(params, n_levels)
    return Predictor(arrays["expm1_weights"], arrays["visible_odds"], block)


def _params(part: str, arrays: Mapping[str, Array]) -> Params:
    names = ("weights", "visible_bias", "hidden_bias")
    weights, visible_bias, hidden_bias = (arrays[f"{part}.{name}"] for name in names)
    return Params(weights, visible_bias, hidden_bias)


def _vocabulary_arrays(name: str, vocabulary: Vocabulary) -> dict[str, Array]:
    encoded = [id_.encode() for id_ in vocabulary.ids]
    ends = np.cumsum([len(id_) for id_ in encoded], dtype=np.int64)
    text = np.frombuffer(b"".join(encoded), dtype=np.uint8)
    return {f"{name}.text": text, f"{name}.ends": ends}


def _vocabulary(name: str, arrays: Mapping[str, Array]) -> Vocabulary:
    text, ends = arrays[f"{name}.text"].tobytes(), arrays[f"{name}.ends"].tolist()
    return Vocabulary([text[a:b].decode() for a, b in pairwise([0, *ends])])


def _write(content: str, arrays: Mapping[str, Array], facts: Mapping[str, object]) -> bytes:
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    # one entry, because safetensors writes several in a random order
    metadata = {"facts": json.dumps({"content": content, **facts}, sort_keys=True)}
    return bytes(save(contiguous, metadata=metadata))


def _read(content: str, buffer: Buffer) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read the tensors as views: the format is a length, a JSON header and the arrays' bytes."""
    start = HEADER_LENGTH_BYTES + int.from_bytes(buffer[:HEADER_LENGTH_BYTES], "little")
    header = json.loads(bytes(buffer[HEADER_LENGTH_BYTES:start]))
    facts = json.loads(header.pop("__metadata__")["facts"])
    if facts["content"] != content:
        raise ValueError(f"they hold a {facts['content']}")
    return {name: _view(buffer, start, entry) for name, entry in header.items()}, facts


def _view(buffer: Buffer, start: int, entry: Mapping[str, Any]) -> Array:
    dtype, shape = np.dtype(DTYPES[entry["dtype"]]), tuple(entry["shape"])
    begin, end = entry["data_offsets"]
    if begin < 0 or end - begin != prod(shape) * dtype.itemsize:
        raise ValueError("an array's place does not fit its shape")
    return np.frombuffer(buffer, dtype, prod(shape), start + begin).reshape(shape)
