"""The Content-Security-Policy: its default, how an app changes it, and what cannot be part of one."""

from __future__ import annotations

import pytest

from flightwire.errors import InvalidArgumentError
from flightwire.server.csp import CSP, ContentSecurityPolicy, new_nonce

DEFAULT = (
    "default-src 'self'; script-src 'nonce-N'; style-src 'self' 'nonce-N'; style-src-attr 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)


def policy(csp: CSP = None, *, vite: str | None = None) -> str:
    made = ContentSecurityPolicy.of(csp)
    assert made is not None
    return made.header("N", vite=vite).decode()


def directive(name: str, csp: CSP = None, *, vite: str | None = None) -> str:
    return next(each for each in policy(csp, vite=vite).split("; ") if each.split()[0] == name)


def test_the_default_trusts_this_origin_and_scripts_with_the_nonce() -> None:
    assert policy() == DEFAULT


def test_sources_are_added_to_a_directive() -> None:
    csp = {
        "img-src": ["https://images.example.com"],
        "connect-src": "wss://live.example.com https://api.example.com",
    }
    assert directive("img-src", csp) == "img-src 'self' data: blob: https://images.example.com"
    assert (
        directive("connect-src", csp) == "connect-src 'self' wss://live.example.com https://api.example.com"
    )


def test_a_directive_that_the_default_lacks_begins_with_what_held_for_it() -> None:
    assert directive("frame-src", {"frame-src": ["https://videos.example.com"]}) == (
        "frame-src 'self' https://videos.example.com"
    )


def test_none_replaces_the_sources_of_a_directive() -> None:
    assert directive("frame-ancestors", {"frame-ancestors": ["'none'"]}) == "frame-ancestors 'none'"
    assert (
        directive("object-src", {"object-src": ["https://example.com"]}) == "object-src https://example.com"
    )


def test_a_directive_can_be_taken_away() -> None:
    assert "worker-src" not in policy({"worker-src": None})


def test_a_nonce_beside_unsafe_inline_would_switch_it_off() -> None:
    assert directive("style-src", {"style-src": ["'unsafe-inline'"]}) == "style-src 'self' 'unsafe-inline'"


def test_a_text_replaces_the_policy() -> None:
    assert (
        policy("default-src 'none';  script-src 'nonce-{nonce}' ;")
        == "default-src 'none'; script-src 'nonce-N'"
    )


def test_false_is_no_policy() -> None:
    assert ContentSecurityPolicy.of(False) is None


def test_development_adds_vite() -> None:
    vite = "http://127.0.0.1:5173"
    assert directive("script-src", vite=vite) == "script-src 'nonce-N' 'unsafe-eval'"
    assert directive("connect-src", vite=vite) == f"connect-src 'self' {vite} ws://127.0.0.1:5173"
    assert directive("img-src", "default-src 'self'", vite=vite) == f"img-src 'self' {vite}"


@pytest.mark.parametrize(
    "csp",
    [
        {"img-src": ["https://a.example; script-src *"]},
        {"img-src": ["https://a.example,b"]},
        {"img-src": ["a\r\nset-cookie: x"]},
        {"img-src\n": ["*"]},
        {"img src": ["*"]},
        {"img-src": [1]},
        "",
        " ; ",
        "img-src ü",
        True,
        ["img-src"],
    ],
)
def test_what_cannot_be_a_policy_is_a_letter(csp: object) -> None:
    with pytest.raises(InvalidArgumentError, match="csp"):
        ContentSecurityPolicy.of(csp)  # type: ignore[arg-type]


def test_nonces_are_never_used_twice() -> None:
    assert len({new_nonce() for _ in range(1000)}) == 1000
