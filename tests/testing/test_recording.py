"""Recording and replaying provider traffic, with keys taken out."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flightwire.core.generate_text import generate_text
from flightwire.core.stream_text import stream_text
from flightwire.errors import APICallError, LoadAPIKeyError, RecordingError
from flightwire.events import TextDelta
from flightwire.providers import transport
from flightwire.providers.base import LanguageModel
from flightwire.providers.openai import openai
from flightwire.providers.outgoing import Outgoing
from flightwire.testing import ScriptedUpstream, record, recorded, replay
from flightwire.testing.scrubbing import SCRUBBED, Scrubber
from flightwire.testing.upstream import Ending

pytestmark = pytest.mark.anyio

KEY = "sk-very-secret-key-0123456789"


def model_at(upstream: ScriptedUpstream, **options: Any) -> LanguageModel:
    return openai.chat("gpt-test", base_url=upstream.base_url, **{"api_key": KEY, **options})


def model_nowhere(**options: Any) -> LanguageModel:
    return openai.chat("gpt-test", base_url="http://127.0.0.1:9/v1", **{"api_key": "another-key", **options})


async def texts_of(model: LanguageModel, prompt: str = "Hi") -> list[str]:
    result = stream_text(model=model, prompt=prompt)
    return [text async for text in result.text_stream]


async def make_recording(path: Path, upstream: ScriptedUpstream, *, prompt: str = "Hi") -> None:
    with record(path):
        await texts_of(model_at(upstream), prompt)


async def test_a_stream_is_replayed_in_the_chunks_it_came_in(tmp_path: Path) -> None:
    chunks: list[list[bytes]] = [[], []]

    async def read(into: list[bytes]) -> None:
        call = Outgoing(
            f"{upstream.base_url}/x", b'{"stream":true}', {"authorization": f"Bearer {KEY}"}, "Any"
        )
        reply = await transport.open_stream(call)
        while piece := await reply.read():
            into.append(piece)
        await reply.leave()

    with ScriptedUpstream() as upstream:
        upstream.answer(["Hel", "lo ", "wörld 😀"], split_bytes=7)
        with record(tmp_path / "r.json"):
            await read(chunks[0])
    with replay(tmp_path / "r.json"):
        await read(chunks[1])
    assert chunks[0] == chunks[1]
    assert len(chunks[0]) > 1


async def test_replayed_answers_are_the_recorded_ones_without_a_network(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.answer(["Hel", "lo"])
        upstream.answer(["whole"])
        with record(tmp_path / "folder" / "r.json"):
            streamed = await texts_of(model_at(upstream))
            whole = await generate_text(model=model_at(upstream), prompt="Hi")
    with replay(tmp_path / "folder" / "r.json") as player:
        assert await texts_of(model_nowhere()) == streamed == ["Hel", "lo"]
        assert player.unused == 1
        again = await generate_text(model=model_nowhere(), prompt="Hi")
    assert (again.text, again.usage) == (whole.text, whole.usage)


async def test_no_key_is_needed_to_replay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with ScriptedUpstream() as upstream:
        upstream.answer(["Hello"])
        with record(tmp_path / "r.json"):
            await texts_of(model_at(upstream, api_key=None))
    monkeypatch.delenv("OPENAI_API_KEY")
    far = openai.chat("gpt-test", base_url="https://api.example.com/v1")
    text = (tmp_path / "r.json").read_text().replace(upstream.base_url, "https://api.example.com/v1")
    (tmp_path / "r.json").write_text(text)
    with replay(tmp_path / "r.json"):
        assert await texts_of(far) == ["Hello"]
    with pytest.raises(LoadAPIKeyError):
        await texts_of(far)


async def test_keys_are_nowhere_in_the_file(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.refuse(
            401,
            f"Incorrect API key provided: {KEY}.",
            headers={"set-cookie": "id=secret-cookie", "x-echo": KEY},
        )
        # The server repeats the key in an answer, cut in the middle by the chunks.
        upstream.answer(["The key is ", KEY, "!"], split_bytes=11)
        with record(tmp_path / "r.json"):
            with pytest.raises(APICallError):
                await texts_of(model_at(upstream))
            await texts_of(
                model_at(
                    upstream,
                    headers={"x-gateway": "gateway-password", "cookie": "a=b-c-d-e-f"},
                    organization="org-1",
                ),
                f"My key is {KEY}",
            )
    text = (tmp_path / "r.json").read_text()
    for secret in (KEY, "secret-cookie", "gateway-password", "a=b-c-d-e-f", "org-1"):
        assert secret not in text
    exchanges = json.loads(text)["exchanges"]
    assert exchanges[0]["request"]["headers"]["authorization"] == SCRUBBED
    assert exchanges[1]["request"]["body"]["messages"][-1]["content"] == f"My key is {SCRUBBED}"
    with replay(tmp_path / "r.json"):
        with pytest.raises(APICallError, match=r"Incorrect API key provided: \[scrubbed\]"):
            await texts_of(model_nowhere())
        assert "".join(await texts_of(model_nowhere(), f"My key is {SCRUBBED}")) == f"The key is {SCRUBBED}!"


def scrubber(url: str = "https://example.com/v1", body: Any = None, **headers: str) -> Scrubber:
    return Scrubber(Outgoing(url, json.dumps(body).encode(), headers, "Any"))


def test_keys_in_the_address_are_taken_out() -> None:
    url = "https://me:pass-word-1@example.com/v1?key=AIza-query-key&alt=sse&api_key=other-key-12"
    cleaned = scrubber(url)
    assert cleaned.url() == f"https://example.com/v1?key={SCRUBBED}&alt=sse&api_key={SCRUBBED}"
    assert cleaned.text("AIza-query-key, pass-word-1, other-key-12") == ", ".join([SCRUBBED] * 3)


def test_keys_inside_bodies_are_taken_out() -> None:
    body = {
        "max_tokens": 5,
        "prompt_cache_key": "chat-1",
        "tools": [
            {"type": "mcp", "authorization": "mcp-secret-token", "headers": {"X-Any": "header-secret"}},
            {"parameters": {"properties": {"token": {"type": "string"}}}},
        ],
        "note": "mcp-secret-token again",
        "password": "pw",
    }
    cleaned: Any = scrubber(body=body).body()
    assert cleaned == {
        "max_tokens": 5,
        "prompt_cache_key": "chat-1",
        "tools": [
            {"type": "mcp", "authorization": SCRUBBED, "headers": {"X-Any": SCRUBBED}},
            {"parameters": {"properties": {"token": {"type": "string"}}}},
        ],
        "note": f"{SCRUBBED} again",
        "password": SCRUBBED,
    }


def test_keys_are_taken_out_in_every_form() -> None:
    secret = 'pass"word/ä+1'
    basic = base64.b64encode(f"me:{secret}".encode()).decode()
    cleaned = scrubber(authorization=f"Basic {basic}")
    forms = [secret, json.dumps(secret), "pass%22word%2F%C3%A4%2B1", basic]
    assert all("word" not in cleaned.text(form) and basic not in cleaned.text(form) for form in forms)


def test_what_looks_like_a_key_is_taken_out() -> None:
    cleaned = scrubber()
    for key in (
        "sk-proj-0123456789abcdefgh",
        "AIza" + "x" * 35,
        "Bearer abcdefghijklmnop1234",
        "gsk_" + "a" * 30,
    ):
        assert cleaned.text(f"a {key} b") in (f"a {SCRUBBED} b", f"a Bearer {SCRUBBED} b")


def test_a_key_cut_by_chunks_at_every_place_is_taken_out() -> None:
    cleaned = scrubber(authorization=f"Bearer {KEY}")
    text = f"a {KEY} b".encode()
    for first in range(len(text)):
        for second in range(first, len(text)):
            chunks = cleaned.chunks([text[:first], text[first:second], text[second:]])
            assert b"".join(chunks) == f"a {SCRUBBED} b".encode()


async def test_more_can_be_scrubbed(tmp_path: Path) -> None:
    def scrub(text: str) -> str:
        return text.replace("Ann", "NAME")

    with ScriptedUpstream() as upstream:
        upstream.answer(["Hello, Ann"])
        with record(tmp_path / "r.json", scrub=scrub):
            await texts_of(model_at(upstream), "I am Ann")
    assert "Ann" not in (tmp_path / "r.json").read_text()
    with replay(tmp_path / "r.json", scrub=scrub):
        assert await texts_of(model_nowhere(), "I am Ann") == ["Hello, NAME"]


async def test_refusals_and_retries_are_replayed_without_waiting(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.refuse(503, headers={"retry-after": "0"})
        upstream.answer(["Hello"])
        await make_recording(tmp_path / "r.json", upstream)
    recording = (tmp_path / "r.json").read_text()
    (tmp_path / "r.json").write_text(recording.replace('"retry-after": "0"', '"retry-after": "50"'))
    with replay(tmp_path / "r.json") as player:
        assert await texts_of(model_nowhere()) == ["Hello"]
        assert player.unused == 0


@pytest.mark.parametrize("ending", [Ending.RESET, Ending.CLOSE])
async def test_a_broken_answer_is_replayed_broken(tmp_path: Path, ending: Ending) -> None:
    async def read(model: LanguageModel) -> tuple[list[str], str]:
        result = stream_text(model=model, prompt="Hi")
        texts = [part.text async for part in result if isinstance(part, TextDelta)]
        with pytest.raises(APICallError) as caught:
            await result.text
        return texts, caught.value.message

    with ScriptedUpstream() as upstream:
        upstream.answer(["Hel"], ending=ending)
        with record(tmp_path / "r.json"):
            live = await read(model_at(upstream))
    with replay(tmp_path / "r.json"):
        assert await read(model_nowhere()) == live


async def test_a_provider_that_was_not_reached_is_replayed_so(tmp_path: Path) -> None:
    with record(tmp_path / "r.json"):
        with pytest.raises(APICallError) as live:
            await generate_text(model=model_nowhere(), prompt="Hi", max_retries=0)
    with replay(tmp_path / "r.json"):
        with pytest.raises(APICallError) as again:
            await generate_text(model=model_nowhere(), prompt="Hi", max_retries=0)
    assert live.value.message == again.value.message


async def test_an_answer_we_left_says_so_when_a_replay_wants_more(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.answer(["Hel", "lo"], gated=True)
        with record(tmp_path / "r.json"):
            async with stream_text(model=model_at(upstream), prompt="Hi") as result:
                async for _ in result.text_stream:
                    break
    with replay(tmp_path / "r.json"):
        with pytest.raises(RecordingError, match="stopped reading here"):
            await texts_of(model_nowhere())


async def test_another_call_gets_a_letter_with_the_difference(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.answer(["Hello"])
        await make_recording(tmp_path / "r.json", upstream, prompt="Why is the sky blue?")
    with pytest.raises(RecordingError) as caught:
        with replay(tmp_path / "r.json"):
            with pytest.raises(RecordingError, match="call number 1"):
                await texts_of(model_nowhere(), "Why is the sky red?")
    letter = str(caught.value)
    assert '-      "content": "Why is the sky blue?"' in letter
    assert '+      "content": "Why is the sky red?"' in letter
    assert "FLIGHTWIRE_RECORD=1" in letter


async def test_one_call_too_many_gets_a_letter(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.answer(["Hello"])
        await make_recording(tmp_path / "r.json", upstream)
    with pytest.raises(RecordingError, match="holds 1 calls, and all were made"):
        with replay(tmp_path / "r.json"):
            await texts_of(model_nowhere())
            await texts_of(model_nowhere())


async def test_calls_are_found_in_any_order(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.answer(["one"])
        upstream.answer(["two"])
        with record(tmp_path / "r.json"):
            for prompt in ("first", "second"):
                await texts_of(model_at(upstream), prompt)
    with replay(tmp_path / "r.json"):
        assert [await texts_of(model_nowhere(), prompt) for prompt in ("second", "first")] == [
            ["two"],
            ["one"],
        ]


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"version": 2, "exchanges": []}', "\x00"])
def test_files_that_are_no_recordings_get_a_letter(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "r.json").write_text(text)
    with pytest.raises(RecordingError, match=r"r\.json"):
        with replay(tmp_path / "r.json"):
            pass


async def test_a_block_that_fails_records_nothing(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.answer(["Hello"])
        with pytest.raises(ZeroDivisionError):
            with record(tmp_path / "r.json"):
                await texts_of(model_at(upstream))
                raise ZeroDivisionError
    assert not (tmp_path / "r.json").exists()


async def test_after_the_block_the_network_is_back(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream:
        upstream.answer(["Hello"], times=2)
        await make_recording(tmp_path / "r.json", upstream)
        with replay(tmp_path / "r.json"):
            pass
        assert await texts_of(model_at(upstream)) == ["Hello"]
        assert len(upstream.requests) == 2


async def test_the_environment_says_whether_to_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedUpstream() as upstream:
        upstream.answer(["Hello"])
        monkeypatch.setenv("FLIGHTWIRE_RECORD", "1")
        with recorded(tmp_path / "r.json"):
            await texts_of(model_at(upstream))
        monkeypatch.setenv("FLIGHTWIRE_RECORD", "0")
        with recorded(tmp_path / "r.json"):
            assert await texts_of(model_at(upstream)) == ["Hello"]
        assert len(upstream.requests) == 1


FIXTURE_TEST = """
import pytest
from flightwire import generate_text
from flightwire.providers.openai import openai

