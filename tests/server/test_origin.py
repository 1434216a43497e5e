"""Who may call: the whole matrix of what browsers, programs and attackers send."""

from __future__ import annotations

from typing import Any

import pytest

from flightwire.errors import ForbiddenError, InvalidArgumentError
from flightwire.server.origin import check_allowed_origins, check_origin

ALLOWED = check_allowed_origins(["https://partner.example", "http://localhost:5173", "https://[::1]:8443"])
YES, NO = True, False


def may_call(scheme: str = "https", **headers: str) -> bool:
    raw = [(name.replace("_", "-").encode(), text.encode("latin-1")) for name, text in headers.items()]
    return decides(raw, scheme)


def decides(raw: list[tuple[bytes, bytes]], scheme: str = "https") -> bool:
    try:
        check_origin(raw, scheme=scheme, allowed_origins=ALLOWED)
    except ForbiddenError:
        return NO
    return YES


# Host is app.example, asked over https, unless said otherwise.
MATRIX: list[tuple[str, dict[str, str], bool]] = [
    # what modern browsers say about themselves
    ("same origin", {"sec_fetch_site": "same-origin", "origin": "https://app.example"}, YES),
    ("same origin without Origin", {"sec_fetch_site": "same-origin"}, YES),
    ("same origin with a cookie", {"sec_fetch_site": "same-origin", "cookie": "s=1"}, YES),
    ("typed by the user", {"sec_fetch_site": "none"}, YES),
    (
        "same origin behind a proxy that changes Host",
        {"sec_fetch_site": "same-origin", "host": "10.0.0.7:8000"},
        YES,
    ),
    ("another site", {"sec_fetch_site": "cross-site", "origin": "https://evil.example"}, NO),
    (
        "another site with a cookie",
        {"sec_fetch_site": "cross-site", "origin": "https://evil.example", "cookie": "s=1"},
        NO,
    ),
    ("another site that hides", {"sec_fetch_site": "cross-site"}, NO),
    ("another site that hides as null", {"sec_fetch_site": "cross-site", "origin": "null"}, NO),
    ("an allowed site", {"sec_fetch_site": "cross-site", "origin": "https://partner.example"}, YES),
    ("a sibling host", {"sec_fetch_site": "same-site", "origin": "https://blog.app.example"}, NO),
    ("a sibling port", {"sec_fetch_site": "same-site", "origin": "https://app.example:8443"}, NO),
    ("a sibling that hides", {"sec_fetch_site": "same-site"}, NO),
    (
        "an allowed dev server",
        {"sec_fetch_site": "same-site", "origin": "http://localhost:5173", "host": "localhost"},
        YES,
    ),
    ("the http twin", {"sec_fetch_site": "cross-site", "origin": "http://app.example"}, NO),
    ("cross-site with our own name", {"sec_fetch_site": "cross-site", "origin": "https://app.example"}, NO),
    ("same-site with our own name", {"sec_fetch_site": "same-site", "origin": "https://app.example"}, NO),
    ("a word nobody knows", {"sec_fetch_site": "sideways", "origin": "https://evil.example"}, NO),
    ("a word nobody knows, hiding", {"sec_fetch_site": "sideways"}, NO),
    ("an empty word", {"sec_fetch_site": ""}, NO),
    ("two words", {"sec_fetch_site": "same-origin, cross-site", "origin": "https://evil.example"}, NO),
    ("the word in capitals", {"sec_fetch_site": "SAME-ORIGIN"}, NO),
    # browsers that send Origin only, or plain http on a network
    ("own origin", {"origin": "https://app.example"}, YES),
    ("own origin with a cookie", {"origin": "https://app.example", "cookie": "s=1"}, YES),
    ("own origin with the default port", {"origin": "https://app.example:443"}, YES),
    ("host with the default port", {"origin": "https://app.example", "host": "app.example:443"}, YES),
    ("own origin in capitals", {"origin": "HTTPS://APP.Example"}, YES),
    ("host in capitals", {"origin": "https://app.example", "host": "APP.EXAMPLE"}, YES),
    ("own origin with another port", {"origin": "https://app.example:8443"}, NO),
    ("host with another port", {"origin": "https://app.example", "host": "app.example:8443"}, NO),
    ("both with that port", {"origin": "https://app.example:8443", "host": "app.example:8443"}, YES),
    ("the port of the other scheme", {"origin": "https://app.example:80"}, NO),
    ("http page, https server", {"origin": "http://app.example"}, NO),
    ("null", {"origin": "null"}, NO),
    ("null with a cookie", {"origin": "null", "cookie": "s=1"}, NO),
    ("null as host", {"origin": "null", "host": "null"}, NO),
    ("empty", {"origin": ""}, NO),
    ("another", {"origin": "https://evil.example"}, NO),
    ("allowed", {"origin": "https://partner.example"}, YES),
    ("allowed with its default port", {"origin": "https://partner.example:443"}, YES),
    ("allowed in capitals", {"origin": "https://PARTNER.example"}, YES),
    ("allowed with another scheme", {"origin": "http://partner.example"}, NO),
    ("allowed with another port", {"origin": "https://partner.example:444"}, NO),
    ("allowed host as a prefix", {"origin": "https://partner.example.evil.example"}, NO),
    ("allowed host as a suffix", {"origin": "https://notpartner.example"}, NO),
    ("own host as a prefix", {"origin": "https://app.example.evil.example"}, NO),
    ("own host as a suffix", {"origin": "https://evilapp.example"}, NO),
    ("own host as user name", {"origin": "https://app.example@evil.example"}, NO),
    ("own host after a user name", {"origin": "https://evil@app.example"}, NO),
    ("own host in a path", {"origin": "https://evil.example/app.example"}, NO),
    ("own host with a path", {"origin": "https://app.example/"}, NO),
    ("own host with a dot", {"origin": "https://app.example."}, NO),
    ("two origins", {"origin": "https://app.example https://evil.example"}, NO),
    ("two origins, comma", {"origin": "https://app.example, https://evil.example"}, NO),
    ("a scheme of extensions", {"origin": "chrome-extension://app.example"}, NO),
    ("no scheme", {"origin": "app.example"}, NO),
    ("no port number", {"origin": "https://app.example:port"}, NO),
    ("a port too large", {"origin": "https://app.example:99999"}, NO),
    ("a broken IPv6 address", {"origin": "https://[::1", "host": "[::1"}, NO),
    ("an IPv6 address", {"origin": "https://[::1]:3000", "host": "[::1]:3000"}, YES),
    ("no host", {"origin": "https://app.example", "host": ""}, NO),
    ("a host that is two", {"origin": "https://app.example", "host": "app.example, evil.example"}, NO),
    ("a host with a path", {"origin": "https://app.example", "host": "app.example/x"}, NO),
    ("a host with a user name", {"origin": "https://app.example", "host": "x@app.example"}, NO),
    # programs
    ("a program", {}, YES),
    ("a program with a token", {"authorization": "Bearer x"}, YES),
    ("a program with a cookie", {"cookie": "s=1"}, NO),
    ("a program with an empty cookie", {"cookie": ""}, NO),
    ("a program with a referer", {"referer": "https://evil.example/"}, YES),
    # what a proxy may have written, and anybody else
    ("forwarded host", {"origin": "https://evil.example", "x_forwarded_host": "evil.example"}, NO),
    ("forwarded", {"origin": "https://evil.example", "forwarded": "host=evil.example;proto=https"}, NO),
    ("forwarded scheme", {"origin": "http://app.example", "x_forwarded_proto": "http"}, NO),
]


