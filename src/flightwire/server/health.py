"""What load balancers and supervisors ask.

Owns: the two addresses and their answers. Refuses to know: who asks.

`_flightwire/live` says that the process answers, `_flightwire/ready` that it takes calls. Folders that begin with `_` are no
routes, so no page can have these addresses.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from flightwire.server.drain import RETRY_AFTER_S
from flightwire.server.responses import Send, send_text

LIVE = "/_flightwire/live"
READY = "/_flightwire/ready"
State: TypeAlias = Literal["ready", "draining", "broken"]


async def send_live(send: Send, *, head: bool) -> None:
    """The process answers."""
    await send_text(send, 200, "live\n", head=head)


async def send_ready(send: Send, state: State, *, head: bool) -> None:
    """Whether calls are taken: 200, or 503 with the reason."""
    if state == "ready":
        await send_text(send, 200, "ready\n", head=head)
    else:
        retry = [(b"retry-after", str(RETRY_AFTER_S).encode())]
        await send_text(send, 503, f"{state}\n", headers=retry, head=head)
