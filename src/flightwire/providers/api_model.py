"""A model behind an HTTP API.

Owns: what the models of every API have alike: where they are, whether a key is missing, how a streamed answer is obtained.
Refuses to know: what a request or an answer looks like.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from flightwire.errors import LoadAPIKeyError
from flightwire.providers.answering import Question, stream_answer
from flightwire.providers.base import HandedOver, ModelCall
from flightwire.providers.endpoint import Endpoint
from flightwire.providers.outgoing import DEFAULT_TIMEOUTS, Timeouts
from flightwire.providers.retries import SYSTEM_CLOCK, Clock

__all__ = ["APIModel"]


class APIModel(ABC):
    """What is left to say of a model is its names, its question and `generate`; see `flightwire.providers.base.LanguageModel`.

    Args:
        endpoint: asked at every call, so that a key may change; it may raise `LoadAPIKeyError`.
        timeouts: how long the API may be silent.
        clock: for tests.
    """

    def __init__(
        self,
        endpoint: Callable[[], Endpoint],
        *,
        timeouts: Timeouts = DEFAULT_TIMEOUTS,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._clock = clock

    @property
    @abstractmethod
    def provider(self) -> str:
        """As in "openai.chat"."""

    @property
    @abstractmethod
    def model_id(self) -> str:
        """The provider's name of the model."""

    @abstractmethod
    def question(self, call: ModelCall) -> Question:
        """What to send for an answer that streams, and how to read it. Raises what `stream` does before it sends anything."""

    def stream(self, call: ModelCall) -> HandedOver:
        """Answer in batches: what one read of the socket delivered.

        Raises:
            APICallError: the API could not be reached, refused the call, or broke off before its own end mark.
            RetryError: it failed several times before it answered.
            LoadAPIKeyError: there is no key.
            InvalidPromptError: the messages hold something the API cannot take.
            InvalidArgumentError: provider options that exclude each other.
            UnsupportedFunctionalityError: something that this API has no words for.
        """
        return stream_answer(lambda: self.question(call))

    def missing_key(self) -> LoadAPIKeyError | None:
        """What the first call would raise if the environment stays as it is, or None."""
        try:
            self._endpoint()
        except LoadAPIKeyError as error:
            return error
        return None

    def __repr__(self) -> str:
        """`<openai.chat gpt-5.4-mini>`."""
        return f"<{self.provider} {self.model_id}>"
