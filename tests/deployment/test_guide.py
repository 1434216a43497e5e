"""What the deployment guide says is so: its Python runs, its commands and options exist, its policy is the one that is sent."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

import flightwire
from flightwire.server.csp import ContentSecurityPolicy

from ..e2e.running import run_flightwire

GUIDE = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def test_its_python_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "actions.py").write_text("")
    monkeypatch.chdir(tmp_path)
    examples = [block for block in blocks("python") if not block.startswith("# ")]
    for example in examples:
        names = {"flightwire": flightwire}
        exec(compile(example, "deployment.md", "exec"), names)
        assert isinstance(names["app"], object)
    assert len(examples) == 2


def test_its_commands_and_their_options_exist() -> None:
    used = re.findall(r"flightwire (build|start|types|doctor|vite-plugin)\b([^\n`)\"]*)", GUIDE)
    assert {command for command, _ in used} == {"build", "start", "types", "doctor", "vite-plugin"}
    for command, rest in used:
        known = run_flightwire(command, "--help", env={"COLUMNS": "200"}).stdout
        assert [option for option in re.findall(r"--[a-z-]+", rest) if option not in known] == []


def test_every_option_of_start_that_it_names_exists() -> None:
    known = run_flightwire("start", "--help", env={"COLUMNS": "200"}).stdout
    named = re.findall(r"`(--[a-z-]+)[ `]", GUIDE)
    uvicorn, hypercorn = {"--timeout-graceful-shutdown"}, {"--graceful-timeout", "--worker-class"}
    assert len(named) > 5
    assert set(named) - uvicorn - hypercorn - set(re.findall(r"--[a-z-]+", known)) == set()


def test_its_policy_is_the_one_that_is_sent() -> None:
    (shown,) = (block for block in blocks("text") if block.startswith("default-src"))
    policy = ContentSecurityPolicy.of(None)
    assert policy is not None
    assert " ".join(shown.split()).replace("…", "N") == policy.header("N").decode()


def test_its_extras_exist() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    named = re.findall(r"flightwire\[(\w+)\]", GUIDE)
    assert named
    assert set(named) <= extras.keys()


def test_its_container_and_its_unit_start_the_same_command() -> None:
    (container,) = blocks("dockerfile")
    (unit,) = blocks("ini")
    assert re.search(r'CMD \["flightwire", "start", "app"', container)
    started = re.search(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    assert started
    assert shlex.split(started[1])[1:3] == ["start", "app"]
