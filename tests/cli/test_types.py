"""`flightwire types`: what it writes, checks and says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flightwire.cli import types as command
from flightwire.cli.folders import CommandError
from flightwire.errors import FlightwireError

GOOD = "from flightwire import action\n@action\nasync def ask(question: str) -> str:\n    return question\n"
BARE = GOOD.replace(" -> str", "")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "actions.py").write_text(GOOD)
    monkeypatch.setattr(command, "ensure_packages", lambda: tmp_path / "tools")
    monkeypatch.chdir(tmp_path)
    return Path("app")


def test_it_writes_declarations_and_a_project(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.types(app)
    declared = (app / ".flightwire" / "types" / "actions.d.ts").read_text()
    assert "export function ask(question: string): Promise<string>;" in declared
    project = json.loads((app / ".flightwire" / "tsconfig.json").read_text())
    assert project["compilerOptions"]["rootDirs"] == ["..", "./types"]
    assert "1 declaration file in app/.flightwire/types, written." in capsys.readouterr().out


def test_nothing_outside_the_state_folder_is_written_unasked(app: Path) -> None:
    command.types(app)
    assert sorted(each.name for each in app.iterdir()) == [".flightwire", "actions.py"]


def test_init_writes_a_project_that_extends_ours(app: Path) -> None:
    command.types(app, init=True)
    assert json.loads((app / "tsconfig.json").read_text()) == {"extends": "./.flightwire/tsconfig.json"}
    command.types(app, init=True)


def test_init_leaves_a_project_of_ones_own_alone(app: Path) -> None:
    (app / "tsconfig.json").write_text("{}")
    with pytest.raises(CommandError, match=r'Add this line to it: "extends"'):
        command.types(app, init=True)
    assert (app / "tsconfig.json").read_text() == "{}"


def test_a_check_of_what_was_just_written_passes(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command.types(app)
    command.types(app, check=True)
    assert "up to date" in capsys.readouterr().out


def test_a_check_of_old_declarations_fails_with_a_letter(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.types(app)
    (app / "actions.py").write_text(GOOD.replace("question: str", "question: int"))
    with pytest.raises(SystemExit) as ended:
        command.types(app, check=True)
    assert ended.value.code == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "app/.flightwire/types/actions.d.ts is not what the Python code says" in said
    assert "Write it: flightwire types app" in said


def test_a_check_tells_what_is_missing_from_what_is_left_over(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.types(app)
    (app / "shop").mkdir()
    (app / "actions.py").rename(app / "shop" / "actions.py")
    (app / "page.tsx").write_text("export default () => null")
    with pytest.raises(SystemExit):
        command.types(app, check=True)
    said = " ".join(capsys.readouterr().err.split())
    types = "app/.flightwire/types"
    assert f"{types}/actions.d.ts declares Python code that is gone. Remove it: flightwire types app" in said
    assert f"{types}/shop/actions.d.ts is missing. Write it: flightwire types app" in said
    command.types(app)
    command.types(app, check=True)


@pytest.mark.parametrize(
    "code", ["def", "import nothing_there", "1 / 0", "raise SystemExit", GOOD.replace("str", "Missing")]
)
def test_a_check_of_code_that_cannot_be_imported_fails_with_its_letter(app: Path, code: str) -> None:
    (app / "actions.py").write_text(code)
    with pytest.raises(FlightwireError, match=r"actions\.py, line \d"):
        command.types(app, check=True)


def test_the_folder_is_the_one_where_one_is(app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(app)
    command.types()
    command.types(check=True)
    assert (Path(".flightwire") / "types" / "actions.d.ts").is_file()


def test_a_check_writes_nothing(app: Path) -> None:
    with pytest.raises(SystemExit):
        command.types(app, check=True)
    assert not (app / ".flightwire").exists()


def test_a_check_names_the_file_the_action_and_what_to_write(
    app: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (app / "actions.py").write_text(BARE)
    command.types(app)
    warned = " ".join(capsys.readouterr().err.split())
    with pytest.raises(SystemExit):
        command.types(app, check=True)
    letter = "app/actions.py, ask: has no return annotation, so pages see `any`. Write `-> str`"
    assert f"warning: {letter}" in warned
    assert f"error: {letter}" in " ".join(capsys.readouterr().err.split())


def test_check_and_init_exclude_each_other(app: Path) -> None:
    with pytest.raises(CommandError, match="Use one of them"):
        command.types(app, check=True, init=True)
