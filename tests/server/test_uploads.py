"""Files in calls: on disk while they come, gone when the call ends, within limits, and what they are, not what they say."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import BaseModel

import flightwire
from flightwire import Action, File, FileLimits, FormData, UserError, action, after
from flightwire.errors import (
    ArgumentError,
    BodyTimeoutError,
    BodyTooLargeError,
    DecodeError,
    InvalidArgumentError,
)
from flightwire.files import base_name, sniff
from flightwire.server import forms
from flightwire.server.app import App
from flightwire.server.body import ClientDisconnected, Uploads, read_call
from flightwire.server.forms import FormLimits
from flightwire.server.work import Limits
from flightwire.testing import ActionClient

from ..test_client import serving
from .asgi import call

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 200
BIG = bytes(range(256)) * 4096  # 1 MiB


def part(name: str, content: bytes, filename: str | None = None, content_type: str = "") -> bytes:
    head = f'--XX\r\nContent-Disposition: form-data; name="{name}"'
    if filename is not None:
        head += f'; filename="{filename}"\r\nContent-Type: {content_type}'
    return head.encode() + b"\r\n\r\n" + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XX--\r\n"


FORM = {"content-type": "multipart/form-data; boundary=XX"}


def upload(content: bytes, filename: str = "cat.png", content_type: str = "image/png") -> bytes:
    return form(part("1", content, filename, content_type), part("0", b'["$B1"]'))


seen: list[Any] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    seen.clear()


@action(max_body_bytes=4 * 1024 * 1024)
async def keep(file: File) -> dict[str, object]:
    seen.append(file)
    after(lambda: seen.append(file.size))
    return {
        "name": file.filename,
        "type": file.content_type,
        "looks": file.media_type,
        "size": file.size,
        "same": await file.read()
        == file.data
        == b"".join([chunk async for chunk in file])
        == file.file.read(),
        "chunks": max([len(chunk) async for chunk in file], default=0),
    }


@action(max_body_bytes=4 * 1024 * 1024)
def keep_plainly(file: File, path: str) -> int:
    file.save(path)
    return file.size


@action
async def photo(
    file: Annotated[File, FileLimits(max_file_bytes=2_000_000, accept=["image/png", "image/jpeg"])],
) -> str:
    return file.filename


@action
async def photos(
    files: Annotated[list[File], FileLimits(max_file_bytes=300_000, max_files=2, accept="image/*")],
) -> int:
    return len(files)


@action
async def form_of(form: Annotated[FormData, FileLimits(max_files=1, accept=["text/csv"])]) -> list[str]:
    return list(form)


class Profile(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    avatar: Annotated[File, FileLimits(accept=["image/png"])]


@action
async def fail(file: Annotated[File, FileLimits()]) -> None:
    seen.append(file)
    raise UserError("no")


@action
async def hang(file: Annotated[File, FileLimits()]) -> None:
    seen.append(file)
    await asyncio.Event().wait()


ACTIONS: list[Action[..., Any]] = [keep, keep_plainly, photo, photos, form_of, fail, hang]


@pytest.fixture
def app() -> Any:
    return flightwire.app(actions=ACTIONS, mode="development")


def split(body: bytes, size: int = 60_000) -> list[bytes]:
    return [body[at : at + size] for at in range(0, len(body), size)]


@pytest.mark.parametrize("content", [b"", b"x", PNG, BIG, BIG + BIG + b"end"], ids=len)
async def test_a_file_is_whole_wherever_it_is_kept(app: Any, content: bytes) -> None:
    done = await call(app, "test_uploads#keep", headers=FORM, body=split(upload(content))).finish()
    assert done.status == 200, done.text
    assert done.root["size"] == len(content)
    assert done.root["same"] is True
    assert done.root["chunks"] <= 64 * 1024
    assert (done.root["name"], done.root["type"]) == ("cat.png", "image/png")


@pytest.mark.parametrize("name", ["keep", "fail", "hang"])
async def test_files_are_gone_when_the_call_has_ended(app: Any, name: str) -> None:
    running = call(app, f"test_uploads#{name}", headers=FORM, body=split(upload(BIG)))
    await running.until(lambda _: seen)
    assert seen[0].size == len(BIG)
    running.leave()
    await running.finish()
    with pytest.raises(InvalidArgumentError, match="lasts as long as the call"):
        _ = seen[0].data
    if name == "keep":
        assert seen[1] == len(BIG)  # after() still knew it


async def test_a_client_that_leaves_in_the_middle_leaves_nothing() -> None:
    messages = [
        {"type": "http.request", "body": chunk, "more_body": True} for chunk in split(upload(BIG))[:8]
    ]
    messages.append({"type": "http.disconnect"})

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    uploads = Uploads()
    limits = FormLimits(max_file_bytes=1 << 30)
    with pytest.raises(ClientDisconnected):
        await read_call(receive, FORM["content-type"], max_body_bytes=1 << 30, form=limits, uploads=uploads)
    spool = uploads.readers[0]._spool
    assert spool is not None
    assert not spool.closed
    uploads.discard()
    assert spool.closed


async def test_a_plain_action_saves_a_file(app: Any, tmp_path: Path) -> None:
    path = tmp_path / "kept"
    body = form(part("1", BIG, "a", "b/c"), part("0", f'["$B1","{path}"]'.encode()))
    done = await call(app, "test_uploads#keepPlainly", headers=FORM, body=split(body)).finish()
    assert done.root == len(BIG)
    assert path.read_bytes() == BIG


async def test_saving_may_be_awaited(tmp_path: Path) -> None:
    for file in (File("a", "b", BIG), File("a", "b", stored=io.BytesIO(BIG), size=len(BIG))):
        await file.save(tmp_path / "a")
        file.save(str(tmp_path / "b"))
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == BIG


# --- limits --------------------------------------------------------------------------------------------------------


async def status(app: Any, name: str, body: bytes | list[bytes], **headers: str) -> tuple[int, str]:
    done = await call(app, f"test_uploads#{name}", headers={**FORM, **headers}, body=body).finish()
    return done.status, done.text


async def test_a_file_that_is_too_large_is_cut_while_it_comes(app: Any) -> None:
    running = call(app, "test_uploads#photo", headers=FORM, body=split(upload(PNG + b"x" * 3_000_000)))
    done = await running.finish()
    assert done.status == 413
    assert "The file 'cat.png' is larger than 2000000 bytes" in done.text
    assert len(running._chunks) > 10  # the rest was never read


async def test_files_have_limits_of_their_own_and_the_rest_keeps_the_apps(app: Any) -> None:
    assert (await status(app, "photo", split(upload(PNG + b"x" * 1_900_000))))[0] == 200
    text = form(part("1", PNG, "a", ""), part("0", b'["$B1"]'), part("2", b"x" * (1 << 20)))
    assert (await status(app, "photo", split(text)))[0] == 413
    header_only = await status(app, "photo", b"", **{"content-length": "999999999"})
    assert header_only[0] == 413


async def test_a_text_body_cannot_use_the_allowance_for_files(app: Any) -> None:
    body = b'["' + b"x" * 2_000_000 + b'"]'
    done = await call(app, "test_uploads#photo", body=split(body)).finish()
    assert done.status == 413


async def test_bytes_that_are_no_file_cannot_use_it_either(app: Any) -> None:
    body = form(part("1", b"x" * 1_500_000, "blob", ""), part("0", b'["$o1"]'))
    assert (await status(app, "photo", split(body)))[0] == 413


async def test_too_many_files_are_refused(app: Any) -> None:
    three = form(*(part(str(n), PNG, "a", "") for n in (1, 2, 3)), part("0", b'[["$B1","$B2","$B3"]]'))
    code, text = await status(app, "photos", three)
    assert (code, text) == (413, "The call brings more than 2 files.")
    two = form(*(part(str(n), PNG, "a", "") for n in (1, 2)), part("0", b'[["$B1","$B2"]]'))
    assert (await status(app, "photos", two))[0] == 200


@pytest.mark.parametrize(
    ("content", "declared", "ok"),
    [
        (PNG, "image/png", True),
        (PNG, "text/html", True),
        (b"\xff\xd8\xff\xe0" + b"x" * 50, "", True),
        (b"GIF89a" + b"x" * 50, "image/png", False),
        (b"<svg onload=alert(1)>", "image/png", False),
        (b"<html><script>", "image/png", False),
        (b"MZ\x90\0", "image/png", False),
        (b"", "image/png", False),
        (b"hello", "image/png", False),
    ],
)
async def test_what_a_file_is_counts_and_not_what_it_says(
    app: Any, content: bytes, declared: str, ok: bool
) -> None:
    code, text = await status(app, "photo", upload(content, content_type=declared))
    assert code == (200 if ok else 400), text
    assert ok or "file: accepted are image/png, image/jpeg; its content looks like" in text


async def test_svg_is_no_image_that_a_wildcard_means(app: Any) -> None:
    body = form(part("1", b"<svg/>", "a.svg", "image/svg+xml"), part("0", b'[["$B1"]]'))
    assert (await status(app, "photos", body))[0] == 400


@pytest.mark.parametrize(
    ("content", "declared", "ok"),
    [
        (b"a,b\n1,2", "text/csv", True),
        (b"a,b", "text/plain", False),
        (b"<html>", "text/csv", False),
        (PNG, "text/csv", False),
    ],
)
async def test_text_is_what_it_says_unless_it_would_run(
    app: Any, content: bytes, declared: str, ok: bool
) -> None:
    body = form(part("_1_sheet", content, "a.csv", declared), part("0", b'["$K1"]'))
    assert (await status(app, "formOf", body))[0] == (200 if ok else 400)


async def test_limits_hold_in_the_fields_of_models() -> None:
    @action
    async def save(profile: Profile) -> str:
        return profile.avatar.filename

    async with ActionClient(actions=[save]) as client:
        assert await client.call(save, {"avatar": File("a.png", "", PNG)}) == "a.png"
        with pytest.raises(ArgumentError, match=r"profile\.avatar: accepted are image/png"):
            await client.call(save, {"avatar": File("a.png", "image/png", b"GIF89a")})


@pytest.mark.parametrize(
    "options",
    [
        {"max_file_bytes": 0},
        {"max_files": -1},
        {"max_files": True},
        {"accept": ["png"]},
        {"accept": [5]},
        {"accept": ["a/b/c"]},
    ],
)
def test_limits_that_make_no_sense_are_refused(options: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="FileLimits"):
        FileLimits(**options)


# --- names and types -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Windows\\system32\\evil.exe", "evil.exe"),
        ("..", "file"),
        (".", "file"),
        ("/", "file"),
        ("a/..", "file"),
        ("a\0b.png", "ab.png"),
        ("a\r\nb", "ab"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("\ud800", "file"),
        ("", ""),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
        ("x" * 300, "x" * 255),
        ("x" * 254 + " and more", "x" * 254),
        ("." * 300 + "x" * 300, "file"),
        (".bashrc", ".bashrc"),
        ("ü ☃.txt", "ü ☃.txt"),
    ],
)
def test_names_have_no_folders_and_nothing_invisible(given: str, name: str) -> None:
    assert base_name(given) == name
    assert base_name(name) == name


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (PNG, "image/png"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"\0\0\0\x20ftypavif", "image/avif"),
        (b"%PDF-1.7", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"", "text/plain"),
        (b"hello", "text/plain"),
        ("grüße".encode(), "text/plain"),
        (b"a\0b", "application/octet-stream"),
        (b"  <!-- x --> <SVG>", "image/svg+xml"),
        (b"<?xml version='1.0'?><svg>", "image/svg+xml"),
        (b"<?xml version='1.0'?>\n<note>", "text/xml"),
        (b"\xef\xbb\xbf<!DOCTYPE html><html>", "text/html"),
        (b"<script>", "text/html"),
        (b"<x:svg>", "image/svg+xml"),
        (b"a < b", "text/plain"),
    ],
)
def test_the_first_bytes_say_what_it_is(start: bytes, media_type: str) -> None:
    assert sniff(start) == media_type


# --- hostile bodies ------------------------------------------------------------------------------------------------


class Line:
    """A connection that sends these messages and then nothing more."""

    def __init__(self, *chunks: bytes, ends: bool = False) -> None:
        self.chunks = list(chunks)
        self.ends = ends

    async def __call__(self) -> dict[str, Any]:
        if not self.chunks and not self.ends:
            await asyncio.Event().wait()
        chunk = self.chunks.pop(0) if self.chunks else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(self.chunks) or not self.ends}


async def read(
    line: Line, limits: FormLimits | None = None, max_body_bytes: int = 1 << 30, timeout_s: float = 20
) -> Any:
    uploads = Uploads()
    try:
        return await read_call(
            line,
            FORM["content-type"],
            max_body_bytes=max_body_bytes,
            form=limits or FormLimits(),
            uploads=uploads,
            timeout_s=timeout_s,
        )
    finally:
        uploads.discard()


async def test_the_same_form_split_at_every_byte_gives_the_same_parts() -> None:
    body = form(part("1", b"x\r\n--X", "a", "b/c"), part("0", b'["$B1"]'), part("2", b""))
    whole = await read(Line(body, ends=True))
    for at in range(len(body)):
        assert await read(Line(body[:at], body[at:], ends=True)) == whole
    assert await read(Line(*(bytes([byte]) for byte in body), ends=True)) == whole


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--X",
        b"--XX",
        b"--XX\r\n",
        b"x" + form(part("0", b"[]")),
        b"\r\n" + form(part("0", b"[]")),
        form(part("0", b"[]")) + b"x",
        form(part("0", b"[]")) + b"\r\nx",
        form(part("0", b"[]")) + form(part("0", b"[]")),
        form(part("0", b"[]"))[:-6],
        form(part("0", b"[]"))[:-1],
        b"--XX--x",
        b"--XX--\r",
        b"--XX--\r\n\r\n",
    ],
)
async def test_what_stands_around_a_form_is_refused_however_it_is_split(body: bytes) -> None:
    for at in range(len(body) + 1):
        with pytest.raises(DecodeError):
            await read(Line(body[:at], body[at:], ends=True))


@pytest.mark.parametrize("body", [b"--XX--", b"--XX--\r\n"])
async def test_an_empty_form_is_one_however_it_is_split(body: bytes) -> None:
    for at in range(len(body) + 1):
        assert await read(Line(body[:at], body[at:], ends=True)) == []


async def test_ten_thousand_parts_are_cut_at_a_thousand() -> None:
    line = Line(*split(form(*(part(str(n), b"1") for n in range(10_000)))), ends=True)
    with pytest.raises(DecodeError, match="more than 1000 parts"):
        await read(line)
    assert len(line.chunks) > 5


async def test_a_body_without_a_length_is_counted() -> None:
    line = Line(*[b"x" * 60_000] * 100)
    line.chunks.insert(0, part("1", b"", "a", "b")[:-2])
    with pytest.raises(BodyTooLargeError):
        await read(line, max_body_bytes=1 << 20)
    assert len(line.chunks) > 80


async def test_a_body_that_comes_byte_by_byte_is_cut_in_time() -> None:
    with pytest.raises(BodyTimeoutError, match=r"within 0\.1 s"):
        await read(Line(*(bytes([byte]) for byte in form(part("0", b"[]"))[:-5])), timeout_s=0.1)


async def test_what_comes_fast_enough_gets_more_time() -> None:
    class Steady(Line):
        async def __call__(self) -> dict[str, Any]:
            await asyncio.sleep(0.01)
            return await super().__call__()

    steady = Steady(*split(form(part("1", BIG, "a", "b")), 20_000), ends=True)
    assert len(await read(steady, timeout_s=0.3)) == 1


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "x", "identity, gzip"])
async def test_compressed_bodies_are_refused(app: Any, encoding: str) -> None:
    code, text = await status(app, "keep", upload(PNG), **{"content-encoding": encoding})
    assert code == 400
    assert "content-encoding" in text


async def test_only_so_many_files_are_open_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forms, "MAX_STORED_FILES", 3)
    body = form(*(part(str(n), b"x" * 70_000, "a", "b") for n in range(5)))
    with pytest.raises(BodyTooLargeError, match="more than 3 large files"):
        await read(Line(*split(body), ends=True), FormLimits(max_file_bytes=1 << 20))


MEASURE = """
import asyncio, resource, sys
sys.path.insert(0, sys.argv[1])
from tests.server.test_uploads import *

