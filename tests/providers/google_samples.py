"""Streams in the grammar of Google's Gemini API, every kind of part among them.

Written after https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

import json
from typing import Any

USAGE = {
    "promptTokenCount": 5,
    "candidatesTokenCount": 2,
    "thoughtsTokenCount": 1,
    "cachedContentTokenCount": 3,
    "toolUsePromptTokenCount": 4,
    "totalTokenCount": 8,
}


def event(**fields: Any) -> bytes:
    return f"data: {json.dumps(fields)}\n\n".encode()


def chunk(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    content = {"role": "model", "parts": list(parts)}
    about = {"usageMetadata": USAGE, "modelVersion": "gemini-x", "responseId": "r1"}
    return {"candidates": [{"content": content, "index": 0, **candidate}], **about}


def said(*parts: dict[str, Any], **candidate: Any) -> bytes:
    return event(**chunk(*parts, **candidate))


def end(reason: str = "STOP", **candidate: Any) -> bytes:
    return said(finishReason=reason, **candidate)


def text(words: str, **fields: Any) -> dict[str, Any]:
    return {"text": words, **fields}


def call(signature: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"functionCall": fields, **({} if signature is None else {"thoughtSignature": signature})}


def piece(path: str, **fields: Any) -> dict[str, Any]:
    return {"jsonPath": path, **fields}


GROUNDING = {
    "webSearchQueries": ["q"],
    "groundingChunks": [
        {"web": {"uri": "https://a", "title": "A"}},
        {"web": {"uri": "https://a", "title": "A"}},
        {"image": {"sourceUri": "https://i", "imageUri": "https://x"}},
        {"retrievedContext": {"uri": "gs://b/c.pdf", "title": "C"}},
        {"retrievedContext": {"uri": "https://d", "title": "D"}},
        {"retrievedContext": {"fileSearchStore": "fileSearchStores/s"}},
        {"maps": {"uri": "https://m"}},
        {"chunk_of_tomorrow": {}},
    ],
}
PLAIN = (said(text("Hel")), said(text("lo ")), said(text("w\u00f6rld \U0001f600")), end())
THINKING = (
    said(text("Let me ", thought=True)),
    said(text("see.", thought=True, thoughtSignature="s1")),
    said(text("4")),
    said(text("2")),
    said(text("", thoughtSignature="s2")),
    end(),
)
CALLS = (
    said(text("I look.")),
    said(call("s", name="get_weather", args={"city": "Paris"}, id="c1"), call(name="now", id="c2")),
    end(),
)
PIECES = (
    said(call("s", name="f", id="c1", willContinue=True)),
    said(call(partialArgs=[piece("$.city", stringValue="Par", willContinue=True)], willContinue=True)),
    said(call(partialArgs=[piece("$.city", stringValue='"is\u00e9', willContinue=True)], willContinue=True)),
    said(call(partialArgs=[piece("$.city", stringValue="")], willContinue=True)),
    said(
        call(
            partialArgs=[
                piece("$.at.x", numberValue=1.5),
                piece("$.at.y", boolValue=True),
                piece("$.tags[0]", stringValue="p"),
                piece("$.tags[1].z", nullValue=None),
                piece("$.none[]"),
                piece("$.empty"),
            ],
            willContinue=True,
        )
    ),
    said(call()),
    end(),
)
PIECES_INPUT = {
    "city": 'Par"is\u00e9', "at": {"x": 1.5, "y": True}, "tags": ["p", {"z": None}], "none": [], "empty": {}
}  # fmt: skip
GROUNDED = (
    said(text("It says"), groundingMetadata=GROUNDING),
    said(text(" so."), groundingMetadata=GROUNDING),
    end(urlContextMetadata={"urlMetadata": []}, safetyRatings=[{"category": "x"}], finishMessage="Done."),
)
FILES = (
    said(text("Look:"), {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "s"}),
    said({"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thought": True}, text("!")),
    end(),
)
OWN_TOOLS = (
    said({"executableCode": {"language": "PYTHON", "code": "print(1)"}}),
    said({"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}),
    said({"toolCall": {"toolType": "GOOGLE_SEARCH", "args": {"q": 1}, "id": "t1"}, "thoughtSignature": "s"}),
    said({"toolResponse": {"toolType": "GOOGLE_SEARCH", "response": {"r": 1}, "id": "t1"}}),
    said({"part_of_tomorrow": {}}, text("1")),
    end(),
)
SAMPLES = {
    "plain": PLAIN, "thinking": THINKING, "calls": CALLS, "pieces": PIECES, "grounded": GROUNDED, "files": FILES,
    "own_tools": OWN_TOOLS,
}  # fmt: skip
NOISE = (event(usageMetadata=USAGE), event(kind_of_tomorrow=1), event(candidates=[]))
