"""A React client in a Node process that answers questions about rows."""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

SPEC = Path(__file__).parents[3] / "spec"
NEWEST = "19.3.1"
VERSIONS = ("19.0.9", "19.1.10", "19.2.9", NEWEST)
BUILDS = ("production", "development")


@contextmanager
def deep_recursion() -> Iterator[None]:
    """While this lasts, values that are nested very deeply can be read and compared."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class React:
    """One React, one build. Whatever it says on its console makes the question fail."""

    def __init__(self, node: Path, folder: Path, build: str) -> None:
        self.build = build
        self._process = subprocess.Popen(
            [str(node), str(SPEC / "tools" / "serve_rows.cjs"), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"NODE_ENV": build},
            text=True,
        )

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """One question, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def decode(self, rows: bytes) -> Any:
        """What the client makes of rows, in the notation of `spec/tools/canon.cjs`; whole and byte by byte."""
        answer = self.ask({"do": "decode", "rows": b64encode(rows).decode()})
        assert answer["errors"] == []
        assert answer["bytewise"] == answer["value"]
        assert answer["hints"] == []
        return answer["value"]

    def decode_all(self, bodies: Sequence[bytes]) -> list[dict[str, Any]]:
        """The answers about many bodies, without waiting for each."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        stdin = self._process.stdin
        questions = [json.dumps({"do": "decode", "rows": b64encode(body).decode()}) for body in bodies]

        def ask() -> None:
            stdin.writelines(f"{question}\n" for question in questions)
            stdin.flush()

        asking = Thread(target=ask)
        asking.start()
        lines = [self._process.stdout.readline() for _ in bodies]
        asking.join()
        with deep_recursion():  # 500 values inside each other are three times as many levels here
            return [json.loads(line) for line in lines]

    def render(self, rows: bytes) -> str:
        """The HTML of the root."""
        answer = self.ask({"do": "render", "rows": b64encode(rows).decode()})
        assert answer["errors"] == []
        return str(answer["html"])

    def read(self, rows: bytes, *path: str) -> dict[str, Any]:
        """What `readStreamableValue` of `@ai-sdk/rsc` yields for the streamable value at a path of the root."""
        return self.ask({"do": "read", "rows": b64encode(rows).decode(), "path": list(path)})

    def encode(self, source: str) -> dict[str, Any]:
        """What `encodeReply` writes for a JavaScript expression."""
        return self.ask({"do": "encode", "js": source})

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        finally:
            self._process.kill()
            self._process.wait()
            self._process.stdout.close()