async def receive_of(size):
    head = part("1", b"", "a", "b")[:-2]
    yield head
    for _ in range(size // 60_000):
        yield b"x" * 60_000
    yield b"\\r\\n" + form(part("0", b'["$B1"]'))

async def main(size):
    body = receive_of(size)
    async def receive():
        try:
            return {"type": "http.request", "body": await anext(body), "more_body": True}
        except StopAsyncIteration:
            return {"type": "http.request", "body": b"", "more_body": False}
    uploads = Uploads()
    parts = await read_call(receive, FORM["content-type"], max_body_bytes=1 << 30, uploads=uploads,
        form=FormLimits(max_file_bytes=1 << 30))
    total = 0
    async for chunk in parts[0].stored: total += len(chunk)
    uploads.discard()
    return total

asyncio.run(main(1_000_000))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
total = asyncio.run(main(100_000_000))
print(total, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_file_of_100_mb_takes_less_than_8_mb_of_memory() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(root)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    total, grown_kib = map(int, done.stdout.split())
    assert total > 99_000_000
    assert grown_kib < 8 * 1024


# --- over a real connection ----------------------------------------------------------------------------------------


async def answer_to(head: str, *chunks: bytes, pause_s: float = 0.0) -> bytes:
    """What a real server answers to these bytes, sent with pauses on a connection that then stays open."""
    app = App(None, actions=ACTIONS, mode="production", allowed_origins=(), limits=Limits(body_timeout_s=0.5))
    async with serving(app) as url, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(
            f"POST / HTTP/1.1\r\nhost: x\r\nrsc-action-id: test_uploads#keep\r\ncontent-type: {FORM['content-type']}\r\n"
            f"{head}\r\n\r\n".encode()
        )
        sending = asyncio.ensure_future(_send(writer, chunks, pause_s))
        answer = await reader.readuntil(b"\r\n\r\n")
        sending.cancel()
        writer.close()
        return answer.partition(b"\r\n")[0]


async def _send(writer: asyncio.StreamWriter, chunks: tuple[bytes, ...], pause_s: float) -> None:
    for chunk in chunks:
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(pause_s)


def chunked(content: bytes) -> bytes:
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


async def test_a_body_with_a_length_that_lies_is_given_up_in_time() -> None:
    assert b" 408 " in await answer_to("content-length: 5000", upload(PNG)[:100])


async def test_a_body_at_one_byte_a_second_is_given_up_in_time() -> None:
    body = upload(PNG)
    drops = (bytes([byte]) for byte in body[:50])
    assert b" 408 " in await answer_to(f"content-length: {len(body)}", *drops, pause_s=1.0)


async def test_a_body_in_chunks_without_a_length_is_cut() -> None:
    start = chunked(part("1", b"", "a", "b")[:-2])
    flood = [chunked(b"x" * 60_000) for _ in range(200)]
    assert b" 413 " in await answer_to("transfer-encoding: chunked", start, *flood)


async def test_a_length_that_is_too_large_is_refused_before_the_body() -> None:
    assert b" 413 " in await answer_to("content-length: 5000000000")
