"""From a name to a model, and which model is taken when there is no name."""

from __future__ import annotations

import subprocess
import sys
from typing import cast

import pytest

from flightwire.errors import NoSuchModelError
from flightwire.providers import registry
from flightwire.providers.base import LanguageModel
from flightwire.providers.openai import openai
from flightwire.providers.registry import default_model, provider_names, register_provider, resolve


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))


class Named:
    """Stands for a model in tests that only look at its name."""

    def __init__(self, name: str) -> None:
        self.model_id = name


def named(name: str) -> LanguageModel:
    return cast("LanguageModel", Named(name))


@pytest.mark.parametrize(
    ("name", "provider"),
    [
        ("openai/gpt-5.4-mini", "openai.responses"),
        ("openai.chat/gpt-5.4-mini", "openai.chat"),
        ("openai.responses/gpt-5.4-mini", "openai.responses"),
        ("xai/grok-4.5", "xai.responses"),
        ("xai.chat/grok-4.5", "xai.chat"),
        ("groq/openai/gpt-oss-120b", "groq.chat"),
        ("mistral/mistral-small-latest", "mistral.chat"),
        ("deepseek/deepseek-flash", "deepseek.chat"),
        ("moonshotai/kimi-k3", "moonshotai.chat"),
        ("moonshot/kimi-k3", "moonshotai.chat"),
        ("alibaba/qwen-plus", "alibaba.chat"),
        ("openrouter/openai/gpt-5", "openrouter.chat"),
        ("togetherai/a/b", "togetherai.chat"),
        ("together/a/b", "togetherai.chat"),
        ("fireworks/accounts/fireworks/models/x", "fireworks.chat"),
        ("ollama/llama3.2", "ollama.chat"),
        ("vllm/m", "vllm.chat"),
        ("lmstudio/m", "lmstudio.chat"),
        ("llamacpp/m", "llamacpp.chat"),
        ("llama.cpp/m", "llamacpp.chat"),
    ],
)
def test_models_of_every_provider_are_found(name: str, provider: str) -> None:
    model = resolve(name)
    assert (model.provider, model.model_id) == (provider, name.partition("/")[2])


def test_what_follows_the_first_slash_is_the_provider_s() -> None:
    assert resolve("openai/org/model").model_id == "org/model"


def test_own_providers_are_found() -> None:
    register_provider("mine", named)
    assert resolve("mine/a/b").model_id == "a/b"
    assert "mine" in provider_names()


def test_the_last_registered_wins() -> None:
    register_provider("openai", named)
    assert isinstance(resolve("openai/x"), Named)


@pytest.mark.parametrize("name", ["", "a/b"])
def test_provider_needs_a_usable_name(name: str) -> None:
    with pytest.raises(NoSuchModelError, match="cannot be a provider's name"):
        register_provider(name, openai)


@pytest.mark.parametrize("model_id", ["gpt-5.4-mini", "", "/", "openai/", "/gpt", "  "])
def test_name_without_a_provider_is_explained(model_id: str) -> None:
    with pytest.raises(NoSuchModelError, match=r"write provider/model.*Providers: alibaba, .*openai, .*xai"):
        resolve(model_id)


def test_unknown_provider_is_explained() -> None:
    with pytest.raises(
        NoSuchModelError, match=r"no provider 'os' \(of model 'os/path'\)\. Providers: alibaba, .*openai"
    ):
        resolve("os/path")


def test_named_model_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_MODEL", " openai/x ")
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    model, reason = default_model()
    assert (model.model_id, reason) == ("x", "because FLIGHTWIRE_MODEL names it")


def test_named_model_without_a_key_says_so_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_MODEL", "openai/x")
    _, reason = default_model()
    assert reason == (
        "because FLIGHTWIRE_MODEL names it; but OpenAI needs an API key. Set OPENAI_API_KEY, or pass api_key=…."
    )


@pytest.mark.parametrize("name", ["gpt-5", "nobody/gpt"])
def test_malformed_name_in_the_environment_names_the_variable(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIGHTWIRE_MODEL", name)
    with pytest.raises(NoSuchModelError, match=f"^FLIGHTWIRE_MODEL is set, but .*{name}"):
        default_model()


def test_key_chooses_openai(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    model, reason = default_model()
    assert (model.provider, model.model_id) == ("openai.responses", "gpt-5.4-mini")
    assert reason == "because OPENAI_API_KEY is set; FLIGHTWIRE_MODEL=provider/model chooses another"
    assert resolve(None).model_id == "gpt-5.4-mini"


def test_address_of_one_s_own_is_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")
    model, reason = default_model()
    assert reason.startswith("because OPENAI_API_KEY is set and OPENAI_BASE_URL says where; ")
    assert model.provider == "openai.chat"  # what every such server knows


def test_server_on_this_machine_needs_no_key_to_be_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")
    model, reason = default_model()
    assert model.provider == "openai.chat"
    assert reason.startswith("because OPENAI_BASE_URL names a server on this machine; ")


@pytest.mark.parametrize("base_url", ["https://llm.example.com/v1", "http://[", "nonsense"])
def test_server_elsewhere_is_no_default_without_a_key(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    assert default_model()[0].provider == "local"


def test_every_provider_says_at_the_start_that_its_key_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_MODEL", "groq/x")
    assert "Set GROQ_API_KEY" in default_model()[1]


@pytest.mark.parametrize("key", [None, "", "  "])
def test_without_a_key_the_local_model_is_taken(key: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    register_provider("local", named)
    if key is not None:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    model, reason = default_model()
    assert model.model_id == "smollm2"
    assert reason.startswith("because none of OPENAI_API_KEY, ANTHROPIC_API_KEY")
    assert reason.endswith("or FLIGHTWIRE_MODEL=provider/model, to choose another")


def test_looking_at_the_table_imports_no_provider() -> None:
    program = (
        "import sys, flightwire.providers.registry as r; r.provider_names();"
        "print([m for m in sys.modules if m in ('aiohttp', 'xllamacpp', 'flightwire.providers.openai')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
