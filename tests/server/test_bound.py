"""`save.bind(id)`: sealed on the way out, checked on the way back, a partial in Python."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel

import flightwire
from flightwire import Action, BoundAction, Request, SealError, action, create_streamable_value, start_soon
from flightwire.actions.bound import MAX_BOUND_BYTES
from flightwire.errors import ArgumentError, DecodeError, EncodeError, InvalidArgumentError
from flightwire.testing import ActionClient
from flightwire.wire.flight.values import BigInt, File, JSMap, ServerReference

from .asgi import call

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class Item:
    id: int
    created_at: datetime


class Order(BaseModel):
    item_ids: list[int]


calls: list[tuple[object, ...]] = []


@pytest.fixture(autouse=True)
def forget_calls() -> None:
    calls.clear()


@action
async def save(item_id: str, text: str = "", *more: int) -> str:
    calls.append((item_id, text, *more))
    return f"{item_id}:{text}"


@action
async def remove(item_id: str) -> str:
    calls.append(("delete", item_id))
    return item_id


@action
async def ship(
    item: Item, order: Order, when: datetime, size: int, blob: bytes, names: dict[str, int]
) -> list[object]:
    calls.append((item, order, when, size, blob, names))
    return [item.created_at == when, order.item_ids, size, blob.decode(), names]


@action
async def run(callback: Action[..., Any], text: str) -> str:
    return str(await callback(text))


@action
async def give(kind: str) -> object:
    bound: dict[str, object] = {
        "one": save.bind("7"),
        "twice": save.bind("7").bind("hi"),
        "none": save.bind(),
        "many": save.bind("7", "hi", 1, 2),
        "typed": ship.bind(Item(1, NOON), Order(item_ids=[1, 2]), NOON),
        "binary": ship.bind(Item(1, NOON), Order(item_ids=[]), NOON, 5, b"\x00\xff", JSMap([("a", 1)])),
        "action": run.bind(save.bind("7")),
        "delete": remove.bind("7"),
        "object": save.bind(object()),
        "huge": save.bind("x" * MAX_BOUND_BYTES),
        "unserved": action(unserved).bind("x"),
    }
    return {"fn": bound[kind]}


async def unserved(text: str) -> None: ...


@action
async def stream_a_bound_action_that_cannot_be_sent() -> object:
    source = create_streamable_value()

    async def pump() -> None:
        async with source:
            source.update("fine")
            source.update(save.bind(object()))

    start_soon(pump)
    return source.value


@dataclass
class User:
    id: str


def current_user(request: Request) -> User | None:
    return User(request.cookies["user"]) if "user" in request.cookies else None


ACTIONS = [save, remove, ship, run, give, stream_a_bound_action_that_cannot_be_sent]


def make(**options: Any) -> Any:
    return flightwire.app(actions=ACTIONS, mode="production", **options)


@pytest.fixture
async def client() -> Any:
    async with ActionClient(make()) as client:
        yield client


async def reference(client: ActionClient, kind: str, **options: Any) -> ServerReference:
    given = await client.call(give, kind, **options)
    return given["fn"]


# --- there and back ----------------------------------------------------------------------------------------------


async def test_the_browser_gets_a_function_with_one_sealed_argument(client: ActionClient) -> None:
    bound = await reference(client, "one")
    assert bound.id == "test_bound#save.bound"
    assert bound.bound is not None
    assert [type(each) for each in bound.bound] == [str]
    assert "7" not in json.dumps(bound.bound) or len(str(bound.bound[0])) > 60


@pytest.mark.parametrize(
    ("kind", "arguments", "called"),
    [
        ("one", ["hi"], ("7", "hi")),
        ("one", [], ("7", "")),
        ("twice", [], ("7", "hi")),
        ("none", ["8", "x"], ("8", "x")),
        ("many", [3], ("7", "hi", 1, 2, 3)),
    ],
)
async def test_bound_arguments_come_first(
    client: ActionClient, kind: str, arguments: list[object], called: tuple[object, ...]
) -> None:
    await client.call(await reference(client, kind), *arguments)
    assert calls == [called]


async def test_what_the_annotations_say_is_what_the_action_gets(client: ActionClient) -> None:
    fn = await reference(client, "typed")
    assert await client.call(fn, BigInt(5) and 5, b"x", {"a": 1}) == [True, [1, 2], 5, "x", {"a": 1}]
    item, order, *_ = calls[0]
    assert item == Item(1, NOON)
    assert order == Order(item_ids=[1, 2])


async def test_bytes_and_maps_are_sealed_too(client: ActionClient) -> None:
    with pytest.raises(Exception, match="failed"):  # b"\xff" is no text, so the action has run
        await client.call(await reference(client, "binary"))
    assert calls[0][3:] == (5, b"\x00\xff", {"a": 1})


async def test_a_bound_action_can_be_bound_itself(client: ActionClient) -> None:
    assert await client.call(await reference(client, "action"), "hello") == "7:hello"
    assert calls == [("7", "hello")]


async def test_a_bound_action_can_be_handed_back_as_an_argument(client: ActionClient) -> None:
    assert await client.call(run, await reference(client, "one"), "hi") == "7:hi"
    assert await client.call(run, save, "hi") == "hi:"
    assert (
        await client.call(run, ServerReference("test_bound#save", ["9"]), "hi") == "9:hi"
    )  # bound by the browser
    extended = await reference(client, "one")
    more = ServerReference(extended.id, [*(extended.bound or ()), 5])  # bound further by the browser
    with pytest.raises(ArgumentError, match="text: expected text, got 5"):
        await client.call(run, more, "hi")
    assert len(calls) == 3


# --- what does not come back -------------------------------------------------------------------------------------


def forged(token: str) -> list[str]:
    middle = len(token) // 2
    flipped = "A" if token[middle] != "A" else "B"
    return [
        token[:middle] + flipped + token[middle + 1 :],
        token[:-1],
        token + "A",
        "",
        "x",
        token.swapcase(),
        token[:40],
    ]


async def refused(
    app: Any, id: str, *arguments: object, headers: dict[str, str] | None = None
) -> tuple[int, str, str]:
    done = await call(app, id, *arguments, headers=headers).finish()
    return done.status, done.headers.get("flightwire-error", ""), done.text


UNIFORM = (400, "SealError", str(SealError()))


async def token_of(app: Any, kind: str, headers: dict[str, str] | None = None) -> str:
    done = await call(app, "test_bound#give", kind, headers=headers).finish()
    found = [line for line in done.text.splitlines() if line[2:4] == '["']
    return str(json.loads(found[0][2:])[0])


async def test_what_was_changed_is_refused_and_says_nothing_else() -> None:
    app = make()
    token = await token_of(app, "one")
    assert (await call(app, "test_bound#save.bound", token, "hi").finish()).root == "7:hi"
    calls.clear()
    for each in [*forged(token), None, 5, [token], {"a": token}]:
        assert await refused(app, "test_bound#save.bound", each, "hi") == UNIFORM
    assert await refused(app, "test_bound#save.bound") == UNIFORM
    assert calls == []


async def test_what_was_sealed_for_another_action_is_refused() -> None:
    app = make()
    assert await refused(app, "test_bound#remove.bound", await token_of(app, "one")) == UNIFORM
    assert await refused(app, "test_bound#save.bound", await token_of(app, "delete")) == UNIFORM
    assert calls == []


async def test_what_was_sealed_for_another_user_is_refused() -> None:
    app = make(auth=current_user)
    ada, bob = {"cookie": "user=ada"}, {"cookie": "user=bob"}
    token = await token_of(app, "one", ada)
    assert (await call(app, "test_bound#save.bound", token, headers=ada).finish()).status == 200
    assert await refused(app, "test_bound#save.bound", token, headers=bob) == UNIFORM
    assert (await call(app, "test_bound#save.bound", token).finish()).status == 401


async def test_what_was_sealed_by_another_app_is_refused() -> None:
    assert await refused(make(), "test_bound#save.bound", await token_of(make(), "one")) == UNIFORM


async def test_what_is_too_old_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make(seal_lifetime_s=100)
    token = await token_of(app, "one")
    now = time.time()
    monkeypatch.setattr(app.sealer, "_now", lambda: now + 99)
    assert (await call(app, "test_bound#save.bound", token).finish()).status == 200
    monkeypatch.setattr(app.sealer, "_now", lambda: now + 101)
    assert await refused(app, "test_bound#save.bound", token) == UNIFORM


async def test_keys_rotate_and_workers_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_SECRET_KEY", "a" * 32)
    token = await token_of(make(), "one")
    monkeypatch.setenv("FLIGHTWIRE_SECRET_KEY", "b" * 32 + "," + "a" * 32)
    both = make()
    assert (await call(both, "test_bound#save.bound", token).finish()).status == 200
    monkeypatch.setenv("FLIGHTWIRE_SECRET_KEY", "b" * 32)
    new = make()
    assert await refused(new, "test_bound#save.bound", token) == UNIFORM
    assert (await call(new, "test_bound#save.bound", await token_of(both, "one")).finish()).status == 200


async def test_a_plain_call_is_not_taken_for_a_bound_one() -> None:
    app = make()
    token = await token_of(app, "one")
    assert (await call(app, "test_bound#save", token, "hi").finish()).root == f"{token}:hi"


@pytest.mark.parametrize(
    "id", ["test_bound#nothing.bound", "test_bound#.bound", ".bound", "test_bound#save.bound.bound"]
)
async def test_an_id_that_does_not_exist_is_not_found(id: str) -> None:
    assert (await call(make(), id, "x").finish()).status == 404


async def test_sealed_arguments_are_still_checked() -> None:
    """What was sealed by an older version of the app may not fit the action of today."""
    app = make()
    token = app.sealer.seal("bound:test_bound#save", b"T[5]", user=None)
    status, kind, text = await refused(app, "test_bound#save.bound", token)
    assert (status, kind) == (400, "ArgumentError")
    assert "item_id: expected text" in text


@pytest.mark.parametrize(
    "payload", [b"", b"T", b"Tnot json", b"T\xff", b"X[]", b"P[1]", b'P[["0"]]', b"T{}", b'T["$h1"]']
)
async def test_a_payload_that_cannot_be_read_any_more_is_a_refusal(payload: bytes) -> None:
    app = make()
    token = app.sealer.seal("bound:test_bound#save", payload, user=None)
    status, kind, _ = await refused(app, "test_bound#save.bound", token)
    assert (status, kind) == (400, "DecodeError")


# --- actions as arguments ------------------------------------------------------------------------------------------


async def test_an_action_that_takes_no_functions_gets_none(client: ActionClient) -> None:
    with pytest.raises(DecodeError, match=r"'save', which takes none\. Annotate the parameter with Action"):
        await client.call(save, save)


async def test_unknown_actions_are_refused(client: ActionClient) -> None:
    for id in ("test_bound#nothing", "os#system", "test_bound#save.bound"):
        with pytest.raises((DecodeError, SealError)):
            await client.call(run, ServerReference(id), "x")
    with pytest.raises(ArgumentError, match="expected"):
        await client.call(run, "test_bound#save", "x")


async def test_arguments_that_the_browser_binds_are_checked(client: ActionClient) -> None:
    with pytest.raises(ArgumentError, match="item_id: expected text, got 5"):
        await client.call(run, ServerReference("test_bound#save", [5]), "x")
    assert calls == []


async def test_nobody_can_hand_over_an_action_that_he_may_not_call() -> None:
    @action(public=True)
    async def run_for_all(callback: Action[..., Any], text: str) -> str:
        return str(await callback(text))

    app = flightwire.app(actions=[run_for_all, save], auth=current_user)
    async with ActionClient(app) as client:
        with pytest.raises(DecodeError, match="does not exist"):
            await client.call("test_bound#runForAll", save, "x")
        assert calls == []
        assert await client.call("test_bound#runForAll", save, "x", cookies={"user": "ada"}) == "x:"


# --- what cannot be sent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("object", r"got it at result\['fn'\]\.bound\[0\]"),
        ("huge", "Bind an id"),
        ("unserved", "'unserved' is not served by any app"),
    ],
)
async def test_what_cannot_be_bound_gets_a_letter(
    kind: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with ActionClient(make()) as client:
        with pytest.raises(flightwire.RemoteError):
            await client.call(give, kind)
    assert __import__("re").search(says, caplog.text), caplog.text


async def test_a_streamed_value_that_cannot_be_bound_ends_its_stream_alone() -> None:
    done = await call(make(), "test_bound#streamABoundActionThatCannotBeSent").finish()
    assert done.status == 200
    assert '"fine"' in done.text
    assert "E{" in done.text


async def test_a_user_who_cannot_be_told_from_others_gets_nothing_sealed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def anonymous(request: Request) -> object:
        return object()

    done = await call(make(auth=anonymous), "test_bound#give", "one").finish()
    assert done.status == 500
    assert "seal_user=" in caplog.text


def test_outside_a_request_nothing_is_sealed() -> None:
    with pytest.raises(EncodeError, match="no request"):
        save.bind("x").to_server_reference()


# --- in Python -----------------------------------------------------------------------------------------------------


async def test_in_python_it_is_a_partial() -> None:
    assert await save.bind("7")("hi") == "7:hi"
    assert await save.bind("7")(text="hi") == "7:hi"
    assert await save.bind("7").bind("hi")() == "7:hi"
    assert await save.bind()("7") == "7:"


def test_what_the_server_fills_is_given_by_the_caller() -> None:
    @action
    def f(request: Request, a: str, b: str) -> tuple[object, ...]:
        return (request, a, b)

    @action
    def h(a: str, *rest: str, request: Request) -> tuple[object, ...]:
        return (a, *rest, request)

    @action
    def g(a: str, *, request: Request) -> tuple[object, ...]:
        return (a, request)

    assert f.bind("a")("request", "b") == ("request", "a", "b")  # type: ignore[arg-type]
    assert f.bind("a")(request="request", b="b") == ("request", "a", "b")  # type: ignore[call-arg]
    assert f.bind("a", "b")("request") == ("request", "a", "b")  # type: ignore[arg-type]
    assert h.bind("a", "b", "c")("d", request="request") == ("a", "b", "c", "d", "request")
    assert g.bind("a")(request="request") == ("a", "request")  # type: ignore[arg-type]


def test_more_than_the_action_takes_is_refused_at_once() -> None:
    with pytest.raises(InvalidArgumentError, match=r"takes 1 arguments.*2 are bound"):
        remove.bind("a", "b")
    with pytest.raises(InvalidArgumentError, match="at most 100"):
        save.bind(*"x" * 101)
    with pytest.raises(InvalidArgumentError, match="Serve the action itself"):
        flightwire.app(actions=[save.bind("x")])  # type: ignore[list-item]


SECRET = "sk-canary-secret"


def test_nothing_about_it_tells_what_is_bound(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bound = save.bind(SECRET, SECRET)
    logging.getLogger("x").info("%s %r %s", bound, bound, [bound])
    said = [
        repr(bound),
        str(bound),
        f"{bound}",
        f"{bound!r:>60}",
        f"{bound!r}",
        "{} {!r}".format(bound, bound),  # noqa: UP032
        caplog.text,
    ]
    assert not any(SECRET in each or "save(" in each or ".py" in each for each in said[:-1])
    assert SECRET not in caplog.text
    for dump in (pickle.dumps, json.dumps):
        with pytest.raises(TypeError) as caught:
            dump(bound)
        assert SECRET not in str(caught.value)
    assert copy.deepcopy(bound) is bound
    assert repr(bound) == "<action save, 2 bound>"
    assert isinstance(bound, BoundAction)
    assert bound.bind is not None
    assert File("a", "b", b"").filename == "a"
