"""The vectors are what React writes: made anew they are the same, byte for byte."""

from __future__ import annotations

import json
import subprocess
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest

from flightwire.toolchain.node import find_or_install_node
from flightwire.wire.flight.reader import Reader

from .canon import canon, plain
from .react import NEWEST, SPEC

pytestmark = pytest.mark.node
FILES = ("server_rows.json", "reply.json", "hostile_reply.json")


def capture(react: Path, out: Path) -> dict[str, Any]:
    node = str(find_or_install_node())
    subprocess.run([node, str(SPEC / "capture.mjs"), str(react), str(out)], check=True, timeout=100)
    return {name: json.loads((out / name).read_text()) for name in FILES}


def test_vectors_are_made_anew_byte_for_byte(react_folder: Path, tmp_path: Path) -> None:
    made = capture(react_folder / NEWEST, tmp_path)
    for name in FILES:
        assert untimed(made[name]) == untimed(json.loads((SPEC / "flight" / name).read_text()))


def untimed(vectors: dict[str, Any]) -> dict[str, Any]:
    """Without what was flushed together, which depends on how busy the machine is."""
    cases = [{key: part for key, part in case.items() if key != "writes_base64"} for case in vectors["cases"]]
    return {**vectors, "cases": cases}


@pytest.mark.parametrize("version", ["19.0.9", "19.1.10", "19.2.9"])
def test_rows_of_older_servers_are_read_alike(version: str, react_folder: Path, tmp_path: Path) -> None:
    made = capture(react_folder / version, tmp_path)["server_rows.json"]["cases"]
    rows = {case["name"]: b64decode(case["rows_base64"]) for case in made}
    newest = json.loads((SPEC / "flight" / "server_rows.json").read_text())["cases"]
    for case in newest:
        if case["name"] != "temporary_reference_roundtrip":
            reader = Reader()
            reader.feed(rows[case["name"]])
            assert canon(reader.root) == plain(case["decoded"]), case["name"]
