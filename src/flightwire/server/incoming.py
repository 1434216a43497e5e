"""What a call brings: its arguments, read, decoded, opened and checked.

Owns: the order of these steps, and which actions may be handed over as arguments. Refuses to know: who may call,
running the action.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from flightwire._frozen import value
from flightwire.actions.bound import BoundAction, opened
from flightwire.actions.registry import Action, ActionRegistry
from flightwire.errors import DecodeError, InvalidArgumentError, SealError
from flightwire.sealing import Sealer
from flightwire.server.auth import Auth
from flightwire.server.body import Uploads, read_call
from flightwire.server.forms import FormLimits
from flightwire.server.responses import ASGIScope, Receive, header
from flightwire.wire.flight import reply
from flightwire.wire.flight.values import ServerReference

FRAME_BYTES: Final = 1024
"""What a file's name and type may take in a form, beside its content."""


@value
class Caller:
    """Who calls, and what that lets him do.

    Attributes:
        user: what the app's `auth` said.
        auth: the app's.
        sealer: opens what was sealed for the user.
    """

    user: object
    auth: Auth
    sealer: Sealer

    def may_call(self, action: Action[Any, Any] | None) -> bool:
        """Whether it is open to this caller at all; None for one that does not exist."""
        return self.user is not None or not self.auth.is_given or (action is not None and action.public)

    def unseal(self, purpose: str, sealed: str) -> bytes:
        """Open what was sealed for the user.

        Raises:
            SealError: it does not open.
        """
        try:
            text = self.auth.text_of(self.user)
        except InvalidArgumentError:  # nothing can have been sealed for such a user
            raise SealError from None
        return self.sealer.open(purpose, sealed, user=text)


async def arguments_of(
    action: Action[Any, Any],
    scope: ASGIScope,
    receive: Receive,
    *,
    is_bound: bool,
    registry: ActionRegistry,
    caller: Caller,
    uploads: Uploads,
    max_body_bytes: int,
    body_timeout_s: float,
) -> tuple[Sequence[object], dict[str, object]]:
    """Positional arguments and keywords of a call, checked.

    Raises:
        CallError: they are refused: too large, too slow, malformed, unsealed, of the wrong type.
        ClientDisconnected: the client has gone.
    """
    if header(scope, b"content-encoding") not in (None, "", "identity"):
        raise DecodeError("A call with a content-encoding is refused: browsers send none. Send it as it is.")
    allowed = allowances(action, max_body_bytes)
    parts = await read_call(
        receive,
        header(scope, b"content-type"),
        max_body_bytes=allowed.max_body_bytes,
        form=allowed.form,
        uploads=uploads,
        content_length=header(scope, b"content-length"),
        timeout_s=body_timeout_s,
    )
    resolve = _Resolver(action, registry, caller)
    arguments = reply.decode_call(
        parts,
        limits=reply.Limits(max_stored_bytes=allowed.form.max_text_bytes),
        resolve_reference=resolve,
        allow_temporary_references=True,
    )
    if is_bound:
        arguments = opened(action, arguments, unseal=caller.unseal, resolve_reference=resolve)
    return action.schema.bind(arguments)


@value
class Allowances:
    """How much a call of one action may bring."""

    max_body_bytes: int
    form: FormLimits


def allowances(action: Action[Any, Any], max_body_bytes: int) -> Allowances:
    """What an action accepts: what it says itself, else what its app says.

    Where its annotations hold FileLimits, files count on their own, and everything else has the app's limit: only files go to
    disk, the rest is kept in memory.
    """
    files = action.schema.file_limits
    if not files:
        limit = action.max_body_bytes or max_body_bytes
        return Allowances(limit, FormLimits(max_text_bytes=limit, max_file_bytes=limit))
    max_text_bytes = min(max_body_bytes, action.max_body_bytes or max_body_bytes)
    max_files = sum(each.max_files for each in files)
    max_file_bytes = max(each.max_file_bytes for each in files)
    in_all = (
        max_text_bytes + FRAME_BYTES * max_files + sum(each.max_files * each.max_file_bytes for each in files)
    )
    return Allowances(
        action.max_body_bytes or in_all,
        FormLimits(max_text_bytes=max_text_bytes, max_file_bytes=max_file_bytes, max_files=max_files),
    )


class _Resolver:
    """Gives the actions that a call hands over: those that are served, to those who may call them, where one is wanted."""

    def __init__(self, action: Action[Any, Any], registry: ActionRegistry, caller: Caller) -> None:
        self._action = action
        self._registry = registry
        self._caller = caller

    def __call__(self, reference: ServerReference) -> object:
        """The action, or None when there is none for this caller."""
        if not self._action.schema.takes_actions:
            raise DecodeError(
                f"The call hands a function to action '{self._action.name}', which takes none. Annotate the parameter "
                "with Action."
            )
        found, is_bound = self._registry.find(reference.id)
        if found is None or not self._caller.may_call(found):
            return None
        arguments: Sequence[object] = reference.bound or ()
        if is_bound:
            arguments = opened(found, arguments, unseal=self._caller.unseal, resolve_reference=self)
        return BoundAction(found, found.schema.bind_first(arguments)) if arguments else found
