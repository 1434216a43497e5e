"""generate_text: a whole answer at once."""

from __future__ import annotations

import asyncio

import pytest

from flightwire.core.generate_text import generate_text
from flightwire.errors import APICallError, InvalidArgumentError
from flightwire.messages import AssistantMessage, TextPart
from flightwire.testing.models import ScriptedModel

pytestmark = pytest.mark.anyio


async def test_the_result_has_text_reason_and_usage() -> None:
    result = await generate_text(model=ScriptedModel(["a", "b"]), prompt="Hi")
    assert (result.text, result.finish_reason, result.usage.total_tokens) == ("ab", "stop", 3)


async def test_the_answer_can_be_appended_to_the_history() -> None:
    result = await generate_text(model=ScriptedModel(["a"]), prompt="Hi")
    assert result.response_messages == (AssistantMessage((TextPart("a"),)),)


async def test_a_refusal_is_raised() -> None:
    error = APICallError("no", url="https://example.com", status_code=401)
    with pytest.raises(APICallError):
        await generate_text(model=ScriptedModel([error]), prompt="Hi")


async def test_cancelling_stops_waiting() -> None:
    task = asyncio.ensure_future(generate_text(model=ScriptedModel(gated=True), prompt="Hi"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_sync_inside_a_loop_is_refused_with_advice() -> None:
    with pytest.raises(InvalidArgumentError, match="await generate_text"):
        generate_text.sync(model=ScriptedModel(), prompt="Hi")


def test_sync_works_in_a_script() -> None:
    assert generate_text.sync(model=ScriptedModel(["a"]), prompt="Hi").text == "a"
