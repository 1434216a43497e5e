"""What the factories of one file have in common: a name, an address, a key.

Owns: making models of a dialect at an endpoint. Refuses to know: any particular API.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flightwire.errors import InvalidArgumentError
from flightwire.providers.base import LanguageModel
from flightwire.providers.chat_dialect import ChatDialect, ChatModel
from flightwire.providers.endpoint import Endpoint, check_url, endpoint_of
from flightwire.providers.transport import DEFAULT_TIMEOUTS, Timeouts

__all__ = ["ChatProvider"]


class ChatProvider:
    """Makes the models of one provider that speaks the dialect of chat completions: `groq("llama-3.3-70b-versatile")`.

    Args:
        dialect: from a model's name to how it is asked and read.
        name: the provider's name in `name/model`.
        service: its name in error messages.
        base_url: where its API is, unless a call or the environment says otherwise.
        key_variables: the environment's names of the key, the first one first; without any, no key is needed.
        needs_key: whether a call without a key is refused before it is made.
    """

    def __init__(
        self,
        dialect: Callable[[str], ChatDialect],
        *,
        name: str,
        service: str,
        base_url: str,
        key_variables: tuple[str, ...] = (),
        needs_key: bool = True,
    ) -> None:
        self._dialect = dialect
        self._name = name
        self._service = service
        self._base_url = base_url
        self._base_url_variable = f"{name.upper()}_BASE_URL"
        self._key_variables = key_variables
        self._needs_key = needs_key

    def __call__(
        self,
        model_id: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
    ) -> LanguageModel:
        """A model, by the provider's name for it.

        Args:
            model_id: the provider's name of the model.
            base_url: where the API is; else `NAME_BASE_URL` of the environment, else the provider's own. Read at every call.
            api_key: else what the environment says, read at every call.
            headers: further headers of every call.
            timeouts: how long the API may be silent.

        Raises:
            InvalidArgumentError: an empty model id, or a base_url that is not an http(s) address.
        """
        if not model_id:
            raise InvalidArgumentError(f"a model needs a name, as in {self._name}('model-id').")
        if base_url is not None:
            check_url(base_url, "base_url", self._base_url)

        def endpoint() -> Endpoint:
            return endpoint_of(
                service=self._service,
                default_base_url=self._base_url,
                base_url=base_url,
                base_url_variable=self._base_url_variable,
                api_key=api_key,
                key_variables=self._key_variables,
                needs_key=self._needs_key,
                headers=headers,
            )

        return ChatModel(self._dialect(model_id), endpoint, timeouts=timeouts)

    def __repr__(self) -> str:
        """`<provider groq>`."""
        return f"<provider {self._name}>"
