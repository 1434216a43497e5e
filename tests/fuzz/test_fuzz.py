"""Fuzzing guided by coverage: the two decoders of Flight meet bytes that nobody thought of.

FLIGHTWIRE_FUZZ_S says how long each of them runs, 30 seconds without it; `make fuzz` takes ten minutes.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flightwire.wire.flight.form import encode_form
from tests.wire.flight.react import SPEC
from tests.wire.flight.test_reply import body_of

SECONDS = int(os.environ.get("FLIGHTWIRE_FUZZ_S", "30"))
ROOT = Path(__file__).parents[2]

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("atheris") is None,
        reason="atheris has wheels for CPython up to 3.13 on Linux only",
    ),
    pytest.mark.timeout(SECONDS + 90),
]


def vectors(name: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((SPEC / "flight" / name).read_text())["cases"]
    return cases


def calls() -> Iterator[bytes]:
    for case in (*vectors("reply.json"), *vectors("hostile_reply.json")):
        if case.get("kind") != "error":
            body = body_of(case)
            yield body.encode("utf-8", "replace") if isinstance(body, str) else encode_form(body, "b")


def rows() -> Iterator[bytes]:
    for case in vectors("server_rows.json"):
        yield b64decode(case["rows_base64"])


@pytest.mark.parametrize("target", [calls, rows])
def test_nothing_crashes(target: Callable[[], Iterator[bytes]], tmp_path: Path) -> None:
    for number, seed in enumerate(target()):
        if len(seed) <= 4096:
            (tmp_path / str(number)).write_bytes(seed)
    options = [
        f"-artifact_prefix={tmp_path}/",
        f"-max_total_time={SECONDS}",
        "-max_len=4096",
        "-timeout=10",
        "-rss_limit_mb=1024",
    ]
    run = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.harness", target.__name__, str(tmp_path), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=SECONDS + 80,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-1000:] + run.stdout[-3000:] + found(tmp_path)
    assert "Done" in run.stderr


def found(folder: Path) -> str:
    """The bytes on which it ended: the next run would look for them in vain."""
    return "".join(f"{file.name}: {file.read_bytes()!r}\n" for file in folder.glob("crash-*"))
