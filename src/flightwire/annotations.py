"""Annotations as Python objects.

Owns: turning annotations that are written as text, or name things from elsewhere, into types; saying which name is missing.
Refuses to know: what the types are for.
"""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ForwardRef

from flightwire.errors import InvalidArgumentError


def signature_of(fn: Callable[..., Any]) -> inspect.Signature:
    """The parameters of a function; annotations that cannot be evaluated stay as they were written."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return inspect.signature(fn, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(fn)


class Namespace:
    """Where the names in a function's annotations are looked up.

    Arguments:
        fn: the function; its module is searched.
        local_names: names from the function around it, known when it was decorated.
    """

    __slots__ = ("_globals", "_locals", "module")

    def __init__(self, fn: Callable[..., Any], local_names: Mapping[str, object] | None = None) -> None:
        inner = inspect.unwrap(fn)
        self.module: str = inner.__module__ or "actions"
        self._globals: dict[str, Any] = getattr(inner, "__globals__", {})
        self._locals: dict[str, Any] = {
            **(
                {} if "JSONValue" in self._globals else {"JSONValue": Any}
            ),  # ours mentions itself by this name
            **(local_names or {}),
            **{parameter.__name__: parameter for parameter in getattr(inner, "__type_params__", ())},
        }

    def resolve(self, annotation: object) -> Any:
        """An annotation with every name in it replaced by what it means.

        Raises:
            NameError: a name cannot be found.
            Exception: whatever evaluating the text raises.
        """
        if not _may_hold_text(annotation):
            return annotation
        return _resolved({"it": annotation}, self._globals, self._locals)["it"]

    def names(self, wanted: Iterable[str], otherwise: Callable[[str], object]) -> dict[str, object]:
        """What these names mean here; for what cannot be found, what `otherwise` says."""
        known = {**vars(builtins), **self._globals, **self._locals}
        return {name: known[name] if name in known else otherwise(name) for name in wanted}

    def resolve_class(self, cls: type) -> dict[str, Any]:
        """The annotations of a TypedDict or dataclass, with Required, NotRequired and Annotated as written.

        Raises:
            NameError: a name cannot be found.
            Exception: whatever evaluating the text raises.
        """
        module = sys.modules.get(cls.__module__)
        # A module that was replaced in the meantime cannot be asked; most often its names are those of the action's.
        names = self._globals if module is None else vars(module)
        others = {**self._globals, **self._locals, cls.__name__: cls}
        local = {name: others[name] for name in others.keys() - names.keys()}
        if not dataclasses.is_dataclass(cls):
            return typing.get_type_hints(cls, names, local, include_extras=True)
        found: dict[str, Any] = {}
        for base in reversed(
            cls.__bases__
        ):  # each in its own module: it may use names that this one does not have
            found |= self.resolve_class(base) if dataclasses.is_dataclass(base) else {}
        own_types = {each.__name__: each for each in getattr(cls, "__type_params__", ())}
        return found | _resolved(own_annotations(cls), names, {**local, **own_types})


def own_annotations(cls: type) -> dict[str, Any]:
    """The annotations of one class, as they are written there; those of a TypedDict include its bases'."""
    if sys.version_info >= (3, 14):
        import annotationlib

        return dict(annotationlib.get_annotations(cls, format=annotationlib.Format.FORWARDREF))
    return inspect.get_annotations(cls)


def _resolved(annotations: dict[str, object], names: dict[str, Any], local: dict[str, Any]) -> dict[str, Any]:
    class Holder:
        pass

    Holder.__annotations__ = annotations
    return typing.get_type_hints(Holder, names, local, include_extras=True)


def _may_hold_text(annotation: object) -> bool:
    if isinstance(annotation, str | ForwardRef):
        return True
    return any(_may_hold_text(part) for part in typing.get_args(annotation))


def names_around(fn: Callable[..., Any], frame: Any) -> dict[str, object]:
    """Names that annotations written as text use from the function around: nobody could find them later."""
    if not inspect.isfunction(fn) or "<locals>" not in fn.__qualname__:
        return {}
    words = {word for text in _annotation_texts(fn) for word in re.findall(r"[^\W\d]\w*", text)}
    around = dict(frame.f_locals)
    return {word: around[word] for word in words & around.keys()}


def _annotation_texts(fn: Callable[..., Any]) -> list[str]:
    try:
        return [each for each in fn.__annotations__.values() if isinstance(each, str)]
    except NameError:  # Python 3.14 evaluates them only now, so they are not text
        return []


def missing_name(error: NameError, *, action: str, argument: str, module: str) -> InvalidArgumentError:
    """The letter for a name that an annotation uses and nobody defines."""
    name = getattr(error, "name", None) or str(error)
    return InvalidArgumentError(
        f"argument '{argument}' of action '{action}' is annotated with '{name}', which module "
        f"{module.rpartition('.')[2]} does not have when it runs. Define it there, or import it outside `if TYPE_CHECKING:`."
    )
