"""What a page may load and run: the Content-Security-Policy of every document we send.

Owns: the default policy, how an app extends or replaces it, what development adds for Vite. Refuses to know: HTML, where a nonce
is put.

Scripts run by nonce alone: modules that a trusted script imports inherit it (HTML, "script fetch options"), what is put into the
page by text does not. There is no 'strict-dynamic', so that a script element made by a script is not trusted either.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias

from flightwire.errors import InvalidArgumentError

CSP: TypeAlias = Mapping[str, Iterable[str] | str | None] | str | Literal[False] | None
"""What `flightwire.app(csp=…)` takes; see `ContentSecurityPolicy.of`."""

NONCE: Final = "'nonce-{nonce}'"
DEFAULT: Final[Mapping[str, tuple[str, ...]]] = {
    "default-src": ("'self'",),
    "script-src": (NONCE,),
    "style-src": ("'self'", NONCE),
    # Attributes have no selectors, so they cannot read the page; highlighted code and formulas come as HTML that has them.
    "style-src-attr": ("'unsafe-inline'",),
    "img-src": ("'self'", "data:", "blob:"),
    "font-src": ("'self'", "data:"),
    "media-src": ("'self'", "data:", "blob:"),
    "connect-src": ("'self'",),
    "worker-src": ("'self'", "blob:"),
    "object-src": ("'none'",),
    "base-uri": ("'none'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'self'",),
}
NONE: Final = "'none'"
_DIRECTIVE: Final = re.compile(r"[A-Za-z0-9-]+", re.ASCII)
_SOURCE: Final = re.compile(r"[!-+\--:<-~]+", re.ASCII)  # visible characters except ";" and ","


class ContentSecurityPolicy:
    """A policy with a place for the nonce.

    Arguments:
        directives: each with its sources.
    """

    def __init__(self, directives: Mapping[str, tuple[str, ...]]) -> None:
        self._directives = directives

    @classmethod
    def of(cls, given: CSP) -> ContentSecurityPolicy | None:
        """The policy that an app asks for.

        Arguments:
            given: nothing for the default; a mapping to add sources to its directives (`"'none'"` replaces them, `None` takes the
                directive away); a text to replace it whole, with `{nonce}` where the nonce goes; False for no policy.

        Raises:
            InvalidArgumentError: a directive or source that cannot be one.
        """
        if given is False:
            return None
        if given is None:
            return cls(DEFAULT)
        if isinstance(given, str):
            return cls(_parsed(given))
        if not isinstance(given, Mapping):
            raise InvalidArgumentError(
                f"csp is {given!r}; expected a dict as {{'img-src': ['https://images.example.com']}}, a text, or False."
            )
        directives = dict(DEFAULT)
        for name, sources in given.items():
            directive = _checked_name(name)
            if sources is None:
                directives.pop(directive, None)
            else:
                known = directives.get(directive, directives.get("default-src", ()))
                directives[directive] = _joined(known, _checked_sources(directive, sources))
        return cls(directives)

    def header(self, nonce: str, *, vite: str | None = None) -> bytes:
        """The header's value for one document.

        Arguments:
            nonce: from `new_nonce`, used once.
            vite: the origin of Vite's development server, when the page's modules come from there.
        """
        directives = self._directives if vite is None else self._with_vite(vite)
        text = "; ".join(" ".join([name, *sources]) for name, sources in directives.items())
        return text.replace("{nonce}", nonce).encode("ascii")

    def _with_vite(self, origin: str) -> Mapping[str, tuple[str, ...]]:
        """Modules, styles and images from Vite, its socket, and what React evaluates to show the server's stack frames."""
        socket = f"ws{origin.removeprefix('http')}"
        more = {
            "script-src": (NONCE, "'unsafe-eval'"),
            "style-src": (NONCE, origin),
            "img-src": (origin,),
            "font-src": (origin,),
            "media-src": (origin,),
            "connect-src": (origin, socket),
            "worker-src": (origin, "blob:"),
        }
        directives = dict(self._directives)
        for name, sources in more.items():
            known = directives.get(name, directives.get("default-src"))
            if known is not None:
                directives[name] = _joined(known, sources)
        return directives


def new_nonce() -> str:
    """A number used once: 128 bits that no page can guess."""
    return secrets.token_urlsafe(16)


def _joined(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    """Both, as browsers read them: 'none' stands alone, and 'unsafe-inline' has no effect beside a nonce."""
    added = tuple(more)
    if added in ((), (NONE,)):
        return (NONE,)
    sources = tuple(dict.fromkeys(each for each in (*known, *added) if each != NONE))
    if "'unsafe-inline'" in sources:
        return tuple(each for each in sources if each != NONCE)
    return sources


def _parsed(text: str) -> dict[str, tuple[str, ...]]:
    directives: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (each.strip() for each in text.split(";"))):
        name, *sources = part.split()
        directive = _checked_name(name)
        directives[directive] = _checked_sources(directive, sources)
    if not directives:
        raise InvalidArgumentError("csp is an empty text. Write csp=False for no policy.")
    return directives


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or _DIRECTIVE.fullmatch(name) is None:
        raise InvalidArgumentError(f"csp: {name!r} is not a directive; write one as 'img-src'.")
    return name.lower()


def _checked_sources(directive: str, sources: Iterable[str] | str) -> tuple[str, ...]:
    found = tuple(sources.split() if isinstance(sources, str) else sources)
    for source in found:
        if not isinstance(source, str) or _SOURCE.fullmatch(source) is None:
            raise InvalidArgumentError(
                f"csp: {source!r} cannot be a source of {directive}; write one as 'https://images.example.com'."
            )
    return found
