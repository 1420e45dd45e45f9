"""Merge patches for JSON (RFC 7396). Pure: values in, values out."""

from collections.abc import Mapping
from typing import Any

Patch = Mapping[str, Any]


def merge_members(known: object, patch: Patch) -> dict[str, Any]:
    """Return the members of a JSON object with a patch merged into them.

    A member that the patch does not name stays. Null removes a member, an object is merged into
    it, and any other value replaces it. A value that is not an object counts as an empty object.
    """
    members: dict[str, Any] = dict(known) if isinstance(known, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            members.pop(name, None)
        elif isinstance(value, Mapping):
            members[name] = merge_members(members.get(name), value)
        else:
            members[name] = value
    return members


def same_json(one: object, other: object) -> bool:
    """Check whether two values are the same JSON; `true` is not 1, and 1.0 is 1."""
    if one is other or one != other:
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(same_json(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return all(map(same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool)
