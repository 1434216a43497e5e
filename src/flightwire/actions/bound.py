"""Actions with arguments that are given already: `save.bind(id)`.

Owns: calling them from Python, how the bound arguments travel (sealed) and come back. Refuses to know: keys, HTTP.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from inspect import Parameter
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    NoReturn,
    ParamSpec,
    SupportsIndex,
    TypeVar,
    overload,
)

from flightwire.annotations import signature_of
from flightwire.errors import ArgumentEncodeError, DecodeError, EncodeError, InvalidArgumentError
from flightwire.sealing import seal
from flightwire.wire.flight.limits import DEFAULT_LIMITS
from flightwire.wire.flight.parts import FileField, Part, TextField
from flightwire.wire.flight.values import ServerReference

if TYPE_CHECKING:
    from flightwire.actions.registry import Action

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")

BOUND: Final = ".bound"
"""Ends the wire id of an action whose first argument is sealed. No action's name holds a dot."""
MAX_BOUND_BYTES: Final = 256 * 1024


class BoundAction(Generic[P, R]):
    """An action with its first arguments given; the browser keeps them sealed and cannot read or change them.

    Attributes:
        action: the action.
        args: what is bound: the first arguments that a call fills.
    """

    __slots__ = ("__weakref__", "action", "args")

    def __init__(self, action: Action[..., R], args: Sequence[object]) -> None:
        if len(args) > DEFAULT_LIMITS.max_bound_arguments:
            raise InvalidArgumentError(
                f"{action!r} is bound to {len(args)} arguments; at most {DEFAULT_LIMITS.max_bound_arguments} are sent."
            )
        _check_count(action, args)
        self.action = action
        self.args = tuple(args)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function, as `functools.partial` would; what the server fills is given by the caller, where it stands."""
        positional, named = _laid_out(self.action, self.args, args, kwargs)
        return self.action.fn(*positional, **named)

    @overload
    def bind(self) -> BoundAction[P, R]: ...

    @overload
    def bind(self: BoundAction[Concatenate[A, Q], R], a: A, /) -> BoundAction[Q, R]: ...

    @overload
    def bind(self: BoundAction[Concatenate[A, B, Q], R], a: A, b: B, /) -> BoundAction[Q, R]: ...

    @overload
    def bind(self: BoundAction[Concatenate[A, B, C, Q], R], a: A, b: B, c: C, /) -> BoundAction[Q, R]: ...

    @overload
    def bind(self, a: Any, b: Any, c: Any, d: Any, /, *args: Any) -> BoundAction[..., R]: ...

    def bind(self, *args: Any) -> BoundAction[..., R]:
        """Give further arguments.

        Raises:
            InvalidArgumentError: more than the action takes.
        """
        return BoundAction(self.action, (*self.args, *args))

    def to_server_reference(self) -> ServerReference:
        """What stands for it in a result: the action's id and the sealed arguments.

        Raises:
            EncodeError: an argument that cannot be sent, no request whose app could seal them, or an action that no app serves.
        """
        try:
            reference = self.action.to_server_reference()
            sealed = seal(purpose_of(self.action), packed(self.args))
        except InvalidArgumentError as error:
            raise EncodeError(str(error).rstrip(".")) from None
        return ServerReference(reference.id + BOUND, [sealed])

    def __repr__(self) -> str:
        """`<action save, 1 bound>`: never what is bound."""
        return f"<action {self.action.name}, {len(self.args)} bound>"

    def __format__(self, spec: str) -> str:
        """As any text."""
        return format(repr(self), spec)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        """Refuse to be pickled."""
        raise TypeError(f"{self!r} cannot be pickled.")

    def __getstate__(self) -> NoReturn:
        """Refuse to be taken apart."""
        raise TypeError(f"{self!r} cannot be pickled.")

    def __copy__(self) -> BoundAction[P, R]:
        """Copies of what holds it hold the same one."""
        return self

    def __deepcopy__(self, memo: object) -> BoundAction[P, R]:
        """As `__copy__`."""
        return self


def purpose_of(action: Action[Any, Any]) -> str:
    """What the bound arguments of an action are sealed for."""
    return f"bound:{action.id}"


def packed(args: Sequence[object]) -> bytes:
    """Arguments as bytes.

    Raises:
        EncodeError: one of them cannot be sent, or all together are too large.
    """
    from flightwire.wire.flight.call import encode_call  # imports msgspec

    try:
        body = encode_call(args)
    except ArgumentEncodeError as error:
        raise EncodeError(error.problem, path=f".bound{error.path}") from None
    payload = (
        b"T" + body.encode() if isinstance(body, str) else b"P" + json.dumps(list(map(_row, body))).encode()
    )
    if len(payload) > MAX_BOUND_BYTES:
        raise EncodeError(
            f"bound arguments of {len(payload)} bytes, which would travel with the page and back; at most "
            f"{MAX_BOUND_BYTES} do. Bind an id, and look it up in the action"
        )
    return payload


def unpacked(payload: bytes, resolve_reference: Callable[[ServerReference], object]) -> list[object]:
    """The arguments in what `packed` gave.

    Raises:
        DecodeError: it is something else, or holds an action that is not served any more.
    """
    from flightwire.wire.flight.reply import decode_call

    kind, rest = payload[:1], payload[1:]
    try:
        body: str | list[Part] = rest.decode() if kind == b"T" else [_part(*row) for row in json.loads(rest)]
    except (ValueError, TypeError):
        raise DecodeError("What was bound was sealed by another version. Reload the page.") from None
    return decode_call(body, resolve_reference=resolve_reference)


def opened(
    action: Action[Any, Any],
    arguments: Sequence[object],
    *,
    unseal: Callable[[str, str], bytes],
    resolve_reference: Callable[[ServerReference], object],
) -> list[object]:
    """The arguments of a call to an id that ends in `.bound`: those that were sealed in the first one, and the others.

    Arguments:
        action: whose arguments they are.
        arguments: as they came.
        unseal: opens what was sealed for a purpose.
        resolve_reference: gives the actions among what was sealed.

    Raises:
        SealError: the first argument does not open.
        DecodeError: what is inside cannot be read any more.
    """
    sealed = arguments[0] if arguments else ""
    payload = unseal(purpose_of(action), sealed if isinstance(sealed, str) else "")
    return [*unpacked(payload, resolve_reference), *arguments[1:]]


def _row(part: Part) -> list[str]:
    if isinstance(part, TextField):
        return [part.name, part.text]
    return [part.name, part.filename, part.content_type, b64encode(part.data).decode()]


def _part(name: str, *rest: str) -> Part:
    if len(rest) == 1:
        return TextField(name, rest[0])
    filename, content_type, data = rest
    return FileField(name, filename, content_type, b64decode(data))


def _check_count(action: Action[Any, Any], args: Sequence[object]) -> None:
    most = action.schema.max_arguments
    if most is not None and len(args) > most:
        raise InvalidArgumentError(
            f"{action!r} takes {most} arguments from a page, and {len(args)} are bound."
        )


def _laid_out(
    action: Action[Any, Any], bound: Sequence[object], args: Sequence[object], kwargs: Mapping[str, object]
) -> tuple[list[object], dict[str, object]]:
    """What to call the function with: what the server fills is never among the bound arguments."""
    injected = action.schema.injected
    left, given = list(bound), list(args)
    made: list[object] = []
    named: dict[str, object] = {}
    is_named = False  # what follows a parameter that is given by its name can only be given so, too
    for parameter in signature_of(action.fn).parameters.values():
        if not left or parameter.kind is Parameter.KEYWORD_ONLY:
            break
        if parameter.kind is Parameter.VAR_POSITIONAL:
            made, left = [*made, *left], []
        elif parameter.name in injected:
            if parameter.name in kwargs or not given:
                is_named = True
            else:
                made.append(given.pop(0))
        elif is_named:
            named[parameter.name] = left.pop(0)
        else:
            made.append(left.pop(0))
    return [*made, *given], {**named, **kwargs}
