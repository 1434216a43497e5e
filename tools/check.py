"""Everything that must hold, one check after the other; the tests come last, so that theirs is the closing line.

Owns: which checks there are, and what they need besides Python packages. Refuses to know: what each of them checks.

    python tools/check.py all | lint | types | bench | bench-quick | fuzz
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from flightwire.errors import FlightwireError
from flightwire.toolchain.chromium import ensure_chromium
from flightwire.toolchain.models import ensure_model
from flightwire.toolchain.node import find_or_install_node, run_npm
from flightwire.toolchain.packages import ensure_npm_folder, ensure_packages
from flightwire.toolchain.progress import step

ROOT = Path(__file__).resolve().parent.parent
WEB = ROOT / "web"
PYTHON = ("src", "tests", "tools", "bench", "examples")


def lint() -> None:
    """Style, and the formatter."""
    with step("ruff check"):
        run("ruff", "check", "--quiet", ".")
    with step("ruff format --check"):
        run("ruff", "format", "--check", "--quiet", *PYTHON)  # not the tables and tidy comments of docs/


def types() -> None:
    """Strict types."""
    with step("mypy"):
        run("mypy", "--no-error-summary")


def web() -> None:
    """The browser code: its types, its tests."""
    with step("npm run check, in web/"):
        run_npm(find_or_install_node(), ["run", "--silent", "check"], WEB)


def pytest() -> None:
    """All of Python's tests, the real model and the real browser included."""
    run("pytest", "-q")


def bench() -> None:
    """Cost per streamed token."""
    run(sys.executable, "-m", "bench")


def bench_quick() -> None:
    """The rows that tell most, against the ratios that are kept."""
    run(sys.executable, "-m", "bench", "--quick")


def fuzz() -> None:
    """The decoders, for longer than in every test run."""
    os.environ.update(FLIGHTWIRE_FUZZ_S="300", FLIGHTWIRE_VALUES="20000")
    run("pytest", "-q", "tests/fuzz", "tests/wire/flight/test_differential.py")


CHECKS: dict[str, list[Callable[[], None]]] = {
    "all": [lint, types, web, pytest],
    "lint": [lint],
    "types": [types],
    "bench": [bench],
    "bench-quick": [bench_quick],
    "fuzz": [fuzz],
}
NEEDS_TOOLS = {"all", "bench", "bench-quick", "fuzz"}


def main(name: str) -> int:
    """Run the checks of this name; all of them, even when one fails.

    Returns:
        The exit code: 0 when everything holds.
    """
    try:
        if name in NEEDS_TOOLS:
            prepare(with_browser=name == "all")
    except FlightwireError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    failed = [check.__name__ for check in CHECKS[name] if not holds(check)]
    if failed:
        print(f"\nFailed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def holds(check: Callable[[], None]) -> bool:
    """Run one check; what it found is on the terminal."""
    try:
        check()
    except subprocess.CalledProcessError:
        return False
    except FlightwireError as error:
        print(error, file=sys.stderr)
        return False
    return True


def prepare(*, with_browser: bool) -> None:
    """Get what the checks need: Node, npm packages, the local model, Chromium; nothing when it is all there.

    Raises:
        FlightwireError: something cannot be had; says what to type.
    """
    find_or_install_node()
    ensure_packages()
    for folder in npm_folders():
        ensure_npm_folder(folder)
    ensure_model()
    if with_browser:
        ensure_chromium()


def npm_folders() -> list[Path]:
    """The folders of this repository that install npm packages of their own; the toolchain's are in the cache."""
    listed = subprocess.run(
        ["git", "ls-files", "package-lock.json", "*/package-lock.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        locks = [ROOT / line for line in listed.stdout.splitlines()]
    else:  # an archive without history
        locks = [lock for lock in ROOT.glob("*/**/package-lock.json") if "node_modules" not in lock.parts]
    return sorted(lock.parent for lock in locks if lock.parent != WEB / "toolchain")


def run(program: str, *arguments: str) -> None:
    """Run a program of the environment in the root of the repository, with its output on the terminal."""
    found = shutil.which(program, path=str(Path(sys.executable).parent)) or program
    subprocess.run([found, *arguments], cwd=ROOT, check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in CHECKS:
        sys.exit(f"usage: check.py {' | '.join(CHECKS)}")
    sys.exit(main(sys.argv[1]))
