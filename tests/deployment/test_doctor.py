"""`flightwire doctor`: what it says of healthy, bare and broken installations."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flightwire.cli import findings
from flightwire.cli.findings import Finding, examine

from ..e2e.running import FLIGHTWIRE, run_flightwire

SECRET = "sk-do-not-show-this-to-anybody"
PORT = 45_117


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "actions.py").write_text("")
    (folder / "page.tsx").write_text("")
    return folder


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing of ours was ever fetched."""
    monkeypatch.setenv("FLIGHTWIRE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    for name in ("OPENAI_API_KEY", "FLIGHTWIRE_MODEL", "FLIGHTWIRE_SECRET_KEY", "CHROMIUM"):
        monkeypatch.delenv(name, raising=False)


def found(name: str, folder: Path | None = None, port: int = PORT) -> Finding:
    return next(finding for finding in examine(folder, port) if finding.name == name)


def test_a_bare_machine_is_told_what_comes_by_itself(bare: None, app: Path) -> None:
    report = {finding.name: finding for finding in examine(app, PORT)}
    assert [name for name, each in report.items() if each.status == "fail"] == []
    assert [name for name, each in report.items() if each.status == "warn"] == [
        "node",
        "npm packages",
        "model file",
        "build",
    ]
    assert all(each.fix for each in report.values() if each.status != "ok")
    assert not (app.parent / "cache").exists(), "it only looks"
    assert not (app / ".flightwire").exists()


def test_keys_are_named_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("FLIGHTWIRE_SECRET_KEY", SECRET * 3)
    done = run_flightwire(
        "doctor", "--json", env={"OPENAI_API_KEY": SECRET, "FLIGHTWIRE_SECRET_KEY": SECRET * 3}
    )
    assert "OPENAI_API_KEY set" in done.stdout
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("url", "status", "says"),
    [
        ("", "ok", "DATABASE_URL is not set"),
        (
            f"postgresql://ada:{SECRET}@db.example:5432/chats?password={SECRET}",
            "ok",
            "PostgreSQL at db.example:5432/chats;",
        ),
        (f"postgres://{SECRET}@db/chats", "ok", "PostgreSQL at db/chats;"),
        ("sqlite:////var/lib/chats.db", "ok", "SQLite in /var/lib/chats.db;"),
        (f"mysql://ada:{SECRET}@db/chats", "warn", "of the kind 'mysql'"),
        (SECRET * 3, "warn", "names a database of the kind"),
    ],
)
def test_the_database_is_named_without_its_password(
    url: str, status: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    finding = found("database")
    assert finding.status == status
    assert says in finding.says
    assert SECRET not in finding.says


def test_a_database_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/chats")
    monkeypatch.setitem(findings.DRIVERS, "postgres", ("no-such-driver",))
    assert found("database").fix == "pip install 'flightwire[postgres]'"


def test_env_files_are_named_and_what_they_set_for_us(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert found("env files", app).says == "none"
    (app / ".env").write_text(f"OPENAI_API_KEY={SECRET}\nOTHER=1\n")
    assert found("env files", app).says == ".env with OPENAI_API_KEY: read by flightwire dev, not by start"
    assert "OPENAI_API_KEY" not in os.environ


def test_the_model_and_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_MODEL", "local/smollm2")
    assert found("model").says == "local/smollm2, because FLIGHTWIRE_MODEL names it"


def test_a_model_that_nobody_knows_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_MODEL", "nobody/x")
    assert (found("model").status, "no provider 'nobody'" in found("model").says) == ("fail", True)


def test_a_model_without_its_key_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_MODEL", "openai/gpt-5.4-mini")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert found("model").status == "fail"


def test_a_dependency_that_is_missing_or_old_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [
        "nothing-like-this>=1",
        "starlette>=999",
        'other>=1; extra == "x"',
        'winonly>=1; sys_platform == "never"',
    ]
    monkeypatch.setattr(findings.metadata, "requires", lambda _: wanted)
    finding = found("flightwire")
    assert finding.status == "fail"
    assert "nothing-like-this is missing; starlette is" in finding.says


def test_a_secret_that_others_can_read_fails(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLIGHTWIRE_SECRET_KEY", raising=False)
    key = app / ".flightwire" / "secret-key"
    key.parent.mkdir()
    key.write_text("00" * 32)
    key.chmod(0o644)
    assert found("secret key", app) == Finding(
        "secret key", "fail", f"{key} can be read by other users (644)", f"chmod 600 {key}"
    )
    key.chmod(0o600)
    assert found("secret key", app).status == "ok"


def test_a_secret_that_could_be_guessed_fails(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_SECRET_KEY", f"{'x' * 40}, short")
    assert found("secret key", app).status == "fail"


def build(app: Path) -> Path:
    manifest = app / ".flightwire" / "build" / "manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("{}")
    return manifest


def test_a_build_is_compared_with_its_sources(app: Path) -> None:
    manifest = build(app)
    assert found("build", app).status == "ok"
    (app / "node_modules").mkdir()
    later = time.time() + 10
    for name in ("node_modules/x.js", "page.tsx", "actions.py"):
        (app / name).touch()
        os.utime(app / name, (later, later))
    assert found("build", app).says == "older than actions.py and 1 more"
    os.utime(manifest, (later + 1, later + 1))
    assert found("build", app).status == "ok"


def test_actions_alone_need_no_build(app: Path) -> None:
    (app / "page.tsx").unlink()
    assert found("build", app) == Finding("build", "ok", "actions alone need none")


def test_a_port_in_use_is_said(app: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert found("port", port=port).fix == f"Stop what listens there, or --port {port + 1}"


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()], ids=["missing", "empty"])
def test_a_folder_that_is_no_app_fails(tmp_path: Path, make: Callable[[Path], Any]) -> None:
    make(tmp_path / "nothing")
    assert found("app", tmp_path / "nothing").status == "fail"


def test_a_damaged_model_file_fails(bare: None, tmp_path: Path) -> None:
    file = findings.KNOWN_MODELS["smollm2"].file
    file.parent.mkdir(parents=True)
    file.write_bytes(b"GGUF")
    assert found("model file") == Finding(
        "model file", "fail", f"{file} is damaged", "flightwire models pull"
    )


def test_one_question_that_breaks_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings, "find_chromium", lambda: 1 / 0)
    report = examine(None, PORT)
    assert [finding.says for finding in report if finding.name == "doctor"] == [
        "one question could not be answered: ZeroDivisionError: division by zero"
    ]
    assert len(report) > 10


def test_the_command_finds_the_app_and_exits_with_what_it_found(app: Path) -> None:
    done = run_flightwire(
        "doctor", str(app), "--json", "--port", str(PORT), env={"FLIGHTWIRE_MODEL": "local/smollm2"}
    )
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"]) == (0, True)
    assert {"name", "status", "says", "fix"} == set(report["checks"][0])
    failed = run_flightwire("doctor", "--port", str(PORT), env={"FLIGHTWIRE_MODEL": "nobody/x"})
    assert failed.returncode == 1
    assert "fail model" in failed.stdout
    assert "→ Set FLIGHTWIRE_MODEL to provider/model, or unset it." in failed.stdout


def test_it_is_quick() -> None:
    before = os.times()
    run_flightwire("doctor", env={"PATH": str(FLIGHTWIRE.parent)})
    after = os.times()
    spent_s = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent_s < 3  # about 0.8 on an idle machine
