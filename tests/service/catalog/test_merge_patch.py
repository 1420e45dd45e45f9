"""Merge patches, by the cases of RFC 7396, appendix A, whose targets are objects."""

import pytest

from recsvc.service.catalog.merge_patch import merge_members, same_json


@pytest.mark.parametrize(
    ("known", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], {"a": "b"}, {"a": "b"}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_members_follows_rfc_7396(known, patch, expected):
    before = repr((known, patch))

    assert merge_members(known, patch) == expected
    assert repr((known, patch)) == before


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"a": [1, {"b": None}]}, {"a": [1, {"b": None}]}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ([0], [False], False),
        ([1, 2], [2, 1], False),
        ({"a": None}, {}, False),
        (None, {}, False),
        ("1", 1, False),
    ],
)
def test_same_json_distinguishes_types_that_python_equates(one, other, same):
    assert same_json(one, other) is same
    assert same_json(other, one) is same
