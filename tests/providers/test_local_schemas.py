"""Schemas are made narrower, never wider; words and grammars come from them."""

from __future__ import annotations

from typing import Any

import pytest

from flightwire.providers.local_schemas import bounded, grammar, in_words, unheld


@pytest.mark.parametrize(
    ("schema", "added"),
    [
        ({"type": "string"}, {"maxLength": 200}),
        ({"type": "string", "maxLength": 9}, {}),
        ({"type": "string", "minLength": 500}, {"maxLength": 500}),
        ({"type": "string", "enum": ["a"]}, {}),
        ({"type": "string", "format": "date"}, {}),
        ({"type": "string", "format": "uri"}, {"maxLength": 200}),
        ({"type": ["string", "null"]}, {"maxLength": 200}),
        ({"type": "array"}, {"minItems": 1, "maxItems": 5}),
        ({"type": "array", "minItems": 7}, {"maxItems": 7}),
        ({"type": "array", "maxItems": 0}, {"minItems": 0}),
        ({"type": "integer"}, {"minimum": -1e9, "maximum": 1e9}),
        ({"type": "integer", "minimum": 5e9}, {"maximum": 1e10}),
        ({"type": "integer", "maximum": -5e9}, {"minimum": -1e10}),
        ({"type": "number"}, {"minimum": -1e9, "maximum": 1e9, "multipleOf": 0.01}),
        ({"type": "number", "minimum": 0, "maximum": 0.001}, {}),
        ({"type": "number", "multipleOf": 3}, {"minimum": -1e9, "maximum": 1e9}),
        ({"type": "object", "properties": {}}, {"additionalProperties": False}),
        ({"type": "object"}, {}),
        ({"type": "object", "properties": {}, "additionalProperties": True}, {}),
        ({"type": "boolean"}, {}),
        ({}, {}),
    ],
)
def test_what_is_open_is_closed(schema: dict[str, Any], added: dict[str, Any]) -> None:
    assert bounded(schema) == {**schema, **added}


@pytest.mark.parametrize("place", ["items", "additionalProperties"])
def test_bounds_reach_single_inner_schemas(place: str) -> None:
    assert bounded({place: {"type": "string"}})[place]["maxLength"] == 200


@pytest.mark.parametrize("place", ["properties", "patternProperties", "$defs", "definitions"])
def test_bounds_reach_named_inner_schemas(place: str) -> None:
    assert bounded({place: {"a": {"type": "string"}}})[place]["a"]["maxLength"] == 200


@pytest.mark.parametrize("place", ["anyOf", "oneOf", "allOf", "prefixItems"])
def test_bounds_reach_listed_inner_schemas(place: str) -> None:
    assert bounded({place: [{"type": "string"}, True]})[place] == [{"type": "string", "maxLength": 200}, True]


def test_schema_of_the_caller_stays_as_it_is() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    bounded(schema)
    assert schema == {"type": "object", "properties": {"a": {"type": "string"}}}


def test_schema_without_end_is_left_alone_below_a_depth() -> None:
    schema: dict[str, Any] = {"type": "array"}
    for _ in range(500):
        schema = {"type": "array", "items": schema}
    assert bounded(schema)["maxItems"] == 5


def test_words_name_fields_and_what_is_in_lists() -> None:
    person = {
        "type": "object",
        "properties": {"name": {"type": "string", "description": "Of a person."}, "age": {}},
    }
    schema = {
        "properties": {
            "people": {"type": "array", "items": {"$ref": "#/$defs/Person"}},
            "kind": {"enum": ["a", 1]},
        }
    }
    assert in_words({**schema, "$defs": {"Person": person}}) == (
        "people: a list of objects with name (Of a person.), age, kind (one of a, 1)"
    )


def test_words_of_a_schema_that_contains_itself_end() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    assert in_words({**node, "$defs": {"Node": node}}).count("next") == 4


def test_words_have_a_limit() -> None:
    assert len(in_words({"properties": {f"field{index}": {} for index in range(1000)}})) <= 800


def test_grammar_is_compact_json_of_the_schema() -> None:
    text = grammar({"type": "integer"}, before='a"b')
    assert text.startswith('%llguidance {}\nstart: "a\\"b" %json {"type":"integer","x-guidance":{')


def test_what_no_grammar_holds_is_named() -> None:
    inner = {"type": "string", "format": "uri"}
    schema = {"type": "array", "uniqueItems": True, "items": {"properties": {"a": inner, "b": {"not": {}}}}}
    assert unheld(schema) == ["format 'uri'", "not", "uniqueItems"]
    assert unheld({"type": "string", "format": "date"}) == []