pytest_plugins = ["flightwire.testing.fixtures"]

@pytest.mark.parametrize("who", ["you all"])
def test_greets(provider_recording, who):
    model = openai.chat("gpt-test", base_url={url!r}, api_key={key!r})
    assert generate_text.sync(model=model, prompt=f"Greet {{who}}").text == "Hello"
"""


def test_the_fixture_records_beside_the_test_and_replays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> None:
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-W",
            "error",
            "-p",
            "no:cacheprovider",
            str(tmp_path),
        ]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    with ScriptedUpstream() as upstream:
        upstream.answer(["Hello"])
        (tmp_path / "test_it.py").write_text(FIXTURE_TEST.format(url=upstream.base_url, key=KEY))
        monkeypatch.setenv("FLIGHTWIRE_RECORD", "1")
        run()
    assert (tmp_path / "recordings" / "test_it" / "test_greets-you-all.json").exists()
    monkeypatch.delenv("FLIGHTWIRE_RECORD")
    run()


def test_a_piece_that_is_all_secret_is_no_end_of_the_answer() -> None:
    cleaned = scrubber(authorization=f"Bearer {KEY}").chunks(
        [b"The key is ", KEY[:4].encode(), KEY[4:].encode(), b"!"]
    )
    assert cleaned == [b"The key is ", SCRUBBED.encode(), b"!"]
