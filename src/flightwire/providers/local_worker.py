"""The child process that runs a local model. Started by file name, never imported by the parent.

Owns: llama.cpp, which chats run and which wait, whose turn it is to have its prompt read, and how a chat is stopped.
Refuses to know: flightwire (nothing of it is imported, so that it starts fast), asyncio, who the chats belong to.

Speaks JSON lines. In: `{"op": "chat", "id", "body", "want_prompt"?, "want_raw"?}`, `{"op": "about", "id"}`, `{"op":
"cancel", "id"}`. Out: `{"op": "ready", …}` once, then per chat `begin`, `text`, `reasoning`, `tool_call`, `raw`, and at last
`end` or `error`, or `about` alone; nothing more after a cancel. Standard input at its end means that the parent is gone: so is
the child, at once.

How it is fair. As many chats as there are slots run at once: llama.cpp adds one token to each per round. More wait, first
come, first served. Prompts are read in pieces of `BATCH_TOKENS`, by one chat at a time for at most `READING_TURN_S` while
another waits to have its prompt read; llama.cpp alone would finish the longest prompt first. Who loses its turn keeps what
it has read (its slot's cache) and goes on from there.

How a chat is stopped. llama.cpp calls back after every piece of the prompt and after every token; answering True there ends
the work. So a stop takes as long as one piece: about 100 ms for SmolLM2 on two cores, and one token later on.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from typing import Any, BinaryIO, NoReturn

BATCH_TOKENS = 16
READING_TURN_S = 0.3
DEFAULT_CONTEXT_TOKENS = 4096
MAX_DEFAULT_THREADS = 4
NICENESS = 3  # other streams of this machine come first
PARENT_POLL_S = 1.0
# A chunk that only goes on with the text; what is written otherwise is read whole. A quote inside of the text has a backslash
# before it. While all processors compute, whoever else is awake holds them up: reading and writing JSON took 0.15 ms a token.
PLAIN = b'{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"'
PLAIN_END = b'"}}],"created":'
HOPELESS_BYTES_PER_TOKEN = 64  # a longer prompt cannot fit; finding out takes seconds, so nobody waits for it

Frame = dict[str, Any]


class Chat:
    """A chat that waits or runs."""

    def __init__(self, order: Frame) -> None:
        self.id: int = order["id"]
        self.body: Frame = order["body"]
        self.want_prompt = bool(order.get("want_prompt"))
        self.want_raw = bool(order.get("want_raw"))
        self.text = json.dumps(self.body["messages"])
        self.is_cancelled = False
        self.has_begun = False
        self.has_ended = False
        self.logprob = 0.0  # of all that was written, when the body asks for it
        self.cached_tokens: int | None = None  # of the prompt, before this chat read any of it


class Slot:
    """A place in llama.cpp; it remembers the last chat's tokens, so its continuation should come back to it."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.text = ""
        self.last_used_s = 0.0


class Desk:
    """Who may run, and who may have its prompt read."""

    def __init__(self, slots: int) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[Chat] = deque()
        self._free = [Slot(index) for index in range(slots)]
        self._readers: deque[Chat] = deque()  # the first one reads
        self._chats: dict[int, Chat] = {}

    def arrive(self, chat: Chat) -> None:
        """Let a chat wait."""
        with self._changed:
            self._chats[chat.id] = chat
            self._waiting.append(chat)
            self._changed.notify_all()

    def cancel(self, chat_id: int) -> None:
        """Stop a chat: at once while it waits, at the next call back while it runs."""
        with self._changed:
            chat = self._chats.get(chat_id)
            if chat is None:
                return
            chat.is_cancelled = True
            if chat in self._waiting:
                self._waiting.remove(chat)
                del self._chats[chat_id]
            self._changed.notify_all()

    def take(self) -> tuple[Chat, Slot]:
        """Wait for the next chat; give it the free slot that knows most of its beginning."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting and self._free)
            chat = self._waiting.popleft()
            slot = max(self._free, key=lambda slot: (_common(slot.text, chat.text), -slot.last_used_s))
            self._free.remove(slot)
            slot.text = chat.text
            return chat, slot

    def leave(self, chat: Chat, slot: Slot) -> None:
        """Give the slot back."""
        with self._changed:
            del self._chats[chat.id]
            slot.last_used_s = time.monotonic()
            self._free.append(slot)
            self._changed.notify_all()

    def begin_reading(self, chat: Chat) -> None:
        """Wait until it is this chat's turn, or until it is cancelled."""
        with self._changed:
            self._readers.append(chat)
            self._changed.wait_for(lambda: self._readers[0] is chat or chat.is_cancelled)

    def end_reading(self, chat: Chat) -> None:
        """Pass the turn on; does nothing for a chat that has none."""
        with self._changed:
            if chat in self._readers:
                self._readers.remove(chat)
                self._changed.notify_all()

    def others_want_to_read(self) -> bool:
        """Whether the one who reads should make room soon."""
        return len(self._readers) > 1


