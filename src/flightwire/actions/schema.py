"""The arguments of an action: from a list of values that came over the wire to a Python call.

Owns: which parameter gets which argument, defaults, how many may come. Refuses to know: HTTP, Flight, running the action.
pydantic is imported by the first call, or by `prepare`.
"""

from __future__ import annotations

import threading
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial
from inspect import Parameter
from typing import Any, Final, TypeAlias

from flightwire._frozen import value
from flightwire.actions.bounds import TooManyTriesError
from flightwire.actions.files import FileLimits
from flightwire.actions.form_fields import FormFields, form_fields
from flightwire.actions.injection import Injected, injected, is_foreign_provider
from flightwire.actions.mentions import mentioned
from flightwire.actions.problems import (
    Problem,
    problems_of,
    refusal,
    too_many_problems,
    too_many_tries,
)
from flightwire.actions.provide import NO_NEEDS, Needs, needs_of
from flightwire.annotations import Namespace, missing_name, signature_of
from flightwire.elements import UNDEFINED
from flightwire.errors import ArgumentError, InvalidArgumentError
from flightwire.wire.flight.values import FormData, TemporaryReference

Validate: TypeAlias = Callable[[object], object]
Bound: TypeAlias = tuple[list[object], dict[str, object]]

_EMPTY: Final = Parameter.empty
_FUNCTIONS: Final = (Callable, typing.Callable)
_MAX_MISTAKES: Final = 2000


@value
class Argument:
    """One parameter that a call fills."""

    name: str
    validate: Validate | None
    default: object
    by_keyword: bool
    form: Form | None = None


@value
class Form:
    """How a FormData becomes the value of a parameter; the validator is made when the first form comes."""

    fields: FormFields
    validator: Callable[[], Validate]


@value
class _Plan:
    arguments: tuple[Argument, ...]
    rest: Argument | None


