"""Inside somebody else's application: values come one by one, a disconnect arrives, paths and peers are what they are."""

from __future__ import annotations

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import flightwire
from flightwire import read_streamable_value

from .hosts import HOSTS, serving

pytestmark = pytest.mark.anyio

FIRST_CHUNK_S = 0.2


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[flightwire.Client]:
    async with flightwire.Client(url, headers={"accept-encoding": "gzip"}) as client:
        yield client


EVERYWHERE = pytest.mark.parametrize("host", [*HOSTS, "under_middleware", "without_lifespan"])


@EVERYWHERE
async def test_values_come_one_by_one_and_going_away_reaches_the_work(hosts_folder: Path, host: str):
    left = hosts_folder / "app" / "left"
    left.unlink(missing_ok=True)
    with serving(hosts_folder, host) as url:
        async with client_of(url) as client:
            delays = []
            async for sent in read_streamable_value(await client.call("ticks")):
                delays.append(time.time() - sent)
                if len(delays) == 3:
                    break
        for _ in range(100):
            if left.exists():
                break
            await asyncio.sleep(0.05)
    assert min(delays) < FIRST_CHUNK_S
    assert left.exists(), "the disconnect did not reach the action"


@EVERYWHERE
async def test_health_and_missing_paths_are_found_under_the_prefix(hosts_folder: Path, host: str):
    with serving(hosts_folder, host) as url:
        ready, missing = await asyncio.gather(get(f"{url}/_flightwire/ready"), get(f"{url}/nothing/here"))
    assert ready == (200, "ready\n")
    assert missing[0] == 404
    assert "Nothing is served at /nothing/here" in missing[1]


async def test_djangos_own_urls_stay_its_own(hosts_folder: Path):
    with serving(hosts_folder, "django_host") as url:
        assert await get(url.removesuffix("/ai") + "/own/") == (200, "Django's own")


async def test_forwarded_headers_are_believed_only_when_the_server_is_told(hosts_folder: Path):
    forged = {
        "x-forwarded-for": "203.0.113.7",
        "x-forwarded-proto": "https",
        "x-forwarded-host": "evil.example",
    }
    for options, expected in {
        ("--forwarded-allow-ips", "10.0.0.1"): ["http", "127.0.0.1"],
        ("--forwarded-allow-ips", "127.0.0.1"): ["https", "203.0.113.7"],
    }.items():
        with serving(hosts_folder, "fastapi_host", *options) as url:
            async with flightwire.Client(url, headers=forged) as client:
                assert await client.call("who") == expected


async def get(url: str) -> tuple[int, str]:
    return await asyncio.to_thread(_get, url)


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