def _common(old: str, new: str) -> int:
    """Length of the common beginning, unless that is too little to give up what else the slot remembers."""
    length = len(os.path.commonprefix((old, new)))  # noqa: RUF071 - characters are meant, not folders
    return length if length * 2 >= len(old) else 0


class Run:
    """One attempt to have a chat answered: from its prompt, or what is left of it, to its end or the end of its turn."""

    def __init__(self, chat: Chat, desk: Desk, out: Out, prompt: str | None) -> None:
        self.chat = chat
        self.desk = desk
        self.out = out
        self.prompt = prompt
        self.lost_turn = False
        self.is_reading = True
        self.turn_began_s = time.monotonic()
        self.finish_reason: str | None = None

    def on_chunk(self, data: bytes) -> bool:
        """Take what llama.cpp has to say; True ends the work."""
        chat = self.chat
        if chat.is_cancelled:
            return True
        if data.startswith(PLAIN) and not self.is_reading and not chat.want_raw:
            end = data.find(PLAIN_END, len(PLAIN))
            if end > len(PLAIN) and b',"usage":' not in data[end:]:
                # Decoded, so that what is no UTF-8 fails here, for this chat, and not in the parent for all.
                self.out.write_text(chat.id, data[len(PLAIN) : end].decode())
                return False
        chunk = json.loads(data)
        if "error" in chunk:
            chat.has_ended = True
            self.out.write({"op": "error", "id": chat.id, **chunk["error"]})
            return True
        if not chat.has_begun:
            chat.has_begun = True
            self.out.write(
                {"op": "begin", "id": chat.id, "response_id": chunk.get("id"), "prompt": self.prompt}
            )
        progress = chunk.get("prompt_progress")
        if progress is not None:
            return self._on_progress(progress)
        self._end_reading()
        if chat.want_raw:
            self.out.write({"op": "raw", "id": chat.id, "chunk": chunk})
        for choice in chunk.get("choices", ()):
            self._on_choice(choice)
        if "usage" in chunk:
            self._on_end(chunk)
        return False

    def _on_progress(self, progress: Frame) -> bool:
        if self.chat.cached_tokens is None:
            self.chat.cached_tokens = progress["cache"]
        if progress["processed"] >= progress["total"]:
            self._end_reading()
            return False
        has_read = progress["processed"] > progress["cache"]
        used_up = time.monotonic() - self.turn_began_s > READING_TURN_S
        self.lost_turn = has_read and used_up and self.desk.others_want_to_read()
        return self.lost_turn

    def _on_choice(self, choice: Frame) -> None:
        delta = choice.get("delta") or {}
        if delta.get("reasoning_content"):
            self.out.write({"op": "reasoning", "id": self.chat.id, "text": delta["reasoning_content"]})
        if delta.get("content"):
            self.out.write({"op": "text", "id": self.chat.id, "text": delta["content"]})
        for call in delta.get("tool_calls") or ():
            self._on_tool_call(call)
        for token in (choice.get("logprobs") or {}).get("content") or ():
            self.chat.logprob += token["logprob"]
        self.finish_reason = choice.get("finish_reason") or self.finish_reason

    def _on_tool_call(self, call: Frame) -> None:
        function = call.get("function") or {}
        piece = {"index": call.get("index", 0), "call_id": call.get("id"), "name": function.get("name") or ""}
        self.out.write(
            {"op": "tool_call", "id": self.chat.id, **piece, "arguments": function.get("arguments") or ""}
        )

    def _on_end(self, chunk: Frame) -> None:
        self.chat.has_ended = True
        usage = {**chunk["usage"], "prompt_tokens_details": {"cached_tokens": self.chat.cached_tokens or 0}}
        end = {"op": "end", "id": self.chat.id, "finish_reason": self.finish_reason, "usage": usage}
        self.out.write({**end, "timings": chunk.get("timings"), "logprob": self.chat.logprob})

    def _end_reading(self) -> None:
        if self.is_reading:
            self.is_reading = False
            self.desk.end_reading(self.chat)


