"""Ratings without those that would be learned from wrongly, for who asks for it: leave_out."""

from dataclasses import replace
from typing import get_args

import numpy as np

from recsvc.rbm.arrays import Flags
from recsvc.rbm.data_profile import user_checks
from recsvc.rbm.data_profile.value_checks import MANY_VALUES, are_outliers, on_another_scale
from recsvc.rbm.hyperparameters import LeaveOut
from recsvc.rbm.snapshot import Snapshot


def exclude_suspect_ratings(snapshot: Snapshot, leave_out: LeaveOut) -> Snapshot:
    """Leave out values off the scale, then all ratings by raters who are odd; ids stay.

    Odd is who rates against all others, at random, as another does, far more than anybody, or
    always the same: as the data profile has them. Interactions stay.
    """
    if leave_out in ("odd_values", "odd"):
        snapshot = _select_ratings(snapshot, ~suspect_values(snapshot))
    if leave_out in ("odd_raters", "odd"):
        odd = user_checks.suspect_users(user_checks.count_ratings(snapshot))
        snapshot = _select_ratings(snapshot, ~odd[snapshot.user_numbers])
    return snapshot


def snapshots_by_exclusion(snapshot: Snapshot) -> dict[LeaveOut, Snapshot]:
    """Give what each choice leaves, by choice; those that leave out nothing are not there."""
    left = {choice: exclude_suspect_ratings(snapshot, choice) for choice in get_args(LeaveOut)}
    return {choice: one for choice, one in left.items() if one.values.size < snapshot.values.size}


def suspect_values(snapshot: Snapshot) -> Flags:
    """Tell which values lie on another scale than most, or far from all others; (n_ratings,).

    Of amounts, which have no scale, none are odd.
    """
    values = snapshot.values
    odd = on_another_scale(values)
    if values.size and np.unique(values[~odd]).size <= MANY_VALUES:
        odd |= are_outliers(values)
    return odd


def _select_ratings(snapshot: Snapshot, kept: Flags) -> Snapshot:
    return replace(
        snapshot,
        user_numbers=snapshot.user_numbers[kept],
        item_numbers=snapshot.item_numbers[kept],
        values=snapshot.values[kept],
    )
