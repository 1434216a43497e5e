"""Who may call: `auth` is asked before anything is decoded, and an action that wants a user never runs without one."""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Optional, TypedDict
from uuid import UUID

import pytest
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.requests import Request as StarletteRequest

import flightwire
from flightwire import (
    Action,
    ForbiddenError,
    Provide,
    Request,
    UnauthorizedError,
    UserError,
    action,
)
from flightwire.errors import InvalidArgumentError
from flightwire.server.auth import Auth
from flightwire.testing import ActionClient

from .asgi import call

pytestmark = pytest.mark.anyio


@dataclass
class User:
    id: int
    name: str


class Admin(User):
    pass


class Robot(BaseModel):
    id: str


def current_user(request: Request) -> User | None:
    name = request.cookies.get("name")
    return User(7, name) if name else None


class Ran:
    """What has run."""

    def __init__(self) -> None:
        self.calls: list[object] = []


@pytest.fixture
def ran() -> Ran:
    return Ran()


@pytest.fixture
def actions(ran: Ran) -> list[Action[Any, Any]]:
    @action
    async def save(text: str) -> str:
        ran.calls.append(text)
        return text

    @action
    def whoami(user: User, suffix: str = "") -> str:
        ran.calls.append(user)
        return user.name + suffix

    @action(public=True)
    async def greet(user: User | None, word: str = "hello") -> str:
        return f"{word}, {user.name if user else 'stranger'}"

    return [save, whoami, greet]


def make(actions: list[Action[Any, Any]], auth: Any = current_user, **options: Any) -> Any:
    return flightwire.app(actions=actions, auth=auth, mode="production", **options)


SIGNED_IN = {"cookie": "name=Ada"}


async def test_the_user_is_given_to_whoever_asks(actions: list[Action[Any, Any]]) -> None:
    app = make(actions)
    assert (await call(app, "test_auth#whoami", "!", headers=SIGNED_IN).finish()).root == "Ada!"
    assert (await call(app, "test_auth#greet", headers=SIGNED_IN).finish()).root == "hello, Ada"
    assert (await call(app, "test_auth#greet", "hi").finish()).root == "hi, stranger"


@pytest.mark.parametrize("body", [b'["x"]', b"not even json", b"", b"[" * 100_000, b'["$h1"]'])
@pytest.mark.parametrize(
    "id", ["test_auth#save", "test_auth#whoami", "test_auth#save.bound", "test_auth#nothing", "x"]
)
async def test_nothing_runs_or_is_decoded_for_nobody(
    actions: list[Action[Any, Any]], ran: Ran, id: str, body: bytes
) -> None:
    """Unknown actions are answered alike: who is not signed in does not learn which exist."""
    done = await call(make(actions), id, body=body).finish()
    assert (done.status, done.text) == (401, "This call is for users who are signed in.")
    assert done.headers["flightwire-error"] == "UnauthorizedError"
    assert ran.calls == []


async def test_nobody_is_asked_for_the_body(actions: list[Action[Any, Any]]) -> None:
    done = await call(make(actions), "test_auth#save", body=[b"x" * 1000] * 5).finish()
    assert done.status == 401
    assert len(done._chunks) == 5


async def test_who_is_signed_in_learns_what_exists(actions: list[Action[Any, Any]]) -> None:
    assert (await call(make(actions), "test_auth#nothing", headers=SIGNED_IN).finish()).status == 404


async def test_without_auth_everybody_may_call(ran: Ran, actions: list[Action[Any, Any]]) -> None:
    app = flightwire.app(actions=actions[:1], mode="production")
    assert (await call(app, "test_auth#save", "x").finish()).status == 200


async def test_origin_comes_before_auth(actions: list[Action[Any, Any]]) -> None:
    asked = []

    def auth(request: Request) -> User | None:
        asked.append(request)
        return None

    sent = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await call(make(actions, auth), "test_auth#save", headers=sent).finish()).status == 403
    assert asked == []


