"""Brings a fresh checkout to life: a Python, a virtual environment, uv, the locked packages, the project itself.

Owns: `.venv` and the stamps inside it. Refuses to know: Node, npm packages, models and browsers; `flightwire.toolchain` gets
those once this is done. Uses the standard library only, and parses on any Python 3, to say clearly that 3.11 is needed.

    python3 tools/setup.py run -- flightwire --version      # what `run` needs, then the command inside .venv
    python3 tools/setup.py test                             # what the tests need
"""

import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
VENV_PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
REQUIREMENTS = ROOT / "requirements"
MIN_PYTHON = (3, 11)
BELOW_PYTHON = (3, 15)  # newer ones may work, but not every wheel in the locks exists for them
MIN_UV = (0, 5)
LOCKS = {"run": ("build.txt", "run.txt"), "test": ("build.txt", "test.txt")}


class SetupError(Exception):
    """A letter to the person at the terminal."""


def main(arguments):
    """Install what the named kind of work needs, then become the command after `--`."""
    if not arguments or arguments[0] not in LOCKS:
        raise SetupError(f"usage: setup.py {'|'.join(LOCKS)} [-- COMMAND …]")
    kind, command = arguments[0], arguments[2:]
    os.chdir(ROOT)
    if not is_ready(kind):
        install(kind)
    if command:
        become(command)


def is_ready(kind):
    """Whether this kind was installed from exactly these locks, in this place, by a Python that is still there."""
    try:
        return stamp_path(kind).read_text() == fingerprint(kind)
    except OSError:
        return False


def install(kind):
    """Do the numbered steps; what is there already is kept."""
    steps = Steps(4)
    drop_foreign_venv()
    python = find_python()
    with steps.next(f"Python {python.version} in .venv"):
        make_venv(python)
    with steps.next("uv"):
        uv = find_uv() or install_uv(python)
    into = [uv, "pip", "install", "--python", VENV_PYTHON]
    with steps.next(f"Python packages for `make {kind}`"):
        for lock in LOCKS[kind]:
            run([*into, "--require-hashes", "-r", REQUIREMENTS / lock])
    with steps.next("flightwire itself, from this folder"):
        # The build tools are in requirements/build.txt, with hashes: an isolated build would fetch them without.
        run([*into, "-q", "--no-deps", "--no-build-isolation", "-e", "."])
    stamp_path(kind).write_text(fingerprint(kind))


# --- what is installed -------------------------------------------------------------------------------------------


def stamp_path(kind):
    """The file that remembers what was installed."""
    return VENV / f".setup-{kind}"


def fingerprint(kind):
    """Everything an installation depends on: its locks, the project's own entry, where it lies, and on which Python."""
    digest = hashlib.sha256()
    for path in [ROOT / "pyproject.toml", *(REQUIREMENTS / lock for lock in LOCKS[kind])]:
        digest.update(path.read_bytes() + b"\0")
    digest.update(f"{ROOT}\0{VENV_PYTHON.resolve(strict=True)}".encode())
    return digest.hexdigest()


# --- Python ------------------------------------------------------------------------------------------------------


class Python:
    """An interpreter: its program and its version."""

    def __init__(self, program, version):
        self.program = program
        self.version = ".".join(map(str, version))
        self.is_usable = version >= MIN_PYTHON
        self.is_known = MIN_PYTHON <= version < BELOW_PYTHON


def find_python():
    """The environment's own Python if it is good, else the first on PATH that is new enough."""
    names = [
        VENV_PYTHON,
        sys.executable,
        "python3",
        "python3.13",
        "python3.12",
        "python3.11",
        "python3.14",
        "python",
    ]
    found = [python for python in map(probe, names) if python is not None]
    for wanted in ("is_known", "is_usable"):
        for python in found:
            if getattr(python, wanted):
                return python
    seen = ", ".join(sorted({python.version for python in found})) or "none"
    raise SetupError(
        f"Python {MIN_PYTHON[0]}.{MIN_PYTHON[1]} or newer is needed; found: {seen}.\n"
        "Install one (https://www.python.org/downloads/, Debian: apt install python3 python3-venv) and run this again."
    )


def probe(name):
    """Run an interpreter to see its version; `None` when it does not run."""
    program = name and shutil.which(str(name))
    if not program:
        return None
    match = re.match(r"(\d+) (\d+)", ask([program, "-c", "import sys; print(*sys.version_info[:2])"]))
    return Python(program, (int(match.group(1)), int(match.group(2)))) if match else None


def make_venv(python):
    """Create `.venv` where there is none."""
    if python.program != str(VENV_PYTHON):
        # Without pip: Debian keeps the part of Python that installs it in a package of its own.
        run([python.program, "-m", "venv", "--clear", "--without-pip", VENV])