class ArgumentSchema:
    """What a function takes from a call.

    Arguments:
        fn: the function.
        action: the action's name, for messages.
        local_names: names that its annotations may use, beside those of its module.
    """

    __slots__ = (
        "_action",
        "_file_limits",
        "_fn",
        "_local_names",
        "_lock",
        "_parameters",
        "_plan",
        "_takes_actions",
        "injected",
        "needs",
    )

    def __init__(
        self, fn: Callable[..., Any], action: str, *, local_names: Mapping[str, object] | None = None
    ) -> None:
        self._action = action
        self._fn = fn
        self._local_names = local_names
        self._lock = threading.Lock()
        self._plan: _Plan | None = None
        self._takes_actions: bool | None = None
        self._file_limits: tuple[FileLimits, ...] | None = None
        self._parameters: list[Parameter] | None = None
        self.injected: Mapping[str, Injected] = {}
        self.needs: Needs = NO_NEEDS

    @property
    def local_names(self) -> Mapping[str, object]:
        """Names that the annotations may use, beside those of the function's module."""
        return self._local_names or {}

    # --- at registration -----------------------------------------------------------------------------------------

    def check(self) -> None:
        """See whether a call could fill the parameters, and which ones the server fills (`injected`).

        It is seen anew each time an app takes the action in: a type may have become that of a user.

        Raises:
            InvalidArgumentError: a parameter that neither the browser nor the server could fill.
        """
        namespace = self._namespace()
        parameters = list(signature_of(self._fn).parameters.values())
        found = {each.name: wanted for each in parameters if (wanted := self._injected(each, namespace))}
        for parameter in parameters:
            self._check(parameter, parameters, found)
        if found != self.injected or self._parameters is None:
            try:
                self.needs = needs_of(found)
            except InvalidArgumentError as error:
                raise InvalidArgumentError(f"Action '{self._action}': {error}") from None
            self.injected, self._parameters, self._plan = found, parameters, None
            self._takes_actions = self._file_limits = None

    def _injected(self, parameter: Parameter, namespace: Namespace) -> Injected | None:
        if is_foreign_provider(parameter.default):
            raise self._unfit(
                parameter.name, "Its default is another framework's. Write Annotated[…, Provide(…)]."
            )
        if parameter.annotation is _EMPTY:
            return None
        try:
            return injected(parameter.annotation, namespace)
        except InvalidArgumentError as error:
            raise self._unfit(parameter.name, str(error)) from None

    def _check(
        self, parameter: Parameter, parameters: list[Parameter], injected: Mapping[str, Injected]
    ) -> None:
        name, kind = parameter.name, parameter.kind
        if kind is Parameter.VAR_KEYWORD:
            raise self._unfit(f"**{name}", "A call has positions only. Take a TypedDict or a dict instead.")
        if name in injected:
            if kind is Parameter.POSITIONAL_ONLY or kind is Parameter.VAR_POSITIONAL:
                raise self._unfit(name, "The server fills it by its name. Write it without `/` and `*`.")
            if kind is not Parameter.KEYWORD_ONLY and any(
                each.kind is Parameter.VAR_POSITIONAL for each in parameters
            ):
                raise self._unfit(name, "The server fills it by its name. Write it after `*args`.")
        elif kind is Parameter.KEYWORD_ONLY and parameter.default is _EMPTY:
            raise self._unfit(
                name,
                "It can only be given by name, and a call has positions only. Give it a default, or drop `*`.",
            )

    def _unfit(self, parameter: str, why: str) -> InvalidArgumentError:
        return InvalidArgumentError(
            f"Nobody could fill the parameter '{parameter}' of action '{self._action}'. {why}"
        )

    def check_names(self) -> None:
        """See whether every name in the annotations can be found; costs no pydantic.

        Raises:
            InvalidArgumentError: a name that the module does not have.
        """
        if self._parameters is None:
            self.check()
        namespace = self._namespace()
        for parameter in self._from_the_wire():
            self._resolved(parameter, namespace)

    def prepare(self) -> None:
        """Build what `bind` needs. Safe to call from any thread.

        Raises:
            InvalidArgumentError: an annotation that cannot be checked.
        """
        if self._parameters is None:
            self.check()
        with self._lock:
            if self._plan is None:
                self._plan = self._planned()

    @property
    def max_arguments(self) -> int | None:
        """How many arguments a call may hold; None for any number."""
        if self._parameters is None:
            self.check()
        taken = self._from_the_wire()
        has_rest = any(each.kind is Parameter.VAR_POSITIONAL for each in taken)
        return None if has_rest else len(taken)

    @property
    def takes_actions(self) -> bool:
        """Whether a page may hand over actions: an annotation says Action or Callable."""
        if self._takes_actions is None:
            self._takes_actions = any(each in _FUNCTIONS or _is_action(each) for each in self.mentions())
        return self._takes_actions

    @property
    def file_limits(self) -> tuple[FileLimits, ...]:
        """What the annotations say about files."""
        if self._file_limits is None:
            self._file_limits = tuple(each for each in self.mentions() if isinstance(each, FileLimits))
        return self._file_limits

    def mentions(self) -> Iterator[Any]:
        """Every type in the annotations of what a call fills, and what `Annotated` says there.

        Raises:
            InvalidArgumentError: an annotation that cannot be evaluated.
        """
        if self._parameters is None:
            self.check()
        namespace = self._namespace()
        for parameter in self._from_the_wire():
            yield from mentioned(self._resolved(parameter, namespace), namespace)

    def _namespace(self) -> Namespace:
        return Namespace(self._fn, self._local_names)

    def _from_the_wire(self) -> list[Parameter]:
        """The parameters that a call fills, in order."""
        return [
            each
            for each in self._parameters or ()
            if each.kind is not Parameter.KEYWORD_ONLY and each.name not in self.injected
        ]

    def _planned(self) -> _Plan:
        namespace = self._namespace()
        arguments: list[Argument] = []
        rest = None
        named_from_here = False  # what follows an injected parameter can only be passed by name
        for parameter in self._parameters or ():
            if parameter.name in self.injected:
                named_from_here = True
            elif parameter.kind is not Parameter.KEYWORD_ONLY:
                validate = self._validator(parameter, namespace)
                form = self._form(parameter, namespace) if validate is not None else None
                argument = Argument(parameter.name, validate, parameter.default, named_from_here, form)
                if parameter.kind is Parameter.VAR_POSITIONAL:
                    rest = argument
                else:
                    arguments.append(argument)
        return _Plan(tuple(arguments), rest)

    def _validator(self, parameter: Parameter, namespace: Namespace) -> Validate | None:
        annotation = self._resolved(parameter, namespace)
        if annotation is _EMPTY or annotation is Any or annotation is object:
            return None
        from flightwire.actions.validators import validator_of  # imports pydantic

        if parameter.kind is Parameter.VAR_POSITIONAL:
            annotation = types.GenericAlias(list, (annotation,))
        return validator_of(annotation, namespace, action=self._action, argument=parameter.name)

    def _form(self, parameter: Parameter, namespace: Namespace) -> Form | None:
        annotation = self._resolved(parameter, namespace)
        fields = None if parameter.kind is Parameter.VAR_POSITIONAL else form_fields(annotation, namespace)
        if fields is None:
            return None
        from flightwire.actions.validators import validator_of  # imports pydantic

        make = partial(
            validator_of, annotation, namespace, action=self._action, argument=parameter.name, is_text=True
        )
        return Form(fields, cache(make))

    def _resolved(self, parameter: Parameter, namespace: Namespace) -> Any:
        try:
            return namespace.resolve(parameter.annotation)
        except NameError as error:
            raise missing_name(
                error, action=self._action, argument=parameter.name, module=namespace.module
            ) from None
        except Exception as error:
            raise InvalidArgumentError(
                f"The annotation of argument '{parameter.name}' of action '{self._action}' cannot be evaluated: "
                f"{type(error).__name__}: {error}."
            ) from error

    # --- per call ------------------------------------------------------------------------------------------------

    def bind(self, arguments: Sequence[object]) -> Bound:
        """Check the arguments of a call and lay them out for the function.

        `undefined` and what is missing at the end take the parameter's default. Parameters that the server fills
        (`injected`) are left out: the caller adds them to the keywords.

        Arguments:
            arguments: what came over the wire, in order.

        Returns:
            What to call the function with: positional arguments and keywords.

        Raises:
            ArgumentError: too many, too few, or of the wrong type.
            InvalidArgumentError: an annotation that cannot be checked.
        """
        if self._plan is None:
            self.prepare()
        plan = self._plan
        assert plan is not None
        given = len(arguments)
        if given > len(plan.arguments) and plan.rest is None:
            arguments = self._without_what_is_too_much(arguments, plan)
            given = len(arguments)
        args: list[object] = []
        kwargs: dict[str, object] = {}
        problems: list[Problem] = []
        for index, argument in enumerate(plan.arguments):
            each = arguments[index] if index < given else UNDEFINED
            if each is UNDEFINED:
                if argument.default is _EMPTY:
                    raise self._missing(argument.name, plan)
                each = argument.default
            elif argument.validate is not None:
                each = _checked(argument, argument.validate, each, problems)
            if argument.by_keyword:
                kwargs[argument.name] = each
            else:
                args.append(each)
        if plan.rest is not None:
            args += self._rest(plan.rest, arguments[len(plan.arguments) :], problems)
        if problems:
            raise refusal(self._action, problems)
        return args, kwargs

    def bind_first(self, arguments: Sequence[object]) -> list[object]:
        """Check the first arguments of a call whose others are not known yet.

        Raises:
            ArgumentError: too many, or of the wrong type.
            InvalidArgumentError: an annotation that cannot be checked.
        """
        if self._plan is None:
            self.prepare()
        plan = self._plan
        assert plan is not None
        if plan.rest is None:
            arguments = self._without_what_is_too_much(arguments, plan)
        problems: list[Problem] = []
        checked: list[object] = []
        for argument, each in zip(plan.arguments, arguments, strict=False):
            if each is UNDEFINED and argument.default is not _EMPTY:
                checked.append(argument.default)
            else:
                checked.append(
                    each
                    if argument.validate is None
                    else _checked(argument, argument.validate, each, problems)
                )
        if plan.rest is not None:
            checked += self._rest(plan.rest, arguments[len(plan.arguments) :], problems)
        if problems:
            raise refusal(self._action, problems)
        return checked

    def _rest(self, rest: Argument, arguments: Sequence[object], problems: list[Problem]) -> list[object]:
        if rest.validate is None:
            return list(arguments)
        checked: Any = _validated(rest.name, rest.validate, list(arguments), problems)
        return checked or []

    def _without_what_is_too_much(self, arguments: Sequence[object], plan: _Plan) -> Sequence[object]:
        """Dropped are `undefined`, and what the browser kept for itself: the event that React hands to every handler."""
        most = len(plan.arguments)
        if any(
            each is not UNDEFINED and not isinstance(each, TemporaryReference) for each in arguments[most:]
        ):
            takes = f"at most {most} argument{'s' * (most != 1)}" if most else "no arguments"
            raise ArgumentError(
                f"Action '{self._action}' takes {takes}{_names(plan)}, got {len(arguments)}.",
                path=f"[{most}]",
            )
        return arguments[:most]

    def _missing(self, name: str, plan: _Plan) -> ArgumentError:
        return ArgumentError(
            f"Action '{self._action}' needs the argument '{name}', which was not given. It takes{_names(plan)}.",
            path=name,
        )


