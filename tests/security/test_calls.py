"""What strangers can reach: every action, from every origin, with anything."""

from __future__ import annotations

import asyncio
import copy
import json
import logging
import pickle
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

import flightwire
from flightwire import Action, Provide, Request, SealError, action, after, create_streamable_value, start_soon

from ..server.asgi import Exchange, call
from ..server.test_origin import MATRIX

pytestmark = pytest.mark.anyio

CANARY = "sk-canary-7f3a-postgres://root:hunter2@db"


@dataclass
class User:
    id: str


def current_user(request: Request) -> User | None:
    return User(request.cookies["user"]) if "user" in request.cookies else None


ran: list[object] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    ran.clear()


@action
async def change(word: str = "") -> str:
    ran.append(word)
    return "changed"


@action
def change_plainly(number: int, *more: str, user: User) -> None:
    ran.append(user)


@action
async def rename(request: Request, item: dict[str, str], owner: Annotated[str, Provide(lambda: "x")]) -> None:
    ran.append(item)


@action
async def give(user: User) -> object:
    return change.bind(f"of {user.id}")


ACTIONS: list[Action[..., Any]] = [change, change_plainly, rename, give]
IDS = [f"test_calls#{each.name}{bound}" for each in ACTIONS for bound in ("", ".bound")]


@pytest.mark.parametrize(("headers", "may"), [case[1:] for case in MATRIX], ids=[case[0] for case in MATRIX])
async def test_an_action_runs_for_its_own_origins_alone(headers: dict[str, str], may: bool) -> None:
    """The matrix of test_origin.py, through the app."""
    app = flightwire.app(
        actions=[change],
        mode="production",
        allowed_origins=["https://partner.example", "http://localhost:5173", "https://[::1]:8443"],
    )
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    sent = {"host": "app.example", "rsc-action-id": "test_calls#change", "content-type": "text/plain", **sent}
    scheme = "http" if "http page, https server" in sent else "https"
    exchange = Exchange(_with_scheme(app, scheme), headers=sent, body=b"[]")
    await exchange.finish()
    assert (exchange.status, len(ran)) == ((200, 1) if may else (403, 0))


