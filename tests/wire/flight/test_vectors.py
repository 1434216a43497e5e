"""What React's own server writes, and what its client makes of our rows for the same values."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest

from .canon import common, in_one_row
from .react import BUILDS, SPEC, VERSIONS, React
from .samples import SCRIPTS, VALUES, written

pytestmark = pytest.mark.node

VECTORS: dict[str, dict[str, Any]] = {
    case["name"]: case for case in json.loads((SPEC / "flight" / "server_rows.json").read_text())["cases"]
}


HINTS = {
    ("D", "//d.example"),
    ("C", "//c.example"),
    ("L", "/f.woff2"),
    ("m", "/m.js"),
    ("S", "/s.css"),
    ("X", "/x.js"),
    ("M", "/mm.js"),
}


def test_every_vector_has_its_value() -> None:
    assert set(VALUES) | set(SCRIPTS) == set(VECTORS)


@pytest.mark.parametrize("name", VECTORS)
def test_client_makes_the_same_of_our_rows_as_of_reacts(name: str, react: React) -> None:
    answer = react.ask(decode(written(name)))
    assert answer["errors"] == []
    assert answer["value"] == (expected(name) if name != "element_many" else in_one_row(expected(name)))
    assert answer["bytewise"] == answer["value"]
    if name == "hints":
        assert {tuple(hint[:2]) for hint in answer["hints"]} == HINTS


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("build", BUILDS)
def test_one_encoding_serves_every_client(
    version: str, build: str, reacts: Callable[[str, str], React]
) -> None:
    react = reacts(version, build)
    seen = {name: react.ask(decode(written(name))) for name in VECTORS}
    assert {name: answer["errors"] for name, answer in seen.items() if answer["errors"]} == {}
    assert {name: common(answer["value"]) for name, answer in seen.items()} == {
        name: common(expected(name)) for name in VECTORS
    }


def decode(rows: bytes) -> dict[str, Any]:
    return {"do": "decode", "rows": b64encode(rows).decode()}


def expected(name: str) -> Any:
    return VECTORS[name]["decoded"]