def _is_action(annotation: object) -> bool:
    return isinstance(annotation, type) and annotation.__module__.startswith("flightwire.actions.")


def _checked(argument: Argument, validate: Validate, given: object, problems: list[Problem]) -> object:
    if argument.form is not None and isinstance(given, FormData):
        given, validate = argument.form.fields.object_of(given), argument.form.validator()
    return _validated(argument.name, validate, given, problems)


def _validated(name: str, validate: Validate, given: object, problems: list[Problem]) -> object:
    try:
        return validate(given)
    except TooManyTriesError:
        problems.append(too_many_tries(name, given))
        return None
    except ValueError as error:
        errors = getattr(error, "errors", None)  # pydantic's ValidationError, which is not imported here
        if errors is None:
            raise
        if error.error_count() > _MAX_MISTAKES:  # type: ignore[attr-defined]
            problems.append(too_many_problems(name, given, error.error_count()))  # type: ignore[attr-defined]
            return None
        problems += problems_of(name, given, errors(include_url=False))
        return None


def _names(plan: _Plan) -> str:
    names = [each.name if each.default is _EMPTY else f"{each.name}=…" for each in plan.arguments]
    if plan.rest is not None:
        names.append(f"*{plan.rest.name}")
    return f" ({', '.join(names)})" if names else ""
