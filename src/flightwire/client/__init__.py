"""Calling actions from Python: what a page does, without a page.

Owns: names, arguments and options of calls, reading what comes back while it comes, errors as types. Refuses to know: how
servers work, what actions are.
"""

from flightwire.client.calls import Call
from flightwire.client.later import Promise, Stream
from flightwire.client.remote import Client

__all__ = ["Call", "Client", "Promise", "Stream"]
