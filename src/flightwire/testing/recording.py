"""Recording what providers are asked and answer, and replaying it without them.

Owns: the file, `record`, `replay`, `recorded`. Refuses to know: which providers there are, what is secret (`scrubbing.py`).

The seam is below the providers (`flightwire.providers.exchange`): what is replayed goes through all of their code, in the
chunks it came in. A recording is JSON, to be read and reviewed, and committed beside the test:

    {"version": 1, "exchanges": [{"request": {"url", "headers", "body"},
                                  "response": {"status", "reason", "headers", "chunks": ["data: …", …], "ending": "end"}}]}

A chunk that is not text by itself is {"base64": …}. The ending is "end", "left" (by us), "broken" or "silent" (by the
provider); an exchange without an answer has "failure" in place of "response".
"""

from __future__ import annotations

import base64
import difflib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from flightwire.errors import APICallError, APITimeoutError, RecordingError
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.providers.exchange import Reply, Send, use_tape
from flightwire.providers.outgoing import Outgoing
from flightwire.providers.retries import use_sleep
from flightwire.testing.scrubbing import Scrubber

RECORD_VARIABLE = "FLIGHTWIRE_RECORD"
VERSION = 1
_PLACEHOLDER_KEY = "flightwire-replayed-key"

Scrub: TypeAlias = Callable[[str], str]


@contextmanager
def record(path: str | Path, *, scrub: Scrub | None = None) -> Iterator[None]:
    """Let calls to providers through and write them, with the answers, to a file when the block is left.

    Keys, cookies and other credentials are replaced wherever they stand. A block that raises writes nothing.

    Arguments:
        path: the file; folders are made.
        scrub: takes out further things, given each text of the recording (bodies as JSON text).
    """
    recorder = _Recorder(scrub or _unchanged)
    before = use_tape(recorder)
    try:
        yield
    finally:
        use_tape(before)
    recorder.save(Path(path))


@contextmanager
def replay(path: str | Path, *, scrub: Scrub | None = None) -> Iterator[Replay]:
    """Answer calls to providers from a recording; nothing goes over the network, and no key is needed.

    A call is answered by the first recorded one, not used yet, with the same address and body. Refusals that are retried
    are replayed without waiting.

    Arguments:
        path: the file.
        scrub: what `record` was given.

    Raises:
        RecordingError: no such file, or none of ours; a call that was not recorded, with what is different, and again on
            leaving the block when somebody caught it.
    """
    player = Replay(Path(path), scrub or _unchanged)
    before = use_tape(player)
    use_sleep(_no_wait)
    variables = {variable for variable in player.key_variables if not os.environ.get(variable)}
    os.environ.update(dict.fromkeys(variables, _PLACEHOLDER_KEY))
    try:
        yield player
    finally:
        use_tape(before)
        use_sleep(None)
        for variable in variables:
            os.environ.pop(variable, None)
    if player.mismatch is not None:
        raise player.mismatch


@contextmanager
def recorded(path: str | Path, *, scrub: Scrub | None = None) -> Iterator[None]:
    """Replay; with `FLIGHTWIRE_RECORD=1` in the environment, record anew.

    Raises:
        RecordingError: as `replay`.
    """
    if os.environ.get(RECORD_VARIABLE, "").strip() not in ("", "0"):
        with record(path, scrub=scrub):
            yield
    else:
        with replay(path, scrub=scrub):
            yield


# --- recording ---------------------------------------------------------------------------------------------------


@dataclass
class _Exchange:
    request: JSONObject
    scrubber: Scrubber
    failure: JSONObject | None = None
    reply: Reply | None = None
    chunks: list[bytes] = field(default_factory=list)
    ending: str = "left"

    def to_json(self, scrub: Scrub) -> JSONObject:
        if self.reply is None:
            return {"request": self.request, "failure": self.failure}
        cleaned = [_chunk_to_json(chunk, scrub) for chunk in self.scrubber.chunks(self.chunks)]
        response: JSONObject = {
            "status": self.reply.status,
            "reason": self.reply.reason,
            "headers": {
                name: scrub(text) for name, text in self.scrubber.response_headers(self.reply.headers).items()
            },
            "chunks": cleaned,
            "ending": self.ending,
        }
        return {"request": self.request, "response": response}


