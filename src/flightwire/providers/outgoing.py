"""What a provider asks the transport to send.

Owns: one outgoing call as a value. Refuses to know: who sends it, how.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from flightwire._frozen import value
from flightwire.providers.retries import SYSTEM_CLOCK, Clock


@value
class Timeouts:
    """How long a provider may be silent.

    `read_s` is the longest silence before the response begins, and between two pieces of it: a model that thinks
    before it speaks is silent for minutes (OpenAI's own libraries wait ten). Limits for a whole answer belong to the
    caller.
    """

    connect_s: float = 10.0
    read_s: float = 600.0


DEFAULT_TIMEOUTS = Timeouts()


@value
class Outgoing:
    """One POST of a JSON body. `headers` carry the credentials; they go to this URL's origin and nowhere else.

    `service` is the provider's name in error messages ("OpenAI"); `key_variable` the environment variable that a
    person should look at when the key is refused.
    """

    url: str
    body: bytes
    headers: Mapping[str, str]
    service: str
    key_variable: str | None = None
    max_retries: int = 2
    timeouts: Timeouts = DEFAULT_TIMEOUTS
    clock: Clock = SYSTEM_CLOCK

    @property
    def address(self) -> str:
        """The URL without what may be secret: no user, no password, no query."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def redact(self, text: str) -> str:
        """The text without our credentials: some APIs repeat the key they refuse."""
        for name, header in self.headers.items():
            if name.lower() in ("authorization", "api-key", "x-api-key", "x-goog-api-key"):
                secret = header.removeprefix("Bearer ").strip()
                text = text.replace(secret, "[key]") if secret else text
        return text
