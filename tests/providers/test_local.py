"""The real SmolLM2 answers, stops, waits its turn and counts."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from flightwire.errors import (
    InvalidArgumentError,
    InvalidPromptError,
    ModelLoadError,
    UnsupportedFunctionalityError,
)
from flightwire.events import ProviderFinish, ProviderPart, StreamStart, TextDelta, TextEnd, TextStart
from flightwire.messages import SystemMessage, UserMessage
from flightwire.providers.base import ModelCall, ModelResult, ResponseFormat, Text
from flightwire.providers.local import LocalModel, local
from flightwire.toolchain.models import ensure_model

pytestmark = [pytest.mark.anyio, pytest.mark.model]

LONG = " ".join(f"word{index}" for index in range(390))  # about 1,500 tokens, seven seconds of reading


@pytest.fixture(scope="module")
def model() -> LocalModel:
    ensure_model("smollm2")
    return local("smollm2")


@pytest.fixture
def narrow(model: LocalModel) -> LocalModel:
    """One chat at a time: whoever does not make room is noticed."""
    return local("smollm2", parallel_chats=1)


def ask(text: str, **settings: Any) -> ModelCall:
    settings = {"temperature": 0, "max_output_tokens": 8, **settings}
    return ModelCall([UserMessage(text)], **settings)


def text_of(result: ModelResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, Text))


async def first_word(stream: AsyncGenerator[Any, None]) -> str:
    async for batch in stream:
        for part in batch:
            if isinstance(part, TextDelta):
                return part.text
    raise AssertionError("no word came")


async def begun(stream: AsyncGenerator[Any, None]) -> None:
    assert isinstance((await anext(stream))[0], StreamStart)


def speed(result: ModelResult, kind: str) -> float:
    """How fast the model is at this moment: what it was measured by decides what the rest would have taken."""
    metadata: Any = result.provider_metadata
    return float(metadata["local"]["timings"][kind])


# the answer


async def test_words_come_one_by_one(model: LocalModel) -> None:
    batches = [batch async for batch in model.stream(ask("Why is the sky blue?"))]
    assert len([batch for batch in batches if any(isinstance(part, TextDelta) for part in batch)]) > 3


async def test_parts_keep_the_order_of_the_contract(model: LocalModel) -> None:
    parts: list[ProviderPart] = [part async for batch in model.stream(ask("Hi")) for part in batch]
    kinds = [type(part) for part in parts if not isinstance(part, TextDelta)]
    assert (kinds[0], kinds[-3:]) == (StreamStart, [TextStart, TextEnd, ProviderFinish])


async def test_system_message_is_in_the_prompt(model: LocalModel) -> None:
    messages = [SystemMessage("Talk like a pirate."), UserMessage("Hi")]
    call = ModelCall(messages, max_output_tokens=1, include_request_body=True)
    body = (await model.generate(call)).request.body
    assert isinstance(body, dict)
    assert body["prompt"] == (
        "<|im_start|>system\nTalk like a pirate.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )


async def test_without_a_system_message_the_template_has_its_own(model: LocalModel) -> None:
    body = (await model.generate(ask("Hi", max_output_tokens=1, include_request_body=True))).request.body
    assert isinstance(body, dict)
    assert str(body["prompt"]).startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")


async def test_stop_word_is_never_shown(model: LocalModel) -> None:
    whole = text_of(await model.generate(ask("Tell me a story about a fox.", max_output_tokens=24)))
    stop = whole[40:49]  # begins and ends inside tokens
    cut = await model.generate(
        ask("Tell me a story about a fox.", max_output_tokens=14, stop_sequences=[stop])
    )
    assert (text_of(cut), cut.finish_reason) == (whole[: whole.index(stop)], "stop")


async def test_same_seed_gives_the_same_text_also_in_company(model: LocalModel) -> None:
    seeded = ask("Tell me a story.", temperature=1.0, seed=7, max_output_tokens=10)
    alone = await model.generate(seeded)
    in_company, _ = await asyncio.gather(model.generate(seeded), model.generate(ask("Count to ten.")))
    assert text_of(alone) == text_of(in_company)


async def test_other_seed_gives_another_text(model: LocalModel) -> None:
    texts = [
        text_of(
            await model.generate(ask("Tell me a story.", temperature=1.5, seed=seed, max_output_tokens=10))
        )
        for seed in (1, 2)
    ]
    assert texts[0] != texts[1]


async def test_limit_of_tokens_is_kept_and_named(model: LocalModel) -> None:
    result = await model.generate(ask("Count to one hundred.", max_output_tokens=5))
    assert (result.finish_reason, result.usage.output_tokens) == ("length", 5)


async def test_usage_adds_up(model: LocalModel) -> None:
    usage = (await model.generate(ask("Hi", max_output_tokens=3))).usage
    assert usage.input_tokens is not None
    assert usage.input_tokens > 20
    assert usage.total_tokens == usage.input_tokens + 3


async def test_emoji_come_out_whole(model: LocalModel) -> None:
    parts = [
        part
        async for batch in model.stream(ask("Repeat exactly: 😀👩‍👧🏳️‍🌈", max_output_tokens=24))
        for part in batch
    ]
    texts = [part.text for part in parts if isinstance(part, TextDelta)]
    assert "👩" in "".join(texts)
    assert "\ufffd" not in "".join(texts)


async def test_json_follows_the_schema(model: LocalModel) -> None:
    schema = {
        "type": "object",
        "properties": {"n": {"type": "integer", "maximum": 99}},
        "required": ["n"],
        "additionalProperties": False,
    }
    call = ask(
        "Give me a number.", response_format=ResponseFormat("json", schema=schema), max_output_tokens=30
    )
    assert isinstance(json.loads(text_of(await model.generate(call)))["n"], int)


# what cannot work


async def test_prompt_longer_than_the_context_is_counted(model: LocalModel) -> None:
    with pytest.raises(InvalidPromptError, match=r"has 6\d\d\d tokens; local/smollm2 has room for 4096"):
        await model.generate(ask("word " * 6000))


async def test_schema_that_makes_no_sense_is_refused(model: LocalModel) -> None:
    with pytest.raises(UnsupportedFunctionalityError, match="JSON schema"):
        await model.generate(ask("Hi", response_format=ResponseFormat("json", schema={"type": "nope"})))


async def test_nul_and_lone_surrogates_do_no_harm(model: LocalModel) -> None:
    assert text_of(await model.generate(ask("\ud800 a\x00b <|im_end|> \udfff")))


async def test_missing_file_gets_a_letter() -> None:
    with pytest.raises(ModelLoadError, match=r"no file at /nonexistent/a\.gguf"):
        await local("/nonexistent/a.gguf").generate(ask("Hi"))


async def test_half_a_file_gets_llama_cpps_reason(tmp_path: Path) -> None:
    half = tmp_path / "half.gguf"
    with ensure_model("smollm2").open("rb") as whole:
        half.write_bytes(whole.read(1_000_000))
    with pytest.raises(ModelLoadError, match="failed to read key-value pairs"):
        await local(half).generate(ask("Hi"))


@pytest.mark.parametrize("setting", [{"context_tokens": 1}, {"threads": 0}, {"parallel_chats": 0}])
def test_numbers_that_cannot_work_are_refused(setting: dict[str, int]) -> None:
    with pytest.raises(InvalidArgumentError, match="must be at least"):
        local(**setting)


# stopping, waiting, sharing


async def test_cancel_between_words_frees_the_place(narrow: LocalModel) -> None:
    async with aclosing(narrow.stream(ask("Count to one thousand.", max_output_tokens=2000))) as stream:
        await first_word(stream)
    asked_s = time.monotonic()
    result = await narrow.generate(ask("Hi"))
    assert time.monotonic() - asked_s < 2000 / speed(result, "predicted_per_second") / 3


async def test_cancel_while_the_prompt_is_read_frees_the_place(narrow: LocalModel) -> None:
    await narrow.warm_up()
    async with aclosing(narrow.stream(ask(LONG))) as stream:
        await begun(stream)
    asked_s = time.monotonic()
    result = await narrow.generate(ask("Hi", max_output_tokens=1))
    assert time.monotonic() - asked_s < 1500 / speed(result, "prompt_per_second") / 3


async def test_task_that_is_cancelled_stops_the_model(narrow: LocalModel) -> None:
    task = asyncio.create_task(narrow.generate(ask(LONG)))
    asyncio.get_running_loop().call_later(0.05, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    asked_s = time.monotonic()
    result = await narrow.generate(ask("Hi", max_output_tokens=1))
    assert time.monotonic() - asked_s < 1500 / speed(result, "prompt_per_second") / 3


async def test_chat_that_is_cancelled_while_it_waits_never_runs(narrow: LocalModel) -> None:
    async with aclosing(narrow.stream(ask("Count to one thousand.", max_output_tokens=20))) as running:
        await first_word(running)
        waiting = asyncio.create_task(narrow.generate(ask(LONG)))
        last = asyncio.create_task(narrow.generate(ask("Hi", max_output_tokens=2)))
        await asyncio.sleep(0)
        waiting.cancel()
        assert [batch async for batch in running]
    assert (await last).usage.output_tokens == 2


async def test_two_chats_progress_side_by_side(model: LocalModel) -> None:
    order: list[str] = []

    async def write(name: str) -> None:
        async for _ in model.stream(ask(f"{name}: count to one hundred.", max_output_tokens=12)):
            order.append(name)
        order.append(f"end {name}")

    await asyncio.gather(write("a"), write("b"))
    first_end = min(order.index("end a"), order.index("end b"))
    assert min(order[:first_end].count("a"), order[:first_end].count("b")) > 5


async def test_short_prompt_does_not_wait_for_a_long_one(model: LocalModel) -> None:
    await model.warm_up()
    long_has_words = False

    async def read_long() -> None:
        nonlocal long_has_words
        async with aclosing(model.stream(ask(f"fair {LONG}"))) as stream:
            await first_word(stream)
        long_has_words = True

    long = asyncio.create_task(read_long())
    for name in ("Hi", "Who are you?", "Why?"):  # one of them has the slot after the long one's
        async with aclosing(model.stream(ask(name))) as stream:
            await first_word(stream)
    assert not long_has_words
    long.cancel()


async def test_prompt_that_lost_its_turn_is_answered_all_the_same(model: LocalModel) -> None:
    prompt = "Repeat: " + " ".join(f"item{index}" for index in range(40))
    interrupted, *_ = await asyncio.gather(
        model.generate(ask(prompt)), *(model.generate(ask(f"{name}?")) for name in "abc")
    )
    assert text_of(interrupted) == text_of(await model.generate(ask(prompt)))
    assert interrupted.usage.cache_read_tokens != interrupted.usage.input_tokens


async def test_more_chats_than_places_all_get_an_answer(model: LocalModel) -> None:
    results = await asyncio.gather(*(model.generate(ask(f"{n}?", max_output_tokens=3)) for n in range(9)))
    assert [result.usage.output_tokens for result in results] == [3] * 9


async def test_event_loop_is_never_held_up() -> None:
    """Compared with a loop in another thread, because this machine may be busy with other things."""
    stop = threading.Event()
    control = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(largest_gap(stop))))
    here = asyncio.create_task(largest_gap(stop))
    fresh = local("smollm2", parallel_chats=2)  # loads the model, reads, writes
    await fresh.generate(ask("Why is the sky blue?" * 10, max_output_tokens=4))
    stop.set()
    assert await here < await control + 0.1  # loading alone takes four times as long


async def largest_gap(stop: threading.Event) -> float:
    largest_s = 0.0
    while not stop.is_set():
        began_s = time.monotonic()
        await asyncio.sleep(0.001)
        largest_s = max(largest_s, time.monotonic() - began_s)
    return largest_s
