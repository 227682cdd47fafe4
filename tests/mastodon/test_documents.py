import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.mastodon.documents import NOT_JSON, is_error, lookup, lookup_count, lookup_text, parse_json


@given(st.text())
def test_any_text_is_either_json_or_told_not_to_be(text: str) -> None:
    try:
        expected: object = json.loads(text)
    except ValueError:
        expected = NOT_JSON
    assert repr(parse_json(text)) == repr(expected)  # as texts, because NaN equals nothing


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a":' * 100_000, "1" * 10_000, "\x00"])
def test_what_is_not_json_is_told_as_such(text: str) -> None:
    assert parse_json(text) is NOT_JSON


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_looking_up_never_raises(document: object) -> None:
    assert lookup_text(document, "a", "b") is None or isinstance(lookup_text(document, "a", "b"), str)
    assert lookup_count(document, "a") is None or isinstance(lookup_count(document, "a"), int)


def test_a_path_leads_through_mappings_only() -> None:
    document = {"a": {"b": " c "}, "list": ["x"], "text": "y"}
    assert lookup_text(document, "a", "b") == "c"
    assert lookup(document, "list", "0") is None
    assert lookup(document, "text", "y") is None


@pytest.mark.parametrize("value", [True, -1, 1.5, "7", None])
def test_a_count_is_a_whole_number_of_at_least_zero(value: object) -> None:
    assert lookup_count({"n": value}, "n") is None
    assert lookup_count({"n": 7}, "n") == 7


@pytest.mark.parametrize(
    ("document", "told"), [({"error": "no"}, True), ({"error": ""}, False), (["error"], False), ("error", False)]
)
def test_an_error_document_has_a_text_under_error(document: object, told: bool) -> None:
    assert is_error(json.dumps(document)) is told


def test_an_enormous_text_is_none_that_anybody_needs() -> None:
    assert lookup_text({"url": "https://a.example/" + "a" * 2000}, "url") is not None
    assert lookup_text({"url": "https://a.example/" + "a" * 5000}, "url") is None