async def test_auth_is_asked_once_per_call_and_may_be_async(actions: list[Action[Any, Any]]) -> None:
    asked = []

    async def auth(request: Request) -> User:
        asked.append(request.headers["host"])
        return User(1, "Bob")

    assert (await call(make(actions, auth), "test_auth#whoami").finish()).root == "Bob"
    assert asked == ["localhost:3000"]


async def test_an_object_with_call_and_a_function_that_gives_a_coroutine_are_auth_too(
    actions: list[Action[Any, Any]],
) -> None:
    class Check:
        async def __call__(self, request: Request) -> User | None:
            return User(1, "Bob")

    async def later() -> User:
        return User(1, "Cid")

    def auth(request: Request) -> Awaitable[User]:
        return later()

    assert (await call(make(actions, Check()), "test_auth#whoami").finish()).root == "Bob"
    assert (await call(make(actions, auth), "test_auth#whoami").finish()).root == "Cid"


@pytest.mark.parametrize(
    ("error", "status", "says", "kind"),
    [
        (ForbiddenError("Your account is locked."), 403, "Your account is locked.", "ForbiddenError"),
        (UnauthorizedError("Sign in again."), 401, "Sign in again.", "UnauthorizedError"),
        (UserError("Your trial is over."), 401, "Your trial is over.", "UserError"),
        (HTTPException(429, "Slow down.", {"retry-after": "5"}), 429, "Slow down.", "CallError"),
    ],
)
async def test_auth_may_say_why_not(
    actions: list[Action[Any, Any]], ran: Ran, error: Exception, status: int, says: str, kind: str
) -> None:
    def auth(request: Request) -> User:
        raise error

    done = await call(make(actions, auth), "test_auth#save", "x").finish()
    assert (done.status, done.text, done.headers["flightwire-error"]) == (status, says, kind)
    assert done.headers.get("retry-after") == ("5" if status == 429 else None)
    assert ran.calls == []


async def test_auth_that_fails_is_our_fault_and_tells_nothing(
    actions: list[Action[Any, Any]], ran: Ran, caplog: pytest.LogCaptureFixture
) -> None:
    def auth(request: Request) -> User:
        raise RuntimeError("postgres://user:secret@db is down")

    done = await call(make(actions, auth), "test_auth#save", "x").finish()
    assert done.status == 500
    assert "secret" not in done.text
    assert done.root["digest"] in caplog.text
    assert "secret" in caplog.text
    assert ran.calls == []


async def test_auth_may_set_cookies_on_answers_and_refusals(actions: list[Action[Any, Any]]) -> None:
    def auth(request: Request) -> User | None:
        request.response.set_cookie("seen", "1")
        return current_user(request)

    for headers in (SIGNED_IN, {}):
        done = await call(make(actions, auth), "test_auth#save", "x", headers=headers).finish()
        assert done.headers["set-cookie"].startswith("seen=1")


@pytest.mark.parametrize("forged", [{"id": 1, "name": "root"}, None, "root", 0])
async def test_a_user_is_never_filled_by_a_call(
    actions: list[Action[Any, Any]], ran: Ran, forged: object
) -> None:
    app = make(actions)
    done = await call(app, "test_auth#whoami", forged, "x", headers=SIGNED_IN).finish()
    assert done.status == 400
    assert (await call(app, "test_auth#whoami", forged).finish()).status == 401
    assert ran.calls == []


async def test_a_kind_of_user_that_somebody_is_not_is_forbidden(ran: Ran) -> None:
    @action
    async def purge(admin: Admin) -> str:
        ran.calls.append(admin)
        return admin.name

    def auth(request: Request) -> User | Admin | None:
        return Admin(1, "root") if "admin" in request.cookies else current_user(request)

    app = make([purge], auth)
    assert (await call(app, "test_auth#purge", headers={"cookie": "admin=1"}).finish()).root == "root"
    done = await call(app, "test_auth#purge", headers=SIGNED_IN).finish()
    assert (done.status, len(ran.calls)) == (403, 1)