class _Recorder:
    """Listens to the network."""

    def __init__(self, scrub: Scrub) -> None:
        self._scrub = scrub
        self._exchanges: list[_Exchange] = []

    async def send(self, call: Outgoing, accept: str, network: Send) -> Reply:
        """Ask the network, and note what was asked and answered."""
        scrubber = Scrubber(call)
        exchange = _Exchange(_request(call, scrubber, self._scrub), scrubber)
        self._exchanges.append(exchange)
        try:
            exchange.reply = await network(call, accept)
        except APICallError as error:
            exchange.failure = {
                "message": scrubber.text(error.message),
                "is_retryable": error.is_retryable,
                "timeout": isinstance(error, APITimeoutError),
            }
            raise
        return _RecordedReply(exchange.reply, exchange)

    def save(self, path: Path) -> None:
        """Write the file."""
        exchanges = [
            exchange.to_json(self._scrub)
            for exchange in self._exchanges
            if exchange.reply is not None or exchange.failure is not None  # else it was cancelled
        ]
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"version": VERSION, "exchanges": exchanges}, ensure_ascii=False, indent=2)
        path.write_text(text + "\n", encoding="utf-8", errors="surrogatepass")


class _RecordedReply(Reply):
    """A reply of the network, noted while it is read."""

    def __init__(self, reply: Reply, exchange: _Exchange) -> None:
        super().__init__(reply.status, reply.reason, reply.headers)
        self._reply = reply
        self._exchange = exchange

    async def read(self) -> bytes:
        if self._unread:
            return self._read_again()
        try:
            chunk = await self._reply.read()
        except APICallError as error:
            self._exchange.ending = "silent" if isinstance(error, APITimeoutError) else "broken"
            raise
        if chunk:
            self._exchange.chunks.append(chunk)
        else:
            self._exchange.ending = "end"
        return chunk

    def close(self) -> None:
        """Close the connection."""
        self._reply.close()

    async def leave(self) -> None:
        """Leave the connection."""
        await self._reply.leave()


def _request(call: Outgoing, scrubber: Scrubber, scrub: Scrub) -> JSONObject:
    body = scrubber.body()
    return {
        "url": scrub(scrubber.url()),
        "key_variable": call.key_variable,
        "headers": {name: scrub(text) for name, text in scrubber.request_headers().items()},
        "body": json.loads(scrub(json.dumps(body, ensure_ascii=False))),
    }


def _chunk_to_json(chunk: bytes, scrub: Scrub) -> JSONValue:
    try:
        return scrub(chunk.decode())
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(chunk).decode()}


def _chunk_from_json(chunk: Any) -> bytes:
    return chunk.encode() if isinstance(chunk, str) else base64.b64decode(chunk["base64"])


# --- replaying ---------------------------------------------------------------------------------------------------