def _with_scheme(app: Any, scheme: str) -> Any:
    async def wrapped(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await app({**scope, "scheme": scheme}, receive, send)

    return wrapped


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
async def test_an_action_runs_for_post_alone(method: str) -> None:
    app = flightwire.app(actions=[change], mode="production")
    await call(app, "test_calls#change", method=method).finish()
    assert ran == []


JUNK = [
    b"",
    b"{}",
    b"null",
    b'"$@0"',
    b'["$1:__proto__:then"]',
    b'[{"then":"$h1"}]',
    b"[" * 5000,
    b"[1e999]",
    b'["' + b"x" * 70_000 + b'"]',
    b"\xff\xfe",
    b'["a","b","c","d","e"]',
    b'[{"__class__":5}]',
]


@pytest.mark.parametrize("body", JUNK, ids=range(len(JUNK)))
@pytest.mark.parametrize("id", IDS)
async def test_nobody_calls_anything(id: str, body: bytes) -> None:
    app = flightwire.app(actions=ACTIONS, mode="production", auth=current_user)
    assert (await call(app, id, body=body).finish()).status == 401
    assert ran == []


@pytest.mark.parametrize("body", JUNK, ids=range(len(JUNK)))
async def test_junk_is_refused_and_never_a_fault_of_the_server(body: bytes) -> None:
    app = flightwire.app(actions=ACTIONS, mode="production", auth=current_user)
    for id in IDS:
        done = await call(app, id, body=body, headers={"cookie": "user=ada"}).finish()
        assert done.status == 200 if (ran and id.endswith("#change")) else 400 <= done.status < 500, (
            id,
            done.text,
        )
        ran.clear()


async def test_another_user_cannot_use_what_was_bound_for_one() -> None:
    app = flightwire.app(actions=ACTIONS, mode="production", auth=current_user)
    given = await call(app, "test_calls#give", headers={"cookie": "user=ada"}).finish()
    token = next(json.loads(line[2:])[0] for line in given.text.splitlines() if line[2:4] == '["')
    assert "ada" not in given.text
    stolen = await call(app, "test_calls#change.bound", token, headers={"cookie": "user=bob"}).finish()
    assert (stolen.status, stolen.text, ran) == (400, str(SealError()), [])
    own = await call(app, "test_calls#change.bound", token, headers={"cookie": "user=ada"}).finish()
    assert (own.status, ran) == (200, ["of ada"])


# --- secrets in errors ---------------------------------------------------------------------------------------------


class Broken:
    def __repr__(self) -> str:
        return CANARY

    def __str__(self) -> str:
        return CANARY


class BrokenError(Exception):
    def __str__(self) -> str:
        raise RuntimeError(CANARY)


def _failing_provider() -> str:
    raise ConnectionError(CANARY)


async def _failing_clean_up() -> AsyncIterator[str]:
    yield "x"
    raise ConnectionError(CANARY)


def _chained() -> None:
    try:
        raise ValueError(CANARY)
    except ValueError as error:
        raise RuntimeError("outer") from error


@action
async def leak(
    how: str,
    made: Annotated[str, Provide(_failing_clean_up)],
    number: int = 0,
) -> object:
    local_secret = CANARY  # noqa: F841 - stands in the frame of every traceback
    await asyncio.sleep(0)
    match how:
        case "raise":
            raise RuntimeError(CANARY)
        case "key error":
            return {}[CANARY]
        case "chain":
            _chained()
        case "notes":
            error = ValueError("x")
            error.add_note(CANARY)
            raise error
        case "group":
            raise ExceptionGroup(CANARY, [ValueError(CANARY), KeyError(CANARY)])
        case "base":
            raise BaseExceptionGroup(CANARY, [asyncio.CancelledError(CANARY)])
        case "exit":
            raise SystemExit(CANARY)
        case "cancelled":
            raise asyncio.CancelledError(CANARY)
        case "generator exit":
            raise GeneratorExit(CANARY)
        case "stop":
            raise StopAsyncIteration(CANARY)
        case "str":
            raise BrokenError
        case "name":
            raise type(CANARY, (Exception,), {})
        case "object":
            return Broken()
        case "inside":
            return {"a": [Broken()]}
        case "key":
            return {Broken(): 1}
        case "exception":
            return ValueError(CANARY)
        case "class":
            return Broken
        case "lambda":
            return lambda: CANARY
        case "module":
            return json
        case "naive":
            return {"a": float, "b": CANARY[:0]}
        case "promise":
            return {"later": _later()}
        case "iterator":
            return _items()
        case "stream":
            return _stream()
        case "stream error":
            source = create_streamable_value()
            source.error(RuntimeError(CANARY))
            return source.value
        case "background":
            start_soon(_later)
        case "after":
            after(_raise)
        case "bound":
            return change.bind(Broken())  # type: ignore[arg-type]
        case "timeout":
            await asyncio.sleep(60)
    return "ok"


async def _later() -> str:
    await asyncio.sleep(0)
    raise RuntimeError(CANARY)


def _raise() -> None:
    raise RuntimeError(CANARY)


async def _items() -> AsyncIterator[str]:
    yield "one"
    raise RuntimeError(CANARY)


def _stream() -> object:
    source = create_streamable_value()

    async def pump() -> None:
        async with source:
            source.update("one")
            raise RuntimeError(CANARY)

    start_soon(pump)
    return source.value


@action
async def leak_provider(made: Annotated[str, Provide(_failing_provider)]) -> str:
    return made


LEAKS = """raise, key error, chain, notes, group, base, exit, cancelled, generator exit, stop, str, name, object, inside,
key, exception, class, lambda, module, naive, promise, iterator, stream, stream error, background, after, bound, timeout"""


@pytest.mark.parametrize("how", [each.strip() for each in LEAKS.split(",")])
async def test_no_error_path_tells_the_page_a_secret(how: str, caplog: pytest.LogCaptureFixture) -> None:
    app = flightwire.app(actions=[leak, change], mode="production", max_duration_s=0.3)
    done = await call(app, "test_calls#leak", how).finish()
    said = repr(done.messages)
    assert not any(
        part in said for part in ("canary", "hunter2", ".py", "Traceback", "local_secret", "/srv", "root:")
    )
    assert done.messages[-1].get("more_body", False) is False
    again = await call(app, "test_calls#change").finish()
    assert again.status == 200  # the server lives


async def test_a_digest_in_the_page_finds_the_story_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    app = flightwire.app(actions=[leak], mode="production")
    done = await call(app, "test_calls#leak", "raise").finish()
    assert done.root["digest"] in caplog.text
    assert CANARY in caplog.text


async def test_providers_auth_and_arguments_tell_nothing_either() -> None:
    def broken(request: Request) -> User:
        raise ConnectionError(CANARY)

    for app, id, arguments in (
        (flightwire.app(actions=[leak_provider], mode="production"), "leakProvider", []),
        (flightwire.app(actions=[change], mode="production", auth=broken), "change", []),
        (flightwire.app(actions=[change], mode="production"), "change", [{"secret": CANARY}]),
        (flightwire.app(actions=[change], mode="production"), "change.bound", [CANARY]),
        (flightwire.app(actions=[change], mode="production"), "nothing", [CANARY]),
    ):
        done = await call(app, f"test_calls#{id}", *arguments).finish()
        assert done.status >= 400
        assert "canary" not in repr(done.messages)


# --- what is said about actions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shown", [change, change_plainly, change.bind(CANARY)], ids=["async", "plain", "bound"]
)
def test_nothing_about_an_action_shows_source_paths_or_what_is_bound(
    shown: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("app").info("%s %r %s", shown, shown, {"a": [shown]})
    said = [
        str(shown),
        repr(shown),
        f"{shown}",
        f"{shown!s:>60}",
        f"{[shown]}",
        "{} {!r}".format(shown, shown),  # noqa: UP032
    ]
    said.append(caplog.records[0].getMessage())
    with pytest.raises(TypeError) as not_json:
        json.dumps(shown)
    with pytest.raises(TypeError) as not_pickled:
        pickle.dumps(shown)
    with pytest.raises(TypeError):
        vars(shown)
    said += [str(not_json.value), str(not_pickled.value)]
    assert not any(part in each for each in said for part in (CANARY, ".py", "def ", "0x", "/"))
    assert copy.deepcopy(shown) is shown