async def test_classes_derived_from_users_and_their_bases_are_no_arguments_either(ran: Ran) -> None:
    """Otherwise a page could send an administrator of its own making."""

    @action
    async def purge(admin: Admin) -> str:
        return admin.name

    app = make([purge])
    assert list(purge.schema.injected) == ["admin"]
    assert (
        await call(app, "test_auth#purge", {"id": 1, "name": "root"}, headers=SIGNED_IN).finish()
    ).status == 403

    @action
    async def show(user: User) -> str:
        return user.name

    def admins(request: Request) -> Admin | None:
        return Admin(1, "root")

    assert (await call(make([show], admins), "test_auth#show").finish()).root == "root"


@pytest.mark.parametrize(
    "annotation",
    [
        User,
        User | None,
        Optional[User],  # noqa: UP045 - as people write it
        Annotated[User, "x"],
        "User",
        "User | None",
        "Missing | User",
        "models.User",
    ],
)
async def test_a_user_is_known_however_it_is_written(annotation: Any) -> None:
    Auth(current_user)

    async def f(word: str, *, user): ...

    f.__annotations__ = {"word": "str", "user": annotation}
    made = action(f)
    assert made.schema.bind(["x"]) == (["x"], {})
    assert made.schema.injected["user"].kind == "user"


async def test_an_action_that_asks_for_a_user_needs_an_app_with_auth(actions: list[Action[Any, Any]]) -> None:
    Auth(current_user)
    with pytest.raises(InvalidArgumentError, match=r"'whoami' asks for a user.*auth=current_user"):
        flightwire.app(actions=actions)


async def test_a_provider_that_asks_for_a_user_needs_an_app_with_auth() -> None:
    Auth(current_user)

    def get_name(user: User) -> str:
        return user.name

    @action
    async def f(name: Annotated[str, Provide(get_name)]) -> str:
        return name

    with pytest.raises(InvalidArgumentError, match=r"'f' asks for a user"):
        flightwire.app(actions=[f])
    assert (await call(make([f]), "test_auth#f", headers=SIGNED_IN).finish()).root == "Ada"
    assert (await call(make([f]), "test_auth#f").finish()).status == 401


@pytest.mark.parametrize("auth", [5, "current_user", lambda: None, lambda a, b: None])
def test_an_auth_that_cannot_be_called_with_a_request_is_refused(auth: object) -> None:
    with pytest.raises(InvalidArgumentError, match="auth"):
        Auth(auth)  # type: ignore[arg-type]


def test_types_that_anything_may_be_of_are_no_users() -> None:
    def text(request: object) -> str | None: ...
    def table(request: object) -> dict[str, Any]: ...
    def unknown(request): ...
    def anything(request: object) -> Any: ...
    def two(request: object) -> Admin | Robot | None: ...
    async def model(request: object) -> Robot | None: ...

    assert [Auth(fn).types for fn in (text, table, unknown, anything)] == [()] * 4
    assert Auth(two).types == (Admin, Robot)
    assert Auth(model).types == (Robot,)


def test_an_annotation_that_is_not_there_at_run_time_gets_a_letter() -> None:
    def auth(request: object) -> Nowhere: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(InvalidArgumentError, match="outside `if TYPE_CHECKING:`"):
        Auth(auth)


@pytest.mark.parametrize(
    ("user", "text"),
    [
        (None, None),
        ("ada", "ada"),
        (7, "7"),
        (UUID(int=5), str(UUID(int=5))),
        (User(7, "Ada"), "7"),
        (Robot(id="r2"), "r2"),
        ({"id": 9, "name": "x"}, "9"),
    ],
)
def test_a_user_has_a_text(user: object, text: str | None) -> None:
    assert Auth().text_of(user) == text


@pytest.mark.parametrize("user", [object(), {}, {"id": None}, User(None, "x"), True, "", Robot(id="")])  # type: ignore[arg-type]
def test_users_that_cannot_be_told_apart_get_a_letter(user: object) -> None:
    with pytest.raises(InvalidArgumentError, match="seal_user="):
        Auth().text_of(user)


def test_seal_user_says_what_stands_for_a_user() -> None:
    assert Auth(current_user, user_text=lambda user: user.name).text_of(User(7, "Ada")) == "Ada"


class Profile(TypedDict):
    id: str