@pytest.mark.parametrize(("headers", "allowed"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX])
def test_the_matrix(headers: dict[str, str], allowed: bool) -> None:
    assert may_call(**{"host": "app.example", **headers}) is allowed


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        ("http://app.example", "app.example", YES),
        ("http://app.example", "app.example:80", YES),
        ("http://192.168.1.5:3000", "192.168.1.5:3000", YES),
        ("https://app.example", "app.example", YES),
        ("https://app.example", "app.example:443", YES),
        ("https://app.example", "app.example:80", NO),
        ("https://app.example:8443", "app.example:8443", YES),
        ("http://evil.example", "app.example", NO),
    ],
)
def test_behind_a_proxy_that_ends_tls_the_host_decides(origin: str, host: str, allowed: bool) -> None:
    assert may_call("http", origin=origin, host=host) is allowed


@pytest.mark.parametrize("name", ["origin", "host", "sec-fetch-site"])
def test_a_header_that_comes_twice_is_not_believed(name: str) -> None:
    raw = {"origin": "https://app.example", "host": "app.example"}
    if name == "sec-fetch-site":
        raw = {"sec-fetch-site": "same-origin", "origin": "https://evil.example"}
    headers = [(key.encode(), text.encode()) for key, text in raw.items()]
    assert decides(headers) is YES
    assert decides([*headers, (name.encode(), raw[name].encode())]) is NO


def test_bytes_that_are_no_text_do_no_harm() -> None:
    assert decides([(b"host", b"\xff\x00"), (b"origin", b"https://\xff\x00")]) is NO


def test_the_letter_says_how_to_allow_a_site() -> None:
    headers = [(b"host", b"app.example"), (b"origin", b"https://shop.example")]
    with pytest.raises(ForbiddenError, match=r"allowed_origins=\['https://shop.example'\]"):
        check_origin(headers, scheme="https", allowed_origins=())


def test_the_letter_about_null_does_not_say_to_allow_it() -> None:
    with pytest.raises(ForbiddenError) as caught:
        check_origin([(b"host", b"a.example"), (b"origin", b"null")], scheme="https", allowed_origins=())
    assert "allowed_origins" not in str(caught.value)


def test_a_refusal_is_a_403_of_moderate_length() -> None:
    headers = [(b"origin", b"https://" + b"x" * 100_000), (b"host", b"a.example")]
    with pytest.raises(ForbiddenError) as caught:
        check_origin(headers, scheme="https", allowed_origins=())
    assert caught.value.status_code == 403
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://a.example", "https://a.example"),
        ("HTTPS://A.example:443/", "https://a.example"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("capacitor://localhost", "capacitor://localhost"),
    ],
)
def test_allowed_origins_are_normalised(given: str, kept: str) -> None:
    assert check_allowed_origins([given]) == (kept,)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "*",
        "https://*.example",
        "a.example",
        "https://a.example/path",
        "https://u@a.example",
        "",
        "//a",
        None,
        3,
    ],
)
def test_what_is_no_exact_origin_cannot_be_allowed(origin: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="is not an origin"):
        check_allowed_origins([origin])


def test_a_text_instead_of_a_list_gets_a_letter() -> None:
    with pytest.raises(InvalidArgumentError, match="is a list"):
        check_allowed_origins("https://a.example")
