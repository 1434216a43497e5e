"""Taking keys out of recorded traffic.

Owns: what counts as secret, and replacing it wherever it stands: headers, query, bodies, and what a server repeats of it,
also across the chunks of a stream. Refuses to know: files, replaying.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from flightwire.jsontypes import JSONValue
from flightwire.providers.outgoing import Outgoing

SCRUBBED = "[scrubbed]"
MIN_REPEATED_CHARS = 8  # shorter secrets are taken out where they stand, not wherever the same letters occur

# The only request headers whose values are kept: whoever adds one of their own may well put a secret into it.
_PLAIN_REQUEST_HEADERS = {
    "accept",
    "anthropic-beta",
    "anthropic-version",
    "content-type",
    "openai-beta",
    "user-agent",
}
_SECRET_HEADER = re.compile(
    r"auth|cookie|token|secret|key|session|organization|project|account|user|\bip\b", re.IGNORECASE
)
_SECRET_NAME = re.compile(
    r"(?:.*[_-])?(?:api[_-]?key|access[_-]?token|auth[_-]?token|refresh[_-]?token|id[_-]?token|token|authorization|"
    r"password|passwd|secret|client[_-]?secret|private[_-]?key|credentials?|signature|sig|key|cookie)",
    re.IGNORECASE,
)
_NOT_SECRET = {"cache_key", "prompt_cache_key", "signature", "thought_signature", "thoughtsignature"}
# Keys of providers by their looks, for those that stand where nobody expects them.
_LOOKS_SECRET = re.compile(
    rb"sk-[A-Za-z0-9_\-]{16,}|AIza[0-9A-Za-z_\-]{30,}|gsk_[A-Za-z0-9]{20,}|xai-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}|"
    rb"eyJ[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}\.[A-Za-z0-9_\-]{10,}|(?<=Bearer )[A-Za-z0-9._~+/=\-]{16,}"
)


class Scrubber:
    """Knows the secrets of one call and takes them out of what belongs to it."""

    def __init__(self, call: Outgoing) -> None:
        self._secrets: set[str] = set()
        self._call = call
        for name, header in call.headers.items():
            if name.lower() not in _PLAIN_REQUEST_HEADERS:
                self._note_header(header)
        if call.key_variable is not None:
            self._note(os.environ.get(call.key_variable, ""))
        parts = urlsplit(call.url)
        self._note(parts.password or "")
        for name, text in parse_qsl(parts.query):
            if _is_secret(name):
                self._note(text)

    def _note_header(self, header: str) -> None:
        kind, space, rest = header.partition(" ")
        secret = rest.strip() if space and kind.lower() in ("bearer", "basic", "token") else header
        self._note(secret)
        if kind.lower() == "basic":
            with suppress(binascii.Error, UnicodeDecodeError):  # no Basic credentials after all
                self._note(base64.b64decode(secret, validate=True).decode().partition(":")[2])

    def _note(self, secret: str) -> None:
        """Remember a secret in all the forms it may be repeated in."""
        if len(secret) >= MIN_REPEATED_CHARS:
            escaped = json.dumps(secret)[1:-1]
            self._secrets |= {secret, escaped, quote(secret, safe=""), quote(secret)}

    # --- what belongs to the call --------------------------------------------------------------------------------

    def url(self) -> str:
        """The address, without user, password and secrets of the query."""
        parts = urlsplit(self._call.url)
        query = [
            (name, SCRUBBED if _is_secret(name) else text)
            for name, text in parse_qsl(parts.query, keep_blank_values=True)
        ]
        host = parts.netloc.rpartition("@")[2]
        return self.text(urlunsplit(parts._replace(netloc=host, query=urlencode(query, safe="[]"))))

    def request_headers(self) -> dict[str, str]:
        """The headers that were sent; values are kept of those that everybody sends alike."""
        return {
            name.lower(): text if name.lower() in _PLAIN_REQUEST_HEADERS else SCRUBBED
            for name, text in self._call.headers.items()
        }

    def body(self) -> JSONValue:
        """The body that was sent: the JSON, or the text if it is none."""
        try:
            sent = json.loads(self._call.body)
        except ValueError:
            return self.text(self._call.body.decode("utf-8", "replace"))
        self._note_all(sent, secret=False)
        cleaned: JSONValue = json.loads(
            self.text(json.dumps(_cleaned(sent, secret=False), ensure_ascii=False))
        )
        return cleaned

    def _note_all(self, sent: object, *, secret: bool) -> None:
        if isinstance(sent, dict):
            for name, part in sent.items():
                self._note_all(
                    part, secret=secret or name == "headers" or (isinstance(part, str) and _is_secret(name))
                )
        elif isinstance(sent, list):
            for part in sent:
                self._note_all(part, secret=secret)
        elif secret and isinstance(sent, str):
            self._note_header(sent)

    def response_headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """The headers that came back."""
        return {
            name: SCRUBBED if _SECRET_HEADER.search(name) and "ratelimit" not in name else self.text(text)
            for name, text in headers.items()
        }

    def text(self, text: str) -> str:
        """A text without the secrets."""
        [cleaned] = self.chunks([text.encode("utf-8", "surrogatepass")])
        return cleaned.decode("utf-8", "surrogatepass")

    def chunks(self, chunks: Sequence[bytes]) -> list[bytes]:
        """The pieces of a text without the secrets, cut where they were cut; one that was all secret is left out."""
        whole = b"".join(chunks)
        spans = self._spans(whole)
        if not spans:
            return list(chunks)
        cleaned, start = [], 0
        for chunk in chunks:
            end = start + len(chunk)
            if piece := _piece(whole, start, end, spans):  # an empty one would be the end of the answer
                cleaned.append(piece)
            start = end
        return cleaned

    def _spans(self, whole: bytes) -> list[tuple[int, int]]:
        """Where secrets stand, in order, not overlapping."""
        found = [match.span() for match in _LOOKS_SECRET.finditer(whole)]
        if self._secrets:
            # The longest first, so that a secret that contains another goes as a whole.
            known = sorted(
                (secret.encode("utf-8", "surrogatepass") for secret in self._secrets), key=len, reverse=True
            )
            found += [match.span() for match in re.finditer(b"|".join(map(re.escape, known)), whole)]
        return _merged(found)


def _merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _piece(whole: bytes, start: int, end: int, spans: Sequence[tuple[int, int]]) -> bytes:
    """What is left of `whole[start:end]`; a secret is replaced in the piece it begins in."""
    left, at = [], start
    for first, last in spans:
        if last <= start or first >= end:
            continue
        if first >= start:
            left += [whole[at:first], SCRUBBED.encode()]
        at = min(last, end)
    left.append(whole[at:end])
    return b"".join(left)


def _is_secret(name: str) -> bool:
    return _SECRET_NAME.fullmatch(name) is not None and name.lower() not in _NOT_SECRET


def _cleaned(sent: object, *, secret: bool) -> object:
    if isinstance(sent, dict):
        return {
            name: _cleaned(
                part, secret=secret or name == "headers" or (isinstance(part, str) and _is_secret(name))
            )
            for name, part in sent.items()
        }
    if isinstance(sent, list):
        return [_cleaned(part, secret=secret) for part in sent]
    return SCRUBBED if secret and isinstance(sent, str) else sent
