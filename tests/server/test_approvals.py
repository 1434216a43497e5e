"""Approving a tool call from a page: through the whole app, with its users and its key."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import flightwire
from flightwire import Approvals, RemoteError, Request, action, generate_text, tool
from flightwire.testing import ActionClient, ScriptedModel, tool_call

pytestmark = pytest.mark.anyio

ran: list[str] = []


@dataclass
class User:
    id: str


def current_user(request: Request) -> User | None:
    name = request.headers.get("x-user")
    return User(name) if name else None


@tool(needs_approval=True)
async def delete(path: str) -> str:
    ran.append(path)
    return "deleted"


@action
async def chat(messages: list[Any], chat_id: str) -> list[Any]:
    """Go on with a conversation that the page keeps."""
    result = await generate_text(messages=messages, tools=[delete], approvals=Approvals(scope=chat_id))
    return [message.to_json() for message in result.response_messages]


@pytest.fixture
async def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[ActionClient]:
    """A page, and a model that wants to delete something once and is content after that."""
    ran.clear()
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/chats.db")
    monkeypatch.setenv("FLIGHTWIRE_SECRET_KEY", "k" * 40)
    model = ScriptedModel(
        lambda call: ["Done."] if call.messages[-1].role == "tool" else [tool_call("delete", path="/tmp/a")]
    )
    async with worker(model) as client:
        yield client


@asynccontextmanager
async def worker(model: ScriptedModel) -> AsyncIterator[ActionClient]:
    """A page of one of a server's workers."""
    app = flightwire.app(actions=[chat], auth=current_user, mode="production")
    async with app.lifespan(), ActionClient(app, model=model) as client:
        yield client


async def asked(page: ActionClient, user: str = "ann", chat_id: str = "1") -> tuple[list[Any], Any]:
    history = [{"role": "user", "content": "Clean up."}]
    history += await page.call("test_approvals#chat", history, chat_id, headers={"x-user": user})
    (question,) = [part for part in history[1]["content"] if part["type"] == "tool-approval-request"]
    answer = {"type": "tool-approval-response", "approvalId": question["approvalId"], "approved": True}
    return [*history, {"role": "tool", "content": [answer]}], question


async def answer(page: ActionClient, history: list[Any], user: str = "ann", chat_id: str = "1") -> Any:
    return await page.call("test_approvals#chat", history, chat_id, headers={"x-user": user})


async def test_what_the_page_approves_runs_once(page: ActionClient) -> None:
    history, _ = await asked(page)
    assert ran == []
    messages = await answer(page, history)
    assert messages[-1]["content"] == [{"type": "text", "text": "Done."}]
    with pytest.raises(RemoteError):
        await answer(page, history)
    assert ran == ["/tmp/a"]


async def test_of_two_tabs_one_runs_it(page: ActionClient) -> None:
    history, _ = await asked(page)
    outcomes = await asyncio.gather(*(answer(page, history) for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(each, RemoteError) for each in outcomes) == 4
    assert ran == ["/tmp/a"]


async def test_another_worker_knows_that_it_was_used(page: ActionClient) -> None:
    history, _ = await asked(page)
    await answer(page, history)
    async with worker(ScriptedModel(["Done."])) as other:
        with pytest.raises(RemoteError):
            await answer(other, history)
    assert ran == ["/tmp/a"]


async def test_nothing_runs_when_nobody_can_tell_whether_it_was_used(
    page: ActionClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/there-is/no-database")
    (tmp_path / "there-is").write_text("a file, not a folder")
    history, _ = await asked(page)
    with pytest.raises(RemoteError):
        await answer(page, history)
    assert ran == []


async def test_without_a_database_it_is_used_once_in_this_process(
    page: ActionClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "flightwire.storage.database", None)
    history, _ = await asked(page)
    await answer(page, history)
    with pytest.raises(RemoteError):
        await answer(page, history)
    assert ran == ["/tmp/a"]
    assert "pip install 'flightwire[storage]'" in caplog.text


@pytest.mark.parametrize(("user", "chat_id"), [("bob", "1"), ("ann", "2")])
async def test_another_user_and_another_chat_cannot_use_it(
    page: ActionClient, user: str, chat_id: str
) -> None:
    history, _ = await asked(page)
    with pytest.raises(RemoteError):
        await answer(page, history, user, chat_id)
    assert ran == []
    await answer(page, history)
    assert ran == ["/tmp/a"]


async def test_what_the_page_has_changed_does_not_run(page: ActionClient) -> None:
    history, _ = await asked(page)
    history[1]["content"][0]["input"] = {"path": "/"}
    with pytest.raises(RemoteError):
        await answer(page, history)
    assert ran == []


async def test_a_page_cannot_invent_a_question(page: ActionClient) -> None:
    history, question = await asked(page)
    question["signature"] = None
    with pytest.raises(RemoteError):
        await answer(page, history)
    assert ran == []
