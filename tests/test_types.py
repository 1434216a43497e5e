"""The public API as a strict type checker other than mypy sees it: the files in `typing/`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_basedpyright_agrees_with_the_types(tmp_path: Path) -> None:
    config = {
        "include": [str(ROOT / "tests" / "typing")],
        "extraPaths": [str(ROOT / "src")],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    command = [sys.executable, "-m", "basedpyright", "-p", str(tmp_path), "--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert "0 errors, 0 warnings" in done.stdout, done.stdout + done.stderr
