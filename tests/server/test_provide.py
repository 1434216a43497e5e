"""What actions are given by `Provide`: made once per call, cleaned up on every ending, never by the browser."""

import asyncio
import contextvars
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import pytest

import flightwire
from flightwire import Action, Provide, Request, UserError, action, after, create_streamable_value, start_soon
from flightwire.actions.registry import ActionRegistry
from flightwire.errors import InvalidArgumentError

from .asgi import call

if TYPE_CHECKING:
    from nowhere import Db

pytestmark = pytest.mark.anyio


@dataclass
class Store:
    """Something that a page could also send, were it an argument."""

    name: str = "real"


class Log(list[str]):
    pass


@pytest.fixture
def log() -> Log:
    return Log()


def app_of(*actions: Action[..., Any], **options: Any) -> Any:
    return flightwire.app(actions=actions, **{"mode": "production", **options})


def get_store() -> Store:
    return Store()


async def get_store_later() -> Store:
    return Store("later")


class StoreFactory:
    def __call__(self, request: Request) -> Store:
        return Store(request.headers["host"])


@pytest.mark.parametrize(
    ("provide", "name"),
    [
        (Provide(get_store), "real"),
        (Provide(get_store_later), "later"),
        (Provide(lambda: Store("lambda")), "lambda"),
        (Provide(Store), "real"),
        (Provide(StoreFactory()), "localhost:3000"),
        (Provide(lambda: get_store_later()), "later"),  # noqa: PLW0108 - a plain function that gives a coroutine
    ],
)
async def test_functions_of_every_kind_provide(provide: Provide, name: str) -> None:
    async def f(word: str, store) -> str:
        return f"{word} {store.name}"

    f.__annotations__["store"] = Annotated[Store, provide]
    app = app_of(action(f))
    assert (await call(app, "test_provide#f", "x").finish()).root == f"x {name}"
    assert (await call(app, "test_provide#f", "x", {"name": "forged"}).finish()).status == 400


async def test_a_sync_action_and_sync_providers_run_in_threads() -> None:
    threads = set()

    def get() -> int:
        threads.add(threading.get_ident())
        return 1

    @action
    def f(number: Annotated[int, Provide(get)]) -> int:
        threads.add(threading.get_ident())
        return number

    assert (await call(app_of(f), "test_provide#f").finish()).root == 1
    assert threading.get_ident() not in threads


async def test_providers_ask_for_others_and_each_is_made_once_per_call() -> None:
    made = []

    async def base(request: Request) -> AsyncIterator[int]:
        made.append(request.headers["host"])
        yield len(made)

    def left(base: Annotated[int, Provide(base)]) -> int:
        return base

    async def right(base: Annotated[int, Provide(base)], step: int = 10) -> int:
        return base + step

    @action
    async def f(
        a: Annotated[int, Provide(left)], b: Annotated[int, Provide(right)], c: Annotated[int, Provide(base)]
    ) -> list[int]:
        return [a, b, c]

    app = app_of(f)
    assert (await call(app, "test_provide#f").finish()).root == [1, 11, 1]
    assert (await call(app, "test_provide#f").finish()).root == [2, 12, 2]


# --- endings -----------------------------------------------------------------------------------------------------


def resource(log: Log, name: str, *, is_async: bool) -> Any:
    async def asynchronous() -> AsyncIterator[str]:
        log.append(f"open {name}")
        try:
            yield name
            log.append(f"commit {name}")
        except BaseException as error:
            log.append(f"roll back {name}: {type(error).__name__}")
            raise
        finally:
            log.append(f"close {name}")

    def synchronous() -> Iterator[str]:
        log.append(f"open {name}")
        try:
            yield name
            log.append(f"commit {name}")
        except BaseException as error:
            log.append(f"roll back {name}: {type(error).__name__}")
            raise
        finally:
            log.append(f"close {name}")

    return asynchronous if is_async else synchronous


def using(log: Log, is_async: bool, body: Any) -> Action[..., Any]:
    first, second = resource(log, "a", is_async=is_async), resource(log, "b", is_async=not is_async)

    async def f(a, b) -> object:
        return await body()

    f.__annotations__ = {"a": Annotated[str, Provide(first)], "b": Annotated[str, Provide(second)]}
    return action(f)