class Out:
    """The way to the parent; whole lines, from any thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def write(self, frame: Frame) -> None:
        """Send one frame."""
        self._write(json.dumps(frame).encode() + b"\n")

    def write_text(self, chat_id: int, text: str) -> None:
        """Send what stood between the quotes of a JSON string."""
        self._write(f'{{"op": "text", "id": {chat_id}, "text": "{text}"}}\n'.encode())

    def _write(self, data: bytes) -> None:
        line = memoryview(data)
        try:
            with self._lock:
                while line:
                    line = line[os.write(self._descriptor, line) :]
        except OSError:
            leave(0)  # nobody reads any more


class Worker:
    """Serves chats on as many threads as there are slots."""

    def __init__(self, config: Frame, server: Any, out: Out) -> None:
        self._server = server
        self._socket: str | None = config["socket"]
        self._out = out
        self._desk = Desk(config["parallel_chats"])
        self._hopeless_bytes = HOPELESS_BYTES_PER_TOKEN * (config["context_tokens"] or DEFAULT_CONTEXT_TOKENS)
        for _ in range(config["parallel_chats"]):
            threading.Thread(target=self._serve, daemon=True).start()

    def order(self, order: Frame) -> None:
        """Do what the parent asks."""
        if order["op"] == "chat":
            self._desk.arrive(Chat(order))
        elif order["op"] == "cancel":
            self._desk.cancel(order["id"])
        elif order["op"] == "about":
            self._out.write({"op": "about", "id": order["id"], "takes_tools": self._takes_tools()})

    def _serve(self) -> None:
        while True:
            chat, slot = self._desk.take()
            try:
                self._answer(chat, slot)
            except Exception as error:  # llama.cpp throws for prompts that its template or grammar refuses
                self._out.write({"op": "error", "id": chat.id, "type": "refused", "message": str(error)})
            else:
                if not chat.has_ended and not chat.is_cancelled:
                    message = "llama.cpp ended the answer without saying why"
                    self._out.write({"op": "error", "id": chat.id, "type": "broken", "message": message})
            finally:
                self._desk.end_reading(chat)
                self._desk.leave(chat, slot)

    def _answer(self, chat: Chat, slot: Slot) -> None:
        body = json.dumps({**chat.body, "id_slot": slot.index}).encode()
        prompt = self._render(chat.body["messages"], chat.body.get("tools")) if chat.want_prompt else None
        while not chat.is_cancelled:
            if len(body) < self._hopeless_bytes:
                self._desk.begin_reading(chat)
            run = Run(chat, self._desk, self._out, prompt)
            if not chat.is_cancelled:
                self._server.handle_chat_completions(body, run.on_chunk)
            self._desk.end_reading(chat)
            if not run.lost_turn:
                return

    def _render(self, messages: list[Frame], tools: list[Frame] | None) -> str | None:
        """Ask for the prompt's text: how the model's own template spells these messages."""
        body = {"messages": messages} if tools is None else {"messages": messages, "tools": tools}
        prompt: str | None = self._ask("POST", "/apply-template", body).get("prompt")
        return prompt

    def _takes_tools(self) -> bool:
        """Whether the model's own template knows tools."""
        return bool(self._ask("GET", "/props").get("chat_template_caps", {}).get("supports_tools"))

    def _ask(self, method: str, path: str, body: Frame | None = None) -> Frame:
        """Ask llama.cpp's own HTTP server, where that is a private socket; elsewhere nothing is known."""
        if self._socket is None:
            return {}
        connection = _SocketConnection(self._socket)
        try:
            headers = {"content-type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer: Frame = json.loads(connection.getresponse().read())
            return answer
        finally:
            connection.close()


class _SocketConnection(http.client.HTTPConnection):
    """HTTP over the private socket that llama.cpp listens on."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


def start_server(config: Frame) -> Any:
    """Load the model.

    Raises:
        RuntimeError: it cannot be loaded; llama.cpp has written why to standard error.
    """
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = config["model"]
    params.verbosity = 3 if config["log"] else 1  # 1: errors
    params.offline = True
    params.ui = False
    params.n_parallel = config["parallel_chats"]
    params.n_ctx = (config["context_tokens"] or DEFAULT_CONTEXT_TOKENS) * config["parallel_chats"]
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.kv_unified = False  # each chat has its own room: one that grows never takes another's
    params.cache_ram_mib = 0
    params.fit_params = False
    params.warmup = False
    params.n_threads_http = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = config["threads"] or _default_threads()
    if config["socket"]:
        params.hostnames = [config["socket"]]  # a private folder; there is no port that others could call
    else:
        params.hostnames = ["127.0.0.1"]
        params.api_keys = [os.urandom(16).hex()]
    return xllamacpp.Server(params)


def _default_threads() -> int:
    """Leave a processor to the others: threads wait for each other 500 times per token, so one held up holds up all."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cpus - 1, MAX_DEFAULT_THREADS))


def leave(status: int) -> NoReturn:
    """End at once: what still runs has nobody to read it."""
    config: Frame = json.loads(sys.argv[1])
    if config["socket"]:
        with contextlib.suppress(OSError):
            os.unlink(config["socket"])  # noqa: PTH108 - pathlib would cost start-up time
        with contextlib.suppress(OSError):
            os.rmdir(os.path.dirname(config["socket"]))  # noqa: PTH106, PTH120 - as above
    os._exit(status)


def _watch_parent(parent_pid: int) -> None:
    """End when the parent is gone even though somebody else, forked from it, still holds the pipe open."""
    while os.getppid() == parent_pid:
        time.sleep(PARENT_POLL_S)
    leave(0)


def _keep_quiet() -> int:
    """Keep standard output for frames alone: whatever prints from now on prints to standard error."""
    frames = os.dup(1)
    os.dup2(2, 1)
    return frames


def _ignore_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides; it closes the pipe


def main(config: Frame, orders: BinaryIO) -> None:
    """Load the model, then serve until the parent closes the pipe."""
    _ignore_ctrl_c()
    out = Out(_keep_quiet())
    if sys.platform != "win32":
        threading.Thread(target=_watch_parent, args=[config["parent_pid"]], daemon=True).start()
        with contextlib.suppress(OSError):
            os.nice(NICENESS)
    sys.path.append(config["packages"])
    try:
        server = start_server(config)
    except (RuntimeError, ImportError, ValueError) as error:
        sys.stderr.write(f" E {error}\n")
        sys.stderr.flush()
        leave(1)
    _ignore_ctrl_c()  # llama.cpp has just installed its own handlers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    worker = Worker(config, server, out)
    out.write({"op": "ready", "context_tokens": config["context_tokens"] or DEFAULT_CONTEXT_TOKENS})
    for line in orders:
        worker.order(json.loads(line))
    leave(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.stdin.buffer)
