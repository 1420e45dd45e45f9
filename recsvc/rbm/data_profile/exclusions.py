"""Exclusion of suspect ratings from training, as chosen by the hyperparameter leave_out."""

from dataclasses import replace
from typing import get_args

import numpy as np

from recsvc.rbm.arrays import Flags
from recsvc.rbm.data_profile import user_checks
from recsvc.rbm.data_profile.value_checks import MANY_VALUES, are_outliers, on_another_scale
from recsvc.rbm.hyperparameters import LeaveOut
from recsvc.rbm.snapshot import Snapshot


def exclude_suspect_ratings(snapshot: Snapshot, leave_out: LeaveOut) -> Snapshot:
    """Return a snapshot without suspect values and without the ratings of suspect users.

    Suspect users are the duplicate, constant, suspicious, random and contrary ones of the data
    profile. Ids and interactions stay.
    """
    if leave_out in ("odd_values", "odd"):
        snapshot = _select_ratings(snapshot, ~suspect_values(snapshot))
    if leave_out in ("odd_raters", "odd"):
        is_suspect = user_checks.suspect_users(user_checks.count_ratings(snapshot))
        snapshot = _select_ratings(snapshot, ~is_suspect[snapshot.user_numbers])
    return snapshot


def snapshots_by_exclusion(snapshot: Snapshot) -> dict[LeaveOut, Snapshot]:
    """Return the remaining snapshot by choice, without choices that exclude nothing."""
    remaining = {choice: exclude_suspect_ratings(snapshot, choice) for choice in get_args(LeaveOut)}
    return {
        choice: one for choice, one in remaining.items() if one.values.size < snapshot.values.size
    }


def suspect_values(snapshot: Snapshot) -> Flags:
    """Return which values are on another scale than most, or outliers, (n_ratings,).

    Amounts have no scale, so none of them are outliers.
    """
    values = snapshot.values
    is_suspect = on_another_scale(values)
    if values.size and np.unique(values[~is_suspect]).size <= MANY_VALUES:
        is_suspect |= are_outliers(values)
    return is_suspect


def _select_ratings(snapshot: Snapshot, kept: Flags) -> Snapshot:
    return replace(
        snapshot,
        user_numbers=snapshot.user_numbers[kept],
        item_numbers=snapshot.item_numbers[kept],
        values=snapshot.values[kept],
    )
