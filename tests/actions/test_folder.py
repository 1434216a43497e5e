"""App folders: which files are loaded, what pages may import, reloading, letters."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
import weakref
from pathlib import Path

import pytest

from flightwire.actions.folder import AppFolder, load_folder
from flightwire.errors import AppLoadError, InvalidArgumentError

pytestmark = pytest.mark.anyio

ANSWER = (
    "from flightwire import action\n@action\nasync def get_answer(question: str) -> str:\n    return 'old'\n"
)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    return folder


def write(app: Path, **files: str) -> Path:
    """Write Python files; `__` in a keyword is a slash."""
    for name, source in files.items():
        put(app, name.replace("__", "/") + ".py", source)
    return app


def put(app: Path, name: str, source: str) -> None:
    file = app / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)


def letter(app: Path) -> AppLoadError:
    with pytest.raises(AppLoadError) as caught:
        load_folder(app)
    assert "Traceback" not in str(caught.value)
    assert "flightwire_app_" not in str(caught.value)
    return caught.value


async def call(loaded: AppFolder, id: str = "actions#getAnswer", *args: object) -> object:
    found = loaded.registry.get(id)
    assert found is not None, loaded.registry.ids()
    return await found.fn(*args)


def modules_of(app: Path) -> list[str]:
    return [
        name
        for name, module in sys.modules.items()
        if str(getattr(module, "__file__", None) or "").startswith(f"{app}/")
    ]


# --- what is loaded ----------------------------------------------------------------------------------------------


def test_an_action_is_known_by_its_file_and_name(app: Path) -> None:
    assert load_folder(write(app, actions=ANSWER)).registry.ids() == ["actions#getAnswer"]


def test_a_folder_without_python_serves_nothing(app: Path) -> None:
    assert load_folder(app).describe() == {"version": 1, "modules": {}}


def test_actions_in_folders_below_are_found(app: Path) -> None:
    write(app, recipes__stream__actions=ANSWER)
    put(app, "chat/[id]/actions.py", ANSWER)
    put(app, "(group)/v1.0/actions.py", ANSWER)
    put(app, "my-tools.py", ANSWER)
    assert load_folder(app).registry.ids() == [
        "(group)/v1.0/actions#getAnswer",
        "chat/[id]/actions#getAnswer",
        "my-tools#getAnswer",
        "recipes/stream/actions#getAnswer",
    ]


def test_letters_outside_ascii_are_escaped_in_ids_because_ids_go_into_a_header(app: Path) -> None:
    put(app, "menü/actions.py", ANSWER)
    loaded = load_folder(app)
    assert loaded.registry.ids() == ["men%C3%BC/actions#getAnswer"]
    assert loaded.describe()["modules"]["menü/actions.py"]["exports"] == {
        "getAnswer": "men%C3%BC/actions#getAnswer"
    }


def test_a_component_may_be_named_from_the_file_that_uses_it(app: Path) -> None:
    declare = "from flightwire import client_component\nChart = client_component({!r}, 'Chart')\n"
    put(app, "chat/[id]/layout.py", declare.format("./chart.tsx"))
    put(app, "chat/layout.py", declare.format("../chart.tsx"))
    put(app, "layout.py", declare.format("chat/chart.tsx"))
    ids = {component.module_id for component in load_folder(app).components}
    assert ids == {"chat/[id]/chart.tsx", "chart.tsx", "chat/chart.tsx"}


def test_a_component_outside_of_the_app_is_a_letter(app: Path) -> None:
    put(app, "layout.py", "from flightwire import client_component\nclient_component('../chart.tsx')\n")
    with pytest.raises(AppLoadError, match="leaves the app folder"):
        load_folder(app)


def test_a_file_and_a_folder_may_have_one_name(app: Path) -> None:
    write(
        app,
        chat=ANSWER,
        chat__actions=ANSWER,
        chat__more="from .actions import get_answer\nfrom . import actions\n" + ANSWER,
    )
    assert load_folder(app).registry.ids() == [
        "chat#getAnswer",
        "chat/actions#getAnswer",
        "chat/more#getAnswer",
    ]


@pytest.mark.parametrize(
    "source",
    [
        ANSWER,
        ANSWER.replace("@action", "@action(max_duration_s=3)"),
        "import flightwire as fw\n@fw.action\nasync def get_answer(): ...\n",
        "from flightwire import action as served\nif True:\n    @served()\n    async def get_answer(): ...\n",
        "from .auth import guarded\n@guarded\nasync def get_answer(): ...\n",
    ],
)
def test_any_file_that_decorates_actions_is_loaded(app: Path, source: str) -> None:
    write(app, chat=source, auth="from flightwire import action as guarded\n")
    assert load_folder(app).registry.ids() == ["chat#getAnswer"]


@pytest.mark.parametrize(
    "name",
    [
        "script.py",
        "migrations/versions.py",
        ".hidden/actions.py",
        ".flightwire/actions.py",
        "node_modules/x/actions.py",
        "__pycache__/actions.py",
        "__main__.py",
    ],
)
def test_nothing_else_is_run(app: Path, name: str) -> None:
    put(app, name, "raise RuntimeError('was run')\n")
    assert load_folder(app).registry.ids() == []


@pytest.mark.parametrize("name", ["test_chat.py", "chat_test.py", "conftest.py", "__main__.py", ".x.py"])
def test_tests_and_main_files_are_not_run_even_with_actions(app: Path, name: str) -> None:
    put(app, name, ANSWER + "raise RuntimeError('was run')\n")
    assert load_folder(app).registry.ids() == []


def test_a_virtual_environment_in_the_folder_is_left_alone(app: Path) -> None:
    put(app, "env/pyvenv.cfg", "")
    put(app, "env/lib/actions.py", "raise RuntimeError")
    assert load_folder(app).files == ()


def test_files_that_are_not_even_python_do_no_harm(app: Path) -> None:
    put(app, "notes.py", "from . import @ this is no python\n")
    (app / "data.py").write_bytes(b"\xff\xfe@ from . \x00")
    (app / "deep.py").write_text("@ from . import x\n" + "(" * 5000)
    assert load_folder(app).registry.ids() == []


# --- imports -----------------------------------------------------------------------------------------------------


async def test_files_import_each_other_relatively(app: Path) -> None:
    write(
        app,
        db="from . import settings\nname = settings.name\n",
        settings="name = 'shop'\n",
        sub__actions="from flightwire import action\nfrom ..db import name\nfrom .. import db\nfrom .near import far\n"
        "@action\nasync def get_answer(): return name, db.name, far\n",
        sub__near="far = 1\n",
    )
    assert await call(load_folder(app), "sub/actions#getAnswer") == ("shop", "shop", 1)


async def test_an_init_file_is_run_once_and_first(app: Path) -> None:
    put(app, "__init__.py", "runs = []\nruns.append(1)\n")
    write(
        app,
        actions="from flightwire import action\nfrom . import runs\n"
        "@action\nasync def get_answer(): return runs\n",
    )
    assert await call(load_folder(app)) == [1]


async def test_imports_inside_a_function_work_when_it_is_called(app: Path) -> None:
    write(
        app,
        late="value = 7\n",
        actions="from flightwire import action\n@action\nasync def get_answer():\n"
        "    from . import late\n    return late.value\n",
    )
    assert await call(load_folder(app)) == 7


def test_the_import_path_is_left_as_it_was(app: Path) -> None:
    before = list(sys.path)
    load_folder(write(app, actions=ANSWER))
    assert sys.path == before
    assert "actions" not in sys.modules


def test_two_apps_do_not_know_each_other(tmp_path: Path) -> None:
    a, b = (load_folder(write(tmp_path / name, actions=ANSWER)) for name in "ab")
    assert a.registry.get("actions#getAnswer") is not b.registry.get("actions#getAnswer")


def test_a_logger_keeps_its_name_over_reloads(app: Path) -> None:
    write(app, actions="import logging\nlog = logging.getLogger(__name__)\n" + ANSWER)
    names = {getattr(load_folder(app).registry.get("actions#getAnswer"), "module", None) for _ in range(2)}
    assert len(names) == 1
    assert logging.getLogger(names.pop()) is not None


LATER = """
import dataclasses
from typing import TYPE_CHECKING, TypedDict
from flightwire import action
if TYPE_CHECKING:
    from starlette.requests import Request