def drop_foreign_venv():
    """Remove an environment that lost its Python, or whose programs point elsewhere because the folder was moved."""
    try:
        is_own = str(VENV) in (BIN / "activate").read_text(encoding="utf-8", errors="replace")
    except OSError:
        is_own = False
    python = probe(VENV_PYTHON)
    if not is_own or python is None or not python.is_usable:
        shutil.rmtree(VENV, ignore_errors=True)


# --- uv ----------------------------------------------------------------------------------------------------------


def find_uv():
    """The uv on PATH or in `.venv`, when it is new enough."""
    for program in (shutil.which("uv"), shutil.which("uv", path=str(BIN))):
        match = program and re.match(r"uv (\d+)\.(\d+)", ask([program, "--version"]))
        if match and (int(match.group(1)), int(match.group(2))) >= MIN_UV:
            return program
    return None


def install_uv(python):
    """Put uv, by hash, into `.venv`: with the pip that Python carries, else with the pip beside it."""
    lock = ["--require-hashes", "--disable-pip-version-check", "-r", REQUIREMENTS / "uv.txt"]
    if ask([VENV_PYTHON, "-m", "ensurepip", "--version"]):
        run([VENV_PYTHON, "-m", "ensurepip"], quiet=True)
        run([VENV_PYTHON, "-m", "pip", "install", "-q", *lock])
    elif ask([python.program, "-m", "pip", "--version"]):
        # `--target` is outside what a distribution manages (PEP 668), so it is allowed to.
        run([python.program, "-m", "pip", "install", "-q", "--target", VENV / "uv", *lock])
        shutil.copy2(shutil.which("uv", path=str(VENV / "uv" / "bin")), BIN)
    else:
        raise SetupError(
            "This Python has neither ensurepip nor pip, and uv is not on PATH.\n"
            "Debian and Ubuntu: apt install python3-venv. Elsewhere: https://docs.astral.sh/uv/. Then run this again."
        )
    found = find_uv()
    if found is None:
        raise SetupError("uv was installed into .venv but does not run on this system.")
    return found


# --- processes and words -----------------------------------------------------------------------------------------


class Steps:
    """Numbered lines that say what is happening and how long it took."""

    def __init__(self, total):
        self.total = total
        self.number = 0

    def next(self, title):
        """Announce a step; use as a context manager."""
        self.number += 1
        self.title = f"[{self.number}/{self.total}] {title}"
        return self

    def __enter__(self):
        say(f"{self.title} …")
        self.started_s = time.monotonic()

    def __exit__(self, kind, value, traceback):
        if kind is None:
            say(f"{self.title} ({time.monotonic() - self.started_s:.1f} s)")


def say(text):
    """Progress goes to standard error, at once."""
    print(text, file=sys.stderr, flush=True)


def environment():
    """Ours, without what would lead an interpreter or uv to another installation."""
    lost = (
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "UV_PYTHON",
        "UV_SYSTEM_PYTHON",
        "UV_PROJECT_ENVIRONMENT",
    )
    found = {name: value for name, value in os.environ.items() if name not in lost}
    if has_system_certificates():  # as pip does: networks that inspect TLS have put their certificate there
        found.setdefault("UV_SYSTEM_CERTS", "1")
    return found


def has_system_certificates():
    """Whether the system has certificates to trust; small images have none, and uv brings its own."""
    paths = ssl.get_default_verify_paths()
    return os.name == "nt" or sys.platform == "darwin" or bool(paths.cafile or paths.capath)


def run(command, quiet=False):
    """Run a program and show what it says; its failure is ours."""
    words = [str(word) for word in command]
    code = subprocess.call(words, env=environment(), stdout=subprocess.DEVNULL if quiet else None)
    if code != 0:
        shown = " ".join(word.replace(f"{ROOT}{os.sep}", "") for word in words)
        raise SetupError(f"`{shown}` failed with exit code {code}; what it said is above.")


def ask(command):
    """What a program prints, or nothing when it fails."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            check=False,
        )
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def become(command):
    """Replace this process by a program of the environment, so that signals go to it alone."""
    env = environment()
    env["VIRTUAL_ENV"] = str(VENV)
    env["PATH"] = os.pathsep.join([str(BIN), env.get("PATH", os.defpath)])
    program = shutil.which(command[0], path=env["PATH"])
    if program is None:
        raise SetupError(f"there is no program {command[0]}")
    words = [program, *command[1:]]
    if os.name == "nt":  # exec on Windows returns to the shell at once
        sys.exit(subprocess.call(words, env=env))
    os.execve(program, words, env)  # noqa: S606 - our own program, no shell wanted


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetupError as error:
        say(f"\n{error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
