"""How much of a stranger's call is read.

Owns: the numbers, each with a name. Refuses to know: the bytes of the whole body, which the server counts as they come.
"""

from __future__ import annotations

from typing import Final

from flightwire._frozen import value


@value
class Limits:
    """What a call may consist of. React's own limits are in parentheses where it has any (19.3.1).

    Attributes:
        max_depth: containers inside each other, references followed.
        max_nodes: values of every kind; a reference counts as one, or as one for each step (1,000,000 array items).
        max_objects: how many of these may be objects: they take the most memory.
        max_bound_arguments: arguments bound to one server function (1,000).
        max_promise_chain: promises that resolve to a promise (1,000).
        max_bigint_digits: decimal digits of a BigInt (300).
        max_parts: parts of the form; Maps, Sets, forms, streams and typed arrays.
        max_stored_bytes: of bytes that are no file, but were kept elsewhere like one; they are read into memory.
        max_path_steps: steps of a path such as `$0:1:name`; React writes as many as there are containers around a value.
    """

    max_depth: int = 64
    max_nodes: int = 200_000
    max_objects: int = 100_000
    max_bound_arguments: int = 100
    max_promise_chain: int = 100
    max_bigint_digits: int = 300
    max_parts: int = 1000
    max_stored_bytes: int = 1024 * 1024
    max_path_steps: int = 64


DEFAULT_LIMITS: Final = Limits()
