"""Files over HTTP: which form is sent, what a cache is told, 304 and ranges."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any

import pytest

from flightwire.server.compression import choose_encoding, compressed
from flightwire.server.static import FOR_EVER, REVALIDATED, StaticFile, send_static

from .asgi import Exchange

pytestmark = pytest.mark.anyio

TEXT = b"export const greeting = 'Hello';\n" * 100
PRESSED = gzip.compress(TEXT)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    (tmp_path / "app-1a2b.js").write_bytes(TEXT)
    (tmp_path / "app-1a2b.js.gz").write_bytes(PRESSED)
    (tmp_path / "app-1a2b.js.br").write_bytes(b"brotli")
    return tmp_path / "app-1a2b.js"


async def get(path: Path, *, method: str = "GET", cache_control: str = FOR_EVER, **headers: str) -> Exchange:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send_static(StaticFile.find(path), scope, receive, send, cache_control=cache_control)

    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    return await Exchange(app, method=method, headers=sent).finish()


@pytest.mark.parametrize(
    ("accepted", "chosen"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("br;q=0, gzip", "gzip"),
        ("GZIP;q=0.5", "gzip"),
        ("*", "br"),
        ("*;q=0", None),
        ("br;q=0.000, *", "gzip"),
        ("identity;q=1, *;q=0", None),
        ("gzip;q=nonsense", None),
        ("br" * 10_000, None),
        (";;;,,,\x00", None),
    ],
)
def test_the_best_accepted_coding_is_chosen(accepted: str | None, chosen: str | None) -> None:
    assert choose_encoding(accepted, ["br", "gzip"]) == chosen


async def test_a_form_made_by_the_build_is_sent_under_the_files_own_type(script: Path) -> None:
    answer = await get(script, accept_encoding="gzip")
    assert (answer.status, answer.body) == (200, PRESSED)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-length"] == str(len(PRESSED))


async def test_a_client_without_codings_gets_the_bytes_as_they_are(script: Path) -> None:
    answer = await get(script)
    assert answer.body == TEXT
    assert "content-encoding" not in answer.headers


async def test_caches_learn_that_the_coding_decides(script: Path) -> None:
    for accepted in ("br", "gzip", "identity"):
        assert (await get(script, accept_encoding=accepted)).headers["vary"] == "accept-encoding"


async def test_a_file_without_forms_does_not_vary(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(b"png")
    answer = await get(tmp_path / "logo.png", accept_encoding="gzip, br", cache_control=REVALIDATED)
    assert "vary" not in answer.headers
    assert answer.headers["cache-control"] == "public, no-cache"
    assert answer.headers["content-type"] == "image/png"


async def test_each_form_has_a_tag_of_its_own(script: Path) -> None:
    tags = {(await get(script, accept_encoding=coding)).headers["etag"] for coding in ("br", "gzip", "")}
    assert len(tags) == 3


@pytest.mark.parametrize("coding", ["", "gzip", "br"])
async def test_what_the_client_has_is_not_sent_again(script: Path, coding: str) -> None:
    tag = (await get(script, accept_encoding=coding)).headers["etag"]
    answer = await get(script, accept_encoding=coding, if_none_match=f'"other", W/{tag}')
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"] == tag
    assert answer.headers["vary"] == "accept-encoding"
    assert "content-length" not in answer.headers


async def test_the_tag_of_another_form_is_not_fresh(script: Path) -> None:
    tag = (await get(script, accept_encoding="gzip")).headers["etag"]
    assert (await get(script, accept_encoding="br", if_none_match=tag)).status == 200


async def test_a_changed_file_is_sent_again(script: Path) -> None:
    tag = (await get(script)).headers["etag"]
    script.write_bytes(TEXT[:-1])
    assert (await get(script, if_none_match=tag)).status == 200


async def test_the_date_decides_without_a_tag(script: Path) -> None:
    os.utime(script, (1_000_000_000, 1_000_000_000))
    date = (await get(script)).headers["last-modified"]
    assert (await get(script, if_modified_since=date)).status == 304
    assert (await get(script, if_modified_since="Sat, 01 Jan 2000 00:00:00 GMT")).status == 200
    assert (await get(script, if_modified_since="yesterday")).status == 200


async def test_ranges_are_of_the_bytes_as_they_are(script: Path) -> None:
    answer = await get(script, accept_encoding="br, gzip", range="bytes=7-11")
    assert (answer.status, answer.body) == (206, TEXT[7:12])
    assert answer.headers["content-range"] == f"bytes 7-11/{len(TEXT)}"
    assert "content-encoding" not in answer.headers


async def test_a_range_of_an_older_file_becomes_the_whole_file(script: Path) -> None:
    tag = (await get(script)).headers["etag"]
    assert (await get(script, range="bytes=0-0", if_range=tag)).status == 206
    assert (await get(script, range="bytes=0-0", if_range='"old"')).body == TEXT


@pytest.mark.parametrize(
    "asked",
    ["lines=1-2", "bytes=abc", "bytes=", "bytes=-", "bytes=3-1", "bytes=0-1,", "bytes=1--2", "bytes=" + "0-,0-1," * 2000 + "5-6"],
)  # fmt: skip
async def test_a_range_that_is_none_is_ignored(script: Path, asked: str) -> None:
    answer = await get(script, accept_encoding="gzip", range=asked)
    assert (answer.status, answer.body) == (200, PRESSED)


async def test_a_range_of_a_head_is_ignored(script: Path) -> None:
    answer = await get(script, method="HEAD", range="bytes=0-4")
    assert (answer.status, answer.headers["content-length"]) == (200, str(len(TEXT)))


async def test_a_few_ranges_come_in_one_answer(script: Path) -> None:
    answer = await get(script, range="bytes=0-5, -1")
    assert answer.status == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges")


async def test_a_range_beyond_the_end_is_refused(script: Path) -> None:
    assert (await get(script, range="bytes=999999-")).status == 416


async def test_head_says_what_get_would(script: Path) -> None:
    head, whole = (
        await get(script, method="HEAD", accept_encoding="gzip"),
        await get(script, accept_encoding="gzip"),
    )
    assert (head.body, head.headers) == (b"", whole.headers)


async def test_a_large_page_is_compressed_for_who_takes_it() -> None:
    page = b"<p>Hello</p>" * 1000
    body, headers = await compressed({"headers": [(b"accept-encoding", b"br, gzip")]}, page)
    assert gzip.decompress(body) == page
    assert headers == [(b"vary", b"accept-encoding"), (b"content-encoding", b"gzip")]
    assert await compressed({"headers": []}, page) == (page, [(b"vary", b"accept-encoding")])


async def test_a_small_page_is_left_alone() -> None:
    assert await compressed({"headers": [(b"accept-encoding", b"gzip")]}, b"short") == (b"short", [])


async def test_a_very_large_page_is_compressed_outside_the_loop() -> None:
    page = os.urandom(50_000).hex().encode()
    body, _ = await compressed({"headers": [(b"accept-encoding", b"gzip")]}, page)
    assert gzip.decompress(body) == page