@action
async def get_answer(request: {q}Request{q}, later: {q}Later{q}, all: {q}list[Later | None]{q} = []): ...
class Later(TypedDict):
    n: int
    more: {q}list[Later]{q}
    point: {q}Point{q}
@dataclasses.dataclass
class Point:
    later: {q}Later | None{q} = None
"""


@pytest.mark.parametrize(
    "quote",
    [
        "'",
        pytest.param(
            "", marks=pytest.mark.skipif(sys.version_info < (3, 14), reason="annotations wait since 3.14")
        ),
    ],
)
def test_annotations_may_name_what_comes_later(app: Path, quote: str) -> None:
    loaded = load_folder(write(app, actions=LATER.format(q=quote)))
    found = loaded.registry.get("actions#getAnswer")
    assert found is not None
    later = {"n": 1, "more": [], "point": {"later": None}, "extra": 1}
    args, kwargs = found.schema.bind([later, [later, None]])
    assert (args, list(kwargs)) == ([], ["later", "all"])
    assert kwargs["all"][0]["extra"] == 1  # type: ignore[index, call-overload]
    assert list(found.schema.injected) == ["request"]


# --- what pages may import ---------------------------------------------------------------------------------------


def test_exports_and_public_types_are_described(app: Path) -> None:
    write(
        app,
        models="from typing import TypedDict\nclass Shared(TypedDict):\n    x: int\nRole = 'no type'\n",
        actions="""
