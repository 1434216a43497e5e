"""Actions whose first two arguments are not the app's: the chat, sealed, and the page's copy of the AI state.

Owns: taking these two off before the others are checked. Refuses to know: what a state is, who keeps it (rsc/).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from flightwire.actions.call import call_action
from flightwire.actions.registry import Action
from flightwire.actions.schema import ArgumentSchema, Bound
from flightwire.errors import ArgumentError, InvalidArgumentError

Run = Callable[[object, object, Callable[[], Awaitable[object]]], Awaitable[object]]


class StatefulAction(Action[..., Any]):
    """An action, or a callback, as `create_ai` serves it.

    Arguments:
        inner: what the app wrote.
        name: what the page calls it.
        run: runs it with its chat's state; gets the chat, the page's copy and a function that runs `inner`.

    Raises:
        InvalidArgumentError: `inner` is neither an action nor a function.
    """

    __slots__ = ()

    def __init__(self, inner: object, name: str, run: Run) -> None:
        if not isinstance(inner, Action):
            if not callable(inner):
                raise InvalidArgumentError(
                    f"create_ai(actions=…) holds {inner!r} as '{name}', which is no action. Write @action above its `def`."
                )
            inner = Action(inner, name=name)
        called: Action[..., Any] = inner
        super().__init__(
            called.fn,
            name=name,
            max_duration_s=called.max_duration_s,
            max_body_bytes=called.max_body_bytes,
            public=called.public,
        )

        async def stateful(chat: object, at_client: object, /, *args: object, **kwargs: object) -> object:
            return await run(chat, at_client, lambda: call_action(called, args, kwargs))

        self.schema = _StatefulSchema(called)
        self.fn = stateful
        self.is_async = True


class _StatefulSchema(ArgumentSchema):
    """The arguments of the inner action, after the chat and the page's copy."""

    __slots__ = ()

    def __init__(self, inner: Action[..., Any]) -> None:
        super().__init__(inner.fn, inner.name, local_names=inner.schema.local_names)

    @property
    def max_arguments(self) -> int | None:
        """How many arguments a call may hold; None for any number."""
        most = super().max_arguments
        return None if most is None else most + 2

    def bind(self, arguments: Sequence[object]) -> Bound:
        """As for the inner action, with the chat and the page's copy in front.

        Raises:
            ArgumentError: as for the inner action; or the copy is missing.
        """
        if len(arguments) < 2:
            raise ArgumentError(
                "The call lacks the page's copy of the AI state. Call it through useActions()."
            )
        args, kwargs = super().bind(arguments[2:])
        return [*arguments[:2], *args], kwargs