async def test_a_user_may_be_a_typed_dict() -> None:
    def auth(request: Request) -> Profile | None:
        return {"id": "ada"} if request.cookies else None

    @action
    async def f(profile: Profile) -> str:
        return profile["id"]

    app = make([f], auth)
    assert (await call(app, "test_auth#f", headers=SIGNED_IN).finish()).root == "ada"
    assert (await call(app, "test_auth#f", {"id": "root"}).finish()).status == 401


async def test_starlettes_request_is_the_same_object() -> None:
    seen = []

    def auth(request: HTTPConnection) -> User:
        seen.append(request)
        return User(1, "x")

    @action
    async def f(request: StarletteRequest, ours: Request) -> bool:
        seen.extend([request, ours])
        return isinstance(request, flightwire.Request)

    assert (await call(make([f], auth), "test_auth#f").finish()).root is True
    assert seen[0] is seen[1] is seen[2]


async def test_callers_from_python_get_the_refusal_as_its_class(
    actions: list[Action[Any, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with ActionClient(make(actions)) as client:
        with pytest.raises(UnauthorizedError, match="signed in"):
            await client.call("test_auth#save", "x")
        assert await client.call("test_auth#save", "x", cookies={"name": "Ada"}) == "x"


# --- auth.py in the app folder -----------------------------------------------------------------------------------

AUTH = """
from dataclasses import dataclass
from flightwire import Request

@dataclass
class User:
    name: str

async def current_user(request: Request) -> User | None:
    return User(request.cookies["name"]) if "name" in request.cookies else None
"""
ACTIONS = """
from flightwire import action
from .auth import User

@action
async def whoami(user: User) -> str:
    return user.name
"""
PLAIN = "from flightwire import action\n@action\ndef f() -> int: return 1"


def folder_with(tmp_path: Path, **files: str) -> Path:
    folder = tmp_path / "app"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("mode", ["development", "production"])
async def test_an_app_folder_says_itself_who_calls(tmp_path: Path, mode: Any) -> None:
    """Nobody writes flightwire.app(…, auth=…) for what `flightwire dev app/` serves."""
    app = flightwire.app(folder_with(tmp_path, auth=AUTH, actions=ACTIONS), mode=mode)
    assert (await call(app, "actions#whoami", headers={"cookie": "name=Ada"}).finish()).root == "Ada"
    assert (await call(app, "actions#whoami").finish()).status == 401
    assert (await call(app, "actions#nothing").finish()).status == 401


async def test_an_app_that_is_given_auth_asks_that(tmp_path: Path) -> None:
    folder = folder_with(
        tmp_path,
        auth="raise SystemExit",
        actions=PLAIN,
    )
    app = flightwire.app(folder, auth=current_user, mode="production")
    assert (await call(app, "actions#f", headers=SIGNED_IN).finish()).root == 1
    assert (await call(app, "actions#f").finish()).status == 401


async def test_an_auth_py_that_fails_keeps_everybody_out(tmp_path: Path) -> None:
    for broken in ("1 / 0", "current_user = 5", "def current_user(): ..."):
        app = flightwire.app(folder_with(tmp_path, auth=broken, actions=PLAIN), mode="production")
        assert app.load_error is not None
        assert "auth.py" in str(app.load_error)
        assert (await call(app, "actions#f").finish()).status == 500


async def test_a_changed_auth_py_counts_from_the_next_call(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, auth=AUTH, actions=ACTIONS)
    app = flightwire.app(folder, mode="development")
    folder_with(tmp_path, auth=AUTH.replace('"name"', '"other"'))
    app.reload()
    assert (await call(app, "actions#whoami", headers={"cookie": "name=Ada"}).finish()).status == 401
    assert (await call(app, "actions#whoami", headers={"cookie": "other=Bob"}).finish()).root == "Bob"


async def test_an_action_that_asks_for_a_user_of_an_app_without_auth_says_where(tmp_path: Path) -> None:
    Auth(current_user)
    actions = f"from flightwire import action\nfrom {__name__} import User\n\n@action\nasync def f(user: User): ...\n"
    app = flightwire.app(folder_with(tmp_path, actions=actions), mode="production")
    assert "actions.py, line 4" in str(app.load_error) or "actions.py:4" in str(app.load_error)
