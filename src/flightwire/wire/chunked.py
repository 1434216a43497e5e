"""Chunks of HTTP/1.1 (RFC 9112, section 7.1): what stands before and after the bytes in one.

Owns: the heads of small chunks, made once. Refuses to know: who reads or writes them.

A token that comes alone finds the caches cold, so what it costs goes with how many different places of memory it touches: a
number is looked up here, because writing or reading one takes thirty to fifty lines of the cache (docs/performance.md).
"""

from __future__ import annotations

from typing import Final

HEADS: Final = tuple([b"%x\r\n" % size for size in range(1024)])
"""What stands before so many bytes."""

LINE_END: Final = b"\r\n"
"""What stands after them."""

_by_length = {len(head) + size + len(LINE_END): head for size, head in enumerate(HEADS) if size}

HEADS_BY_LENGTH: Final = tuple(map(_by_length.get, range(max(_by_length) + 1)))
"""How a chunk begins that takes so many bytes in all, if one can: small ones, and not the last, which is empty."""