from __future__ import annotations
import dataclasses, enum
from collections.abc import Sequence
from datetime import datetime
from typing import Any, List, Literal, NamedTuple, NewType, Optional, TypedDict, TypeVar, Union
from pydantic import BaseModel
from flightwire import action, UserError, Usage
from flightwire.jsontypes import JSONValue
from .models import Shared, Role

T = TypeVar("T")
class Message(TypedDict):
    content: str
@dataclasses.dataclass
class Point:
    x: int
class Model(BaseModel): ...
class Color(enum.Enum):
    RED = 1
class Pair(NamedTuple):
    a: int
UserId = NewType("UserId", str)
Level = Literal["low", "high"]
Maybe = str | None
Many = list[Message]
class _Private(TypedDict): ...
_Hidden = Literal["x"]
class Service: ...
LIMIT = 3
@action
async def get_answer(m: Message) -> Shared: ...
@action
async def _internal(): ...
""",
    )
    assert load_folder(app).describe()["modules"] == {
        "actions.py": {
            "exports": {"getAnswer": "actions#getAnswer"},
            "types": [
                "Color",
                "Level",
                "Many",
                "Maybe",
                "Message",
                "Model",
                "Pair",
                "Point",
                "Shared",
                "UserId",
            ],
        },
        "models.py": {"exports": {}, "types": ["Shared"]},
    }


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type X = …` is 3.12's")
def test_type_statements_are_types(app: Path) -> None:
    write(app, actions="type Role = str\n")
    assert load_folder(app).describe()["modules"]["actions.py"]["types"] == ["Role"]


def test_an_imported_action_keeps_the_id_of_the_module_that_defines_it(app: Path) -> None:
    write(
        app, actions=ANSWER, chat="from .actions import get_answer\n" + ANSWER.replace("get_answer", "other")
    )
    described = load_folder(app).describe()["modules"]
    assert described["chat.py"]["exports"] == {"getAnswer": "actions#getAnswer", "other": "chat#other"}


def test_types_beside_a_script_of_the_same_name_are_left_to_the_script(app: Path) -> None:
    write(
        app,
        actions="from .chart import Point\n",
        chart="from typing import NamedTuple\nclass Point(NamedTuple): x: int\n",
    )
    put(app, "chart.tsx", "")
    assert load_folder(app).describe()["modules"] == {"actions.py": {"exports": {}, "types": ["Point"]}}


def test_the_description_cannot_be_changed_from_outside(app: Path) -> None:
    loaded = load_folder(write(app, actions=ANSWER))
    loaded.describe()["modules"].clear()
    assert loaded.describe()["modules"]


def test_the_state_is_written_once_and_ignored_by_git(app: Path) -> None:
    loaded = load_folder(write(app, actions=ANSWER))
    state = app / ".flightwire"
    assert loaded.write_state(state) is True
    written = (state / "actions.json").stat().st_mtime_ns
    assert loaded.write_state(state) is False
    assert (state / "actions.json").stat().st_mtime_ns == written
    assert json.loads((state / "actions.json").read_text()) == loaded.describe()
    assert (state / ".gitignore").read_text() == "*\n"
    assert sorted(file.name for file in state.iterdir()) == [".gitignore", "actions.json", "types"]


def test_a_state_folder_that_cannot_be_written_gets_a_letter(app: Path) -> None:
    loaded = load_folder(app)
    put(app, "taken", "a file")
    with pytest.raises(AppLoadError, match="cannot be written"):
        loaded.write_state(app / "taken")


# --- again -------------------------------------------------------------------------------------------------------


async def test_a_reload_runs_the_new_source_even_within_one_clock_tick(app: Path) -> None:
    file = app / "actions.py"
    for answer in ("old", "new", "odd"):
        file.write_text(ANSWER.replace("old", answer))
        os.utime(file, (1_700_000_000, 1_700_000_000))
        assert await call(load_folder(app), "actions#getAnswer", "?") == answer


async def test_a_reload_runs_what_actions_import_anew_too(app: Path) -> None:
    write(
        app,
        actions="from flightwire import action\nfrom .db import name\n@action\nasync def get_answer(): return name\n",
    )
    for name in ("one", "two"):
        write(app, db=f"name = {name!r}\n")
        assert await call(load_folder(app)) == name


async def test_the_old_app_still_works_after_a_reload(app: Path) -> None:
    old = load_folder(write(app, actions=ANSWER))
    load_folder(write(app, actions=ANSWER.replace("old", "new")), old)
    assert await call(old, "actions#getAnswer", "?") == "old"


async def test_a_failed_reload_leaves_everything_as_it_was(app: Path) -> None:
    source = "from flightwire import action\n@action\nasync def get_answer():\n    from . import db\n    return db.name\n"
    old = load_folder(write(app, actions=source, db="name = 1\n"))
    modules = {name: module for name, module in sys.modules.items() if name.startswith("flightwire_app_")}
    letter(write(app, actions="def broken(:\n"))
    assert {name: sys.modules.get(name) for name in modules} == modules
    assert await call(old) == 1


def test_closing_an_app_forgets_its_modules_but_not_newer_ones(app: Path) -> None:
    old = load_folder(write(app, actions=ANSWER))
    new = load_folder(app)
    old.close()
    assert modules_of(app)
    new.close()
    assert modules_of(app) == []


def test_a_hundred_reloads_keep_nothing(app: Path) -> None:
    write(
        app,
        models="from __future__ import annotations\nfrom typing import *\nimport dataclasses\n"
        "class Message(TypedDict):\n    parts: list[Message]\n"
        "@dataclasses.dataclass\nclass Point:\n    x: int\nMaybe = Optional[Message]\nclass Weak: ...\n",
        actions="from flightwire import action\nfrom .models import *\nfrom typing import *\n"
        "@action\nasync def get_answer(m: Optional[Message], p: Union[Point, None] = None): ...\n",
    )
    alive: list[weakref.ref] = []
    previous = None
    for _ in range(100):
        previous = load_folder(app, previous)
        previous.registry.prepare()
        found = previous.registry.get("actions#getAnswer")
        assert found is not None
        module = sys.modules[found.module]
        alive += [
            weakref.ref(module),
            weakref.ref(module.Message),
            weakref.ref(module.Point),
            weakref.ref(found),
        ]
    del found, module
    gc.collect()
    assert sum(ref() is not None for ref in alive) == 4  # the last one


def test_files_of_the_app_imported_by_an_absolute_name_are_imported_anew_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    app = write(tmp_path / "shopapp", db="name = 1\n", actions="from shopapp.db import name\n" + ANSWER)
    load_folder(app)
    first = sys.modules["shopapp.db"]
    last = load_folder(app)
    assert sys.modules["shopapp.db"] is not first
    last.close()
    assert not {"shopapp", "shopapp.db"} & sys.modules.keys()


# --- letters -----------------------------------------------------------------------------------------------------


def test_no_folder_gets_a_letter(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="no such folder"):
        load_folder(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("source", "line", "says"),
    [
        ("x = 1\ndef f(:\n    pass\n", 2, "def f(:"),
        ("if True:\nx = 1\n", 2, "indented"),
        ("x = (\n", 1, "never closed"),
        ("x = '\\N{nope}'\n", 1, "unicode"),
        ("x = 1\nx / 0\n", 2, "ZeroDivisionError: division by zero"),
        ("raise SystemExit(1)\n", 1, "SystemExit"),
        ("raise KeyError('k')\n", 1, "KeyError: 'k'"),
        ("raise Exception\n", 1, "no message"),
        ("class E(BaseException): ...\nraise ExceptionGroup('many', [ValueError('a')])\n", 2, "many"),
        ("import nopackage.sub\n", 1, "pip install nopackage"),
        ("\nimport yaml_not_here as y, yaml_nor_here\n", 2, "pip install yaml_not_here"),
        ("import json.nothing\n", 1, "'json' has no module 'json.nothing'"),
        ("from json import nothing\n", 1, "cannot import name 'nothing'"),
        ("from .mising import x\n", 1, "no file mising.py in the app. Did you mean 'missing'?"),
        ("from .missing import namee\n", 1, "missing.py has no 'namee'. Did you mean 'name'?"),
        ("from . import nothing\n", 1, "app/ has no 'nothing'"),
        ("from ... import x\n", 1, "leaves the app folder"),
        ("import helpers\n", 1, "Write `from . import helpers`"),
        ("x = 1\nfrom helpers import a, b as c\n", 2, "Write `from .helpers import a, b as c`"),
        ("import helpers as h\n", 1, "Write `from . import helpers as h`"),
        ("from flightwire import action\n\n@action\ndef f(**kw): ...\n", 3, "**kw"),
        ("from flightwire import action\n\n@action\ndef f(*, k): ...\n", 3, "'k'"),
        ("from flightwire import action\n\n@action\ndef delete(): ...\n", 3, "JavaScript"),
        ("from flightwire import action\n\n@action\ndef f(a: 'Nope'): ...\n", 3, "'Nope'"),
        (
            "from flightwire import action\n@action\ndef a_b(): ...\n@action\ndef aB(): ...\n",
            None,
            "two actions",
        ),
    ],
)
def test_what_cannot_be_imported_gets_one_sentence_with_file_and_line(
    app: Path, source: str, line: int | None, says: str
) -> None:
    error = letter(write(app, actions=source, helpers="a = b = 1\n", missing="name = 1\n"))
    assert str(error).startswith("actions.py, line ")
    assert line is None or str(error).startswith(f"actions.py, line {line}: ")
    assert line is None or error.line == line
    assert says in str(error)
    assert "\n" not in str(error)
    assert error.path == str(app / "actions.py")


def test_the_letter_names_the_file_where_it_happened(app: Path) -> None:
    error = letter(write(app, actions="from . import db\n", db="\n\nx = {}['host']\n"))
    assert str(error) == "db.py, line 3: KeyError: 'host'"


def test_an_error_in_a_library_is_placed_at_the_apps_own_line(app: Path) -> None:
    error = letter(write(app, actions="import json\n\njson.loads('{')\n"))
    assert str(error).startswith("actions.py, line 3: JSONDecodeError: ")


def test_a_package_that_lacks_another_says_so(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "outside/half_installed.py", "import bs4_is_missing\n")
    monkeypatch.syspath_prepend(tmp_path / "outside")
    assert "which something it imports needs" in str(letter(write(app, actions="import half_installed\n")))


def test_a_plain_import_from_a_folder_below_gets_the_right_dots(app: Path) -> None:
    write(app, helpers="", sub__deep__actions="from helpers import x\n")
    assert "Write `from ...helpers import x`" in str(letter(app))


def test_a_plain_import_gets_the_letter_even_where_it_would_work(
    app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(app)
    error = letter(write(app, actions="import os\nimport helpers_of_app\n" + ANSWER, helpers_of_app=""))
    assert (
        "actions.py, line 2: 'helpers_of_app' is a file of the app. Write `from . import helpers_of_app`."
        in str(error)
    )
    assert "helpers_of_app" not in sys.modules
    assert modules_of(app) == []


@pytest.mark.parametrize("back", ["from .actions import x\n", "from . import actions\nactions.x\n"])
def test_circles_get_a_letter(app: Path, back: str) -> None:
    error = letter(write(app, actions="from .db import y\nx = 1\n", db=back + "y = 1\n"))
    assert str(error).startswith("db.py, line ")
    assert "actions.py is still being imported" in str(error)
    assert "third file" in str(error)


def test_a_file_that_makes_the_app_of_its_own_folder_gets_a_letter(app: Path) -> None:
    write(
        app,
        main=f"import flightwire\nfrom flightwire.actions.folder import load_folder\nfrom pathlib import Path\n"
        f"load_folder(Path({str(app)!r}))\n@flightwire.action\ndef f(): ...\n",
    )
    assert "main.py, line 4: this file makes the app of the folder that it is in" in str(letter(app))


def test_an_interrupt_is_passed_on_and_leaves_everything_as_it_was(app: Path) -> None:
    load_folder(write(app, actions=ANSWER))
    before = {name for name in sys.modules if name.startswith("flightwire_app_")}
    with pytest.raises(KeyboardInterrupt):
        load_folder(write(app, actions="raise KeyboardInterrupt\n"))
    assert {name for name in sys.modules if name.startswith("flightwire_app_")} == before


def test_a_very_long_message_is_cut(app: Path) -> None:
    assert len(str(letter(write(app, actions="raise ValueError('x' * 100000)\n")))) < 1000
