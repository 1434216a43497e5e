"""The npm package `ai` in a Node process that answers questions, for tests that compare with it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SPEC = Path(__file__).parents[2] / "spec"


class NpmAI:
    """What the original does: see `spec/tools/ai_objects.mjs` and `spec/tools/ai_loop.mjs`."""

    def __init__(self, node: Path, folder: Path, program: str = "ai_objects.mjs") -> None:
        self._process = subprocess.Popen(
            [str(node), str(SPEC / "tools" / program), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **question: Any) -> Any:
        """One question, one answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def partials(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """What `parsePartialJson` gives for each text."""
        answers: list[dict[str, Any]] = self.ask(do="partial", texts=list(texts))
        return answers

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
