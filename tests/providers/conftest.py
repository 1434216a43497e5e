"""What the tests of providers share: a scripted upstream, and an environment without anybody's keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flightwire.testing.upstream import ScriptedUpstream

VARIABLES = (
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "FLIGHTWIRE_MODEL",
    *(
        f"{name}_{what}"
        for name in (
            "ANTHROPIC", "GOOGLE", "GEMINI", "GOOGLE_GENERATIVE_AI",
            "XAI", "GROQ", "MISTRAL", "DEEPSEEK", "MOONSHOT", "MOONSHOTAI", "ALIBABA", "OPENROUTER", "TOGETHER",
            "TOGETHERAI", "TOGETHER_AI", "FIREWORKS", "OLLAMA", "VLLM", "LMSTUDIO", "LLAMACPP",
        )
        for what in ("API_KEY", "BASE_URL")
    ),
    "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as up:
        yield up