class Replay:
    """A recording that answers in place of the network.

    Attributes:
        mismatch: the first call that was not recorded.
    """

    def __init__(self, path: Path, scrub: Scrub) -> None:
        self.mismatch: RecordingError | None = None
        self._path = path
        self._scrub = scrub
        self._exchanges = _load(path)
        self._used: set[int] = set()

    @property
    def unused(self) -> int:
        """How many recorded calls nobody has made yet."""
        return len(self._exchanges) - len(self._used)

    @property
    def key_variables(self) -> set[str]:
        """The environment variables that the providers read their keys from."""
        found = (exchange["request"].get("key_variable") for exchange in self._exchanges)
        return {variable for variable in found if variable}

    async def send(self, call: Outgoing, accept: str, network: Send) -> Reply:
        """Answer from the recording."""
        request = _request(call, Scrubber(call), self._scrub)
        for number, exchange in enumerate(self._exchanges):
            if number not in self._used and _is_same(exchange["request"], request):
                self._used.add(number)
                return _replayed(call, exchange)
        error = self._letter(request)
        self.mismatch = self.mismatch or error
        raise error

    def _letter(self, request: JSONObject) -> RecordingError:
        again = f"If the new call is right, record again: {RECORD_VARIABLE}=1, or flightwire.testing.record."
        left = [n for n in range(len(self._exchanges)) if n not in self._used]
        if not left:
            return RecordingError(
                f"the recording {self._path} holds {len(self._exchanges)} calls, and all were made; this is one more:\n"
                f"{_readable(request)}\n{again}"
            )
        expected = self._exchanges[left[0]]["request"]
        diff = difflib.unified_diff(
            _readable(expected).splitlines(),
            _readable(request).splitlines(),
            "recorded",
            "called",
            lineterm="",
            n=2,
        )
        return RecordingError(
            f"this call is not in the recording {self._path}. It differs from recorded call number {left[0] + 1}:\n"
            + "\n".join(diff)
            + f"\n{again}"
        )


class _ReplayedReply(Reply):
    """A reply out of a recording."""

    def __init__(self, call: Outgoing, response: Mapping[str, Any]) -> None:
        super().__init__(response["status"], response["reason"], response["headers"])
        self._call = call
        self._chunks = iter([_chunk_from_json(chunk) for chunk in response["chunks"]])
        self._ending = response["ending"]

    async def read(self) -> bytes:
        if self._unread:
            return self._read_again()
        for chunk in self._chunks:
            return chunk
        if self._ending == "broken":
            raise APICallError(
                f"{self._call.service} broke off in the middle of the answer", url=self._call.address
            )
        if self._ending == "silent":
            raise APITimeoutError(f"{self._call.service} sent nothing for too long", url=self._call.address)
        if self._ending == "left":
            raise RecordingError(
                "the recording ends here, because whoever was recorded stopped reading here. Record again, to the end."
            )
        return b""

    def close(self) -> None:
        """Nothing is open."""

    async def leave(self) -> None:
        """Nothing is open."""


def _replayed(call: Outgoing, exchange: Mapping[str, Any]) -> Reply:
    failure = exchange.get("failure")
    if failure is None:
        return _ReplayedReply(call, exchange["response"])
    kind = APITimeoutError if failure["timeout"] else APICallError
    raise kind(failure["message"], url=call.address, is_retryable=failure["is_retryable"])


def _is_same(recorded: Mapping[str, Any], called: Mapping[str, Any]) -> bool:
    return _place(recorded["url"]) == _place(called["url"]) and recorded["body"] == called["body"]


def _place(url: str) -> str:
    """An address to compare: servers on this machine have another port each time."""
    parts = urlsplit(url)
    return (
        parts._replace(netloc="this machine").geturl()
        if parts.hostname in ("127.0.0.1", "localhost", "::1")
        else url
    )


def _readable(request: Mapping[str, Any]) -> str:
    return f"{request['url']}\n{json.dumps(request['body'], indent=2, ensure_ascii=False, sort_keys=True)}"


def _load(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        loaded = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
        if loaded["version"] != VERSION:
            raise RecordingError(
                f"the recording {path} has version {loaded['version']}; this Flightwire reads {VERSION}."
            )
        exchanges: Sequence[Mapping[str, Any]] = loaded["exchanges"]
    except FileNotFoundError:
        raise RecordingError(
            f"there is no recording {path}. Make it: run the test with {RECORD_VARIABLE}=1 and flightwire.testing.recorded, "
            "or with flightwire.testing.record."
        ) from None
    except (ValueError, TypeError, KeyError) as error:
        raise RecordingError(f"{path} is not a recording of Flightwire's ({error}).") from error
    return exchanges


def _unchanged(text: str) -> str:
    return text


async def _no_wait(_: float) -> None:
    pass
