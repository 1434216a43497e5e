"""What is sealed opens for the same purpose and user, in time, and otherwise says the same as if it were noise."""

from __future__ import annotations

import asyncio
import base64
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flightwire import sealing
from flightwire.actions.seal import KEY_FILE, AESSealer, sealer_of
from flightwire.errors import InvalidArgumentError, SealError
from flightwire.scope import RequestScope
from flightwire.sealing import SEAL_LIFETIME_S

OLD, NEW = "old-" + "o" * 32, "new-" + "n" * 32
PAYLOAD = b"save\x00\xff" + b"x" * 200


class Clock:
    """The time, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sealer(clock: Clock) -> AESSealer:
    return AESSealer(lambda: [b"k" * 32], now=clock)


def refusal(open_it: Callable[[], object]) -> str:
    with pytest.raises(SealError) as caught:
        open_it()
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_what_was_sealed_opens(sealer: AESSealer) -> None:
    assert sealer.open("bound:a", sealer.seal("bound:a", PAYLOAD, user="7"), user="7") == PAYLOAD
    assert sealer.open("x", sealer.seal("x", b"", user=None), user=None) == b""


def test_the_same_is_never_sealed_alike(sealer: AESSealer) -> None:
    assert len({sealer.seal("a", PAYLOAD, user=None) for _ in range(500)}) == 500


def test_what_is_sealed_shows_nothing_of_its_content(sealer: AESSealer) -> None:
    raw = base64.urlsafe_b64decode(sealer.seal("purpose", b"secret-content", user="the-user") + "==")
    assert b"secret" not in raw
    assert b"purpose" not in raw
    assert b"the-user" not in raw


def test_every_flipped_bit_is_refused_and_all_say_the_same(sealer: AESSealer) -> None:
    sealed = sealer.seal("a", b"payload", user="7")
    raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    forged = []
    for bit in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[bit // 8] ^= 1 << bit % 8
        forged.append(base64.urlsafe_b64encode(changed).rstrip(b"=").decode())
    assert len({refusal(lambda each=each: sealer.open("a", each, user="7")) for each in forged}) == 1


def test_every_changed_character_is_refused(sealer: AESSealer) -> None:
    """The last characters of base64 have bits that mean nothing: changing those is changing it, too."""
    for length in range(4):
        sealed = sealer.seal("a", b"p" * length, user=None)
        for at, char in enumerate(sealed):
            for other in {"A", "B", "_", "-", "=", "9", " ", "\n", "+", "/"} - {char}:
                refusal(lambda text=sealed[:at] + other + sealed[at + 1 :]: sealer.open("a", text, user=None))
        for text in (sealed + "=", sealed + "A", " " + sealed, sealed + "\n", sealed + "=="):
            refusal(lambda text=text: sealer.open("a", text, user=None))


def test_every_truncation_is_refused(sealer: AESSealer) -> None:
    sealed = sealer.seal("a", b"payload", user="7")
    for end in range(len(sealed)):
        refusal(lambda end=end: sealer.open("a", sealed[:end], user="7"))


@pytest.mark.parametrize(
    "junk", ["", "A", "é", "\ud800", "AQ", "A" * 100, "\0" * 60, 5, None, b"AQAA", ["x"]]
)
def test_junk_is_refused(sealer: AESSealer, junk: object) -> None:
    refusal(lambda: sealer.open("a", junk, user=None))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("purpose", "user"),
    [
        ("b", "7"),
        ("a", "8"),
        ("a", None),
        ("a", ""),
        ("a7", ""),
        ("", "a7"),
        ("a", "=7"),
        ("a\0", "7"),
        ("A", "7"),
    ],
)
def test_another_purpose_or_user_is_refused(sealer: AESSealer, purpose: str, user: str | None) -> None:
    sealed = sealer.seal("a", PAYLOAD, user="7")
    assert refusal(lambda: sealer.open(purpose, sealed, user=user)) == str(SealError())


def test_nobody_is_not_the_user_without_a_name(sealer: AESSealer) -> None:
    refusal(lambda: sealer.open("a", sealer.seal("a", PAYLOAD, user=""), user=None))


def test_it_opens_until_its_time_is_over(sealer: AESSealer, clock: Clock) -> None:
    sealed = sealer.seal("a", PAYLOAD, user=None, expires_s=60)
    clock.now_s += 59.9
    assert sealer.open("a", sealed, user=None) == PAYLOAD
    clock.now_s += 0.2
    assert refusal(lambda: sealer.open("a", sealed, user=None)) == str(SealError())


def test_it_lives_for_a_week_by_default(sealer: AESSealer, clock: Clock) -> None:
    sealed = sealer.seal("a", PAYLOAD, user=None)
    clock.now_s += SEAL_LIFETIME_S - 1
    assert sealer.open("a", sealed, user=None) == PAYLOAD
    clock.now_s += 2
    refusal(lambda: sealer.open("a", sealed, user=None))
    assert SEAL_LIFETIME_S == 7 * 24 * 3600


def test_another_key_is_refused() -> None:
    sealed = sealer_of(None, environment=OLD).seal("a", PAYLOAD, user=None)
    assert refusal(lambda: sealer_of(None, environment=NEW).open("a", sealed, user=None)) == str(SealError())


def test_keys_rotate() -> None:
    old, both, new = (sealer_of(None, environment=keys) for keys in (OLD, f"{NEW}, {OLD}", NEW))
    assert both.open("a", old.seal("a", PAYLOAD, user=None), user=None) == PAYLOAD
    assert new.open("a", both.seal("a", PAYLOAD, user=None), user=None) == PAYLOAD
    refusal(lambda: old.open("a", both.seal("a", PAYLOAD, user=None), user=None))


@pytest.mark.parametrize("keys", ["short", f"{NEW},short", f"{NEW},", ","])
def test_a_secret_that_could_be_guessed_is_refused_at_once(keys: str) -> None:
    with pytest.raises(InvalidArgumentError, match=r"FLIGHTWIRE_SECRET_KEY.*token_urlsafe\(32\)"):
        sealer_of(None, environment=keys)


def test_refusing_costs_less_than_a_millisecond() -> None:
    sealer = sealer_of(None, environment=f"{NEW},{OLD}")
    sealed = sealer.seal("a", b"x" * 1000, user="7")
    forged = [sealed[:-8] + "AAAAAAAA", sealed[:40], "x" * 1400, sealed.swapcase()]
    for each in forged:
        refusal(lambda each=each: sealer.open("a", each, user="7"))
        began = time.process_time()
        for _ in range(200):
            refusal(lambda each=each: sealer.open("a", each, user="7"))
        assert (time.process_time() - began) / 200 < 0.001


# --- where keys come from ------------------------------------------------------------------------------------------


def test_workers_of_one_folder_share_a_key(tmp_path: Path) -> None:
    sealed = sealer_of(tmp_path, environment="").seal("a", PAYLOAD, user=None)
    assert sealer_of(tmp_path, environment="").open("a", sealed, user=None) == PAYLOAD


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such permissions")
def test_the_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    sealer_of(tmp_path / ".flightwire", environment="").seal("a", b"", user=None)
    assert stat.S_IMODE((tmp_path / ".flightwire" / KEY_FILE).stat().st_mode) == 0o600
    assert (tmp_path / ".flightwire" / ".gitignore").read_text() == "*\n"


def test_workers_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from flightwire.actions.seal import sealer_of;"
        "sys.stdin.readline(); print(sealer_of(Path(sys.argv[1]), environment='').seal('a', b'hi', user=None))"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    with ThreadPoolExecutor() as pool:
        sealed = [out.strip() for out, _ in pool.map(lambda worker: worker.communicate("go\n"), workers)]
    assert [sealer_of(tmp_path, environment="").open("a", each, user=None) for each in sealed] == [b"hi"] * 4
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(KEY_FILE)] == [KEY_FILE]


def test_a_key_that_others_can_read_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sealer_of(tmp_path, environment="").seal("a", b"", user=None)
    (tmp_path / KEY_FILE).chmod(0o644)
    sealer_of(tmp_path, environment="").seal("a", b"", user=None)
    assert "chmod 600" in caplog.text


@pytest.mark.parametrize("content", ["", "zz" * 32, "ab" * 31, "\u00e9" * 64])
def test_a_damaged_key_file_is_reported_and_never_used(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / KEY_FILE).write_text(content, encoding="utf-8")
    (tmp_path / KEY_FILE).chmod(0o600)
    sealer = sealer_of(tmp_path, environment="")
    assert sealer.open("a", sealer.seal("a", PAYLOAD, user=None), user=None) == PAYLOAD
    assert "opens in this process only" in caplog.text
    refusal(
        lambda: sealer_of(tmp_path, environment="").open("a", sealer.seal("a", b"", user=None), user=None)
    )


def test_an_app_without_a_folder_has_a_key_of_its_own_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    sealer = sealer_of(None, environment="")
    assert caplog.text == ""
    assert sealer.open("a", sealer.seal("a", PAYLOAD, user=None), user=None) == PAYLOAD
    assert caplog.text.count("opens in this process only") == 1


def test_a_sealer_tells_nothing_about_its_key() -> None:
    assert repr(sealer_of(None, environment=NEW)) == "<sealer>"


# --- for the request -------------------------------------------------------------------------------------------------


async def _in_request(user: str | None, fn: Callable[[], object], sealer: AESSealer) -> object:
    scope = RequestScope()
    scope.sealer, scope.user_key = sealer, lambda: user

    async def run() -> object:
        return fn()

    return await scope.run(run(), name="test")


def test_code_in_a_request_seals_for_its_user(sealer: AESSealer) -> None:
    def in_request(user: str | None, fn: Callable[[], object]) -> object:
        return asyncio.run(_in_request(user, fn, sealer))

    sealed = str(in_request("7", lambda: sealing.seal("ai-state", PAYLOAD)))
    assert in_request("7", lambda: sealing.unseal("ai-state", sealed)) == PAYLOAD
    with pytest.raises(SealError):
        in_request("8", lambda: sealing.unseal("ai-state", sealed))
    with pytest.raises(InvalidArgumentError, match="no request"):
        sealing.seal("ai-state", PAYLOAD)
