from typing import TypedDict

from flightwire import Usage, action, generate_text
from flightwire.events import FinishReason


class Answer(TypedDict):
    text: str
    finishReason: FinishReason
    usage: Usage


@action
async def get_answer(question: str) -> Answer:
    result = await generate_text(prompt=question)
    return {"text": result.text, "finishReason": result.finish_reason, "usage": result.usage}