@pytest.mark.parametrize("is_async", [True, False])
async def test_after_success_the_last_is_cleaned_up_first(log: Log, is_async: bool) -> None:
    async def body() -> str:
        after(log.append, "after")
        return "ok"

    done = await call(app_of(using(log, is_async, body)), "test_provide#f").finish()
    assert done.root == "ok"
    assert log == ["open a", "open b", "after", "commit b", "close b", "commit a", "close a"]


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_failure_is_raised_where_the_providers_stand(
    log: Log, is_async: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> str:
        raise ValueError("no")

    done = await call(app_of(using(log, is_async, body)), "test_provide#f").finish()
    assert done.status == 500
    rolled_back = [f"roll back {name}: ValueError" for name in "ba"]
    assert [line for line in log if line.startswith("roll")] == rolled_back
    assert log[-1] == "close a"
    assert "cleaned up" not in caplog.text


async def test_a_result_that_cannot_be_sent_is_a_failure_too(log: Log) -> None:
    async def body() -> object:
        return object()

    await call(app_of(using(log, True, body)), "test_provide#f").finish()
    assert "roll back a: EncodeError" in log


@pytest.mark.parametrize("is_async", [True, False])
async def test_when_the_client_goes_away_everything_is_given_back(log: Log, is_async: bool) -> None:
    async def body() -> str:
        log.append("runs")
        await asyncio.Event().wait()
        return ""

    running = call(app_of(using(log, is_async, body)), "test_provide#f")
    await running.until(lambda _: "runs" in log)
    running.leave()
    await running.finish()
    assert [line for line in log if line.startswith("roll")] == [
        "roll back b: CancelledError",
        "roll back a: CancelledError",
    ]


async def test_a_client_that_leaves_while_something_is_made(log: Log) -> None:
    is_waiting = asyncio.Event()

    async def slow(first: Annotated[str, Provide(resource(log, "a", is_async=True))]) -> AsyncIterator[int]:
        is_waiting.set()
        await asyncio.Event().wait()
        yield 1

    @action
    async def f(value: Annotated[int, Provide(slow)]) -> int:
        log.append("ran")
        return value

    running = call(app_of(f), "test_provide#f")
    await is_waiting.wait()
    running.leave()
    await running.finish()
    assert log == ["open a", "roll back a: CancelledError", "close a"]


async def test_a_server_that_stops_cleans_up(log: Log) -> None:
    async def body() -> str:
        log.append("runs")
        await asyncio.Event().wait()
        return ""

    running = call(app_of(using(log, True, body)), "test_provide#f")
    await running.until(lambda _: "runs" in log)
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    assert log[-1] == "close a"


async def test_what_streams_on_may_use_what_was_provided(log: Log) -> None:
    async def body() -> object:
        stream = create_streamable_value()

        async def pump() -> None:
            async with stream:
                await asyncio.sleep(0)
                log.append("streams")
                stream.update("x")

        start_soon(pump)
        return stream.value

    done = await call(app_of(using(log, True, body)), "test_provide#f").finish()
    assert done.status == 200
    assert log.index("streams") < log.index("commit b")


async def test_background_work_that_outlives_the_response_still_has_it(log: Log) -> None:
    async def body() -> str:
        async def work() -> None:
            await asyncio.sleep(0.02)
            log.append("worked")

        start_soon(work)
        return "ok"

    await call(app_of(using(log, True, body)), "test_provide#f").finish()
    assert log.index("worked") < log.index("commit b")


async def test_the_time_limit_holds_while_something_is_made() -> None:
    async def slow() -> int:
        await asyncio.Event().wait()
        return 1

    @action(max_duration_s=0.05)
    async def f(value: Annotated[int, Provide(slow)]) -> int:
        return value

    assert (await call(app_of(f), "test_provide#f").finish()).status == 500


async def test_what_is_held_across_the_yield_is_left_where_it_was_entered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Time-outs and task groups may only be left by the task that entered them, context variables only in their context."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")

    async def get() -> AsyncIterator[str]:
        token = variable.set("inside")
        async with asyncio.TaskGroup(), asyncio.timeout(60):
            yield "x"
        variable.reset(token)

    @action
    async def f(value: Annotated[str, Provide(get)]) -> str:
        return variable.get()

    assert (await call(app_of(f), "test_provide#f").finish()).root == "inside"
    assert caplog.text == ""


# --- failures ----------------------------------------------------------------------------------------------------


async def test_a_provider_that_fails_is_a_failed_action(log: Log) -> None:
    def broken(a: Annotated[str, Provide(resource(log, "a", is_async=False))]) -> int:
        raise UserError("The shop is closed.")

    @action
    async def f(value: Annotated[int, Provide(broken)]) -> int:
        return value

    done = await call(app_of(f), "test_provide#f").finish()
    assert done.root["digest"] == "user:The shop is closed."
    assert log == ["open a", "roll back a: UserError", "close a"]


