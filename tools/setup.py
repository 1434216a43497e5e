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
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
BIN = os.path.join(VENV, "Scripts" if os.name == "nt" else "bin")
VENV_PYTHON = os.path.join(BIN, "python.exe" if os.name == "nt" else "python")
MIN_PYTHON = (3, 11)
BELOW_PYTHON = (3, 15)  # newer ones may work, but not every wheel in the locks exists for them
MIN_UV = (0, 5)
LOCKS = {"run": ("build.txt", "run.txt"), "test": ("build.txt", "test.txt")}


class SetupError(Exception):
    """A letter to the person at the terminal."""


def main(arguments):
    """Install what the named kind of work needs, then become the command after `--`."""
    if not arguments or arguments[0] not in LOCKS:
        raise SetupError("usage: setup.py {} [-- COMMAND …]".format("|".join(LOCKS)))
    kind, command = arguments[0], arguments[2:]
    os.chdir(ROOT)
    if not is_ready(kind):
        install(kind)
    if command:
        become(command)


def is_ready(kind):
    """Whether this kind was installed from exactly these locks, in this place, by a Python that is still there."""
    try:
        with open(stamp_path(kind), encoding="utf-8") as file:
            return file.read() == fingerprint(kind)
    except OSError:
        return False


def install(kind):
    """Do the numbered steps; what is there already is kept."""
    steps = Steps(4)
    python = find_python()
    with steps.next("Python {} in .venv".format(python.version)):
        make_venv(python)
    with steps.next("uv"):
        uv = find_uv() or install_uv(python)
    with steps.next("Python packages for `make {}`".format(kind)):
        for lock in LOCKS[kind]:
            path = os.path.join("requirements", lock)
            run([uv, "pip", "install", "--python", VENV_PYTHON, "--require-hashes", "-r", path])
    with steps.next("flightwire itself, from this folder"):
        # The build tools are in requirements/build.txt, with hashes: an isolated build would fetch them without.
        run([uv, "pip", "install", "--python", VENV_PYTHON, "-q", "--no-deps", "--no-build-isolation", "-e", "."])
    with open(stamp_path(kind), "w", encoding="utf-8") as file:
        file.write(fingerprint(kind))


# --- what is installed -------------------------------------------------------------------------------------------


def stamp_path(kind):
    """The file that remembers what was installed."""
    return os.path.join(VENV, ".setup-" + kind)


def fingerprint(kind):
    """Everything an installation depends on: its locks, the project's own entry, where it lies, and on which Python."""
    digest = hashlib.sha256()
    for name in ["pyproject.toml"] + [os.path.join("requirements", lock) for lock in LOCKS[kind]]:
        with open(os.path.join(ROOT, name), "rb") as file:
            digest.update(file.read() + b"\0")
    digest.update("\0".join([ROOT, os.path.realpath(VENV_PYTHON)]).encode())
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
    names = [VENV_PYTHON, sys.executable, "python3", "python3.13", "python3.12", "python3.11", "python3.14", "python"]
    found = [python for python in map(probe, names) if python is not None]
    for wanted in ("is_known", "is_usable"):
        for python in found:
            if getattr(python, wanted):
                return python
    seen = ", ".join(sorted({python.version for python in found})) or "none"
    raise SetupError(
        "Python {}.{} or newer is needed; found: {}.\nInstall one (https://www.python.org/downloads/, Debian: "
        "apt install python3 python3-venv) and run this again.".format(MIN_PYTHON[0], MIN_PYTHON[1], seen)
    )


def probe(name):
    """Run an interpreter to see its version; `None` when it does not run."""
    program = name and shutil.which(name)
    if not program:
        return None
    answer = ask([program, "-c", "import sys; print(*sys.version_info[:2])"])
    match = re.match(r"(\d+) (\d+)", answer)
    return Python(program, (int(match.group(1)), int(match.group(2)))) if match else None


def make_venv(python):
    """Create `.venv`, anew when the one that is there was made elsewhere or lost its Python."""
    if is_own_venv(python):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    # Without pip: Debian keeps the part of Python that installs it in a package of its own.
    run([python.program, "-m", "venv", "--without-pip", VENV])


def is_own_venv(python):
    """Whether the environment's programs point here: a copied or moved folder does not work."""
    if python.program != VENV_PYTHON:
        return False
    prefix = ask([VENV_PYTHON, "-c", "import sys; print(sys.prefix)"]).strip()
    try:
        with open(os.path.join(BIN, "activate"), encoding="utf-8", errors="replace") as file:
            return os.path.samefile(prefix, VENV) and VENV in file.read()
    except OSError:
        return False


# --- uv ----------------------------------------------------------------------------------------------------------


def find_uv():
    """The uv on PATH or in `.venv`, when it is new enough."""
    for program in (shutil.which("uv"), shutil.which("uv", path=BIN)):
        match = program and re.match(r"uv (\d+)\.(\d+)", ask([program, "--version"]))
        if match and (int(match.group(1)), int(match.group(2))) >= MIN_UV:
            return program
    return None


def install_uv(python):
    """Put uv, by hash, into `.venv`: with the pip that Python carries, else with the pip beside it."""
    lock = ["--require-hashes", "--disable-pip-version-check", "-r", os.path.join("requirements", "uv.txt")]
    if ask([VENV_PYTHON, "-m", "ensurepip", "--version"]):
        run([VENV_PYTHON, "-m", "ensurepip"], quiet=True)
        run([VENV_PYTHON, "-m", "pip", "install", "-q"] + lock)
    elif ask([python.program, "-m", "pip", "--version"]):
        # `--target` is outside what a distribution manages (PEP 668), so it is allowed to.
        target = os.path.join(VENV, "uv")
        run([python.program, "-m", "pip", "install", "-q", "--target", target] + lock)
        shutil.copy2(shutil.which("uv", path=os.path.join(target, "bin")), BIN)
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
        self.title = "[{}/{}] {}".format(self.number, self.total, title)
        return self

    def __enter__(self):
        say(self.title + " …")
        self.started_s = time.time()

    def __exit__(self, kind, value, traceback):
        if kind is None:
            say("{} ({:.1f} s)".format(self.title, time.time() - self.started_s))


def say(text):
    """Progress goes to standard error, at once."""
    print(text, file=sys.stderr, flush=True)


def environment():
    """Ours, without what would lead an interpreter or uv to another installation."""
    lost = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_PROJECT_ENVIRONMENT")
    return {name: value for name, value in os.environ.items() if name not in lost}


def run(command, quiet=False):
    """Run a program and show what it says; its failure is ours."""
    output = subprocess.DEVNULL if quiet else None
    code = subprocess.call(command, env=environment(), stdout=output)
    if code != 0:
        shown = " ".join(os.path.relpath(word) if word.startswith(ROOT) else word for word in command)
        raise SetupError("`{}` failed with exit code {}; what it said is above.".format(shown, code))


def ask(command):
    """What a program prints, or nothing when it fails."""
    try:
        done = subprocess.run(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, universal_newlines=True
        )
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def become(command):
    """Replace this process by a program of the environment, so that signals go to it alone."""
    env = environment()
    env["VIRTUAL_ENV"] = VENV
    env["PATH"] = os.pathsep.join([BIN, env.get("PATH", os.defpath)])
    program = shutil.which(command[0], path=env["PATH"])
    if program is None:
        raise SetupError("there is no program {}".format(command[0]))
    sys.stdout.flush()
    if os.name == "nt":  # exec on Windows returns to the shell at once
        sys.exit(subprocess.call([program] + command[1:], env=env))
    os.execve(program, [program] + command[1:], env)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetupError as error:
        say("\n{}".format(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
