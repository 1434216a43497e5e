"""One question, one answer: the page waits until the model has written all of it."""

from typing import TypedDict

from flightwire import Usage, action, generate_text


class Answer(TypedDict):
    text: str
    finishReason: str
    usage: Usage


@action
async def get_answer(question: str) -> Answer:
    result = await generate_text(prompt=question, max_output_tokens=150)

    return {"text": result.text, "finishReason": result.finish_reason, "usage": result.usage}