@pytest.mark.parametrize("is_generator", [True, False])
async def test_a_provider_cannot_end_the_server(is_generator: bool) -> None:
    async def generator() -> AsyncIterator[int]:
        raise SystemExit(3)
        yield 1

    async def function() -> int:
        raise SystemExit(3)

    async def f(value) -> int:
        return value

    f.__annotations__ = {"value": Annotated[int, Provide(generator if is_generator else function)]}
    assert (await call(app_of(action(f)), "test_provide#f").finish()).status == 500


async def test_clean_up_that_fails_is_reported_and_stops_nobody(
    log: Log, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(a: Annotated[str, Provide(resource(log, "a", is_async=True))]) -> AsyncIterator[int]:
        yield 1
        raise OSError("cannot commit")

    @action
    async def f(value: Annotated[int, Provide(broken)]) -> int:
        return value

    assert (await call(app_of(f), "test_provide#f").finish()).root == 1
    assert log[-2:] == ["commit a", "close a"]
    assert "Provide(broken) failed while it cleaned up" in caplog.text


@pytest.mark.parametrize("is_async", [True, False])
async def test_a_provider_yields_once(is_async: bool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)

    async def twice() -> AsyncIterator[int]:
        yield 1
        yield 2

    def twice_sync() -> Iterator[int]:
        yield 1
        yield 2

    async def never() -> AsyncIterator[int]:
        if caplog is None:
            yield 1

    async def f(value) -> int:
        return value

    f.__annotations__ = {"value": Annotated[int, Provide(twice if is_async else twice_sync)]}
    assert (await call(app_of(action(f)), "test_provide#f").finish()).root == 1
    assert "a provider yields once" in caplog.text
    f.__annotations__ = {"value": Annotated[int, Provide(never)]}
    assert (await call(app_of(action(f)), "test_provide#f").finish()).status == 500
    assert "yielded nothing" in caplog.text


# --- letters when the app is loaded --------------------------------------------------------------------------------


def _needs_argument(name): ...


def _circle(x: Annotated[int, Provide(lambda: 1)]) -> int:
    return x


def _circle_other(x) -> int:
    return x


_circle.__annotations__ = {"x": Annotated[int, Provide(_circle_other)]}
_circle_other.__annotations__ = {"x": Annotated[int, Provide(_circle)]}


class Depends:
    """Looks like FastAPI's."""

    def __init__(self, fn: object) -> None:
        self.fn = fn


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        (Annotated[int, Provide(_needs_argument)], r"'name' of Provide\(_needs_argument\)"),
        (Annotated[int, Provide(_circle)], r"Provide\(_circle\w*\) asks for itself"),
        (list[Annotated[Store, Provide(get_store)]], "stands inside another type"),
        (Annotated[Store, Depends(get_store)], "another framework's"),
        ("Annotated[Db, Provide(get_db)]", r"Provide\(get_db\) names something that is not there"),
        (Annotated[int, Provide(dict.fromkeys)], r"Provide\(fromkeys\)"),
        (Annotated[int, Provide(dict)], r"Provide\(dict\) has no signature"),
    ],
)
def test_what_no_app_could_supply_gets_a_letter(annotation: Any, says: str) -> None:
    async def f(x): ...

    f.__annotations__ = {"x": annotation}
    with pytest.raises(InvalidArgumentError, match=says) as caught:
        ActionRegistry.of([action(f)])
    assert "'f'" in str(caught.value)


def test_a_default_of_another_framework_gets_a_letter() -> None:
    async def f(store: Store = Depends(get_store)): ...  # type: ignore[assignment] # noqa: B008

    with pytest.raises(InvalidArgumentError, match=r"'store' of action 'f'.*Annotated"):
        ActionRegistry.of([action(f)])


@pytest.mark.parametrize("fn", [5, "get_db", None])
def test_provide_takes_a_function(fn: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="without calling it"):
        Provide(fn)


async def test_types_that_are_only_there_for_the_type_checker_do_not_matter() -> None:
    @action
    async def f(
        word: str, db: "Annotated[Db, Provide(get_store)]", maybe: "Annotated[Db | None, Provide(get_store)]"
    ):
        return [word, db.name, maybe.name]

    assert (await call(app_of(f), "test_provide#f", "x").finish()).root == ["x", "real", "real"]
    assert (await call(app_of(f), "test_provide#f", "x", {"name": "y"}).finish()).status == 400


def test_python_calls_it_as_it_was_written() -> None:
    @action
    def f(word: str, store: Annotated[Store, Provide(get_store)]) -> str:
        return word + store.name

    assert f("x", Store("y")) == "xy"
    assert f.bind("x")(Store("y")) == "xy"
    assert repr(Provide(get_store)) == "Provide(get_store)"
