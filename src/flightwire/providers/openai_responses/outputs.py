"""What tools answered, as the Responses API takes it.

Owns: the outputs of functions and of OpenAI's own tools that run here. Refuses to know: which message they stand in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from flightwire.events import CallWarning
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import ProviderOptions
from flightwire.providers.chat_dialect.messages import json_text
from flightwire.providers.media import Media, base64_of, full_media_type, media_in_output
from flightwire.providers.openai_responses.tool_settings import options_in
from flightwire.providers.options import option_of, without_none

__all__ = ["breakpoint_of", "function_output", "input_file", "own_output", "shell_output"]

Fields = dict[str, object]

DENIED = "Tool call execution denied."


def breakpoint_of(options: ProviderOptions | None) -> Fields:
    """Where the prompt cache may end."""
    found = option_of(options, "openai", "promptCacheBreakpoint")
    return {} if found is None else {"prompt_cache_breakpoint": found}


def options_of_output(output: Mapping[str, object]) -> ProviderOptions | None:
    """The options that an output, or a part of one, carries."""
    found = output.get("providerOptions", output.get("provider_options"))
    return cast("ProviderOptions", found) if isinstance(found, Mapping) else None


def function_output(
    output: JSONObject,
    options: ProviderOptions | None,
    where: str,
    warnings: list[CallWarning],
    *,
    has_schema: bool = False,
) -> str | list[Fields]:
    """The output of a function: text, or parts. A function with an output schema answers in JSON, texts too."""
    kind, answer = output.get("type"), output.get("value")
    if kind == "content":
        return list(_parts(answer, where, warnings))
    if kind == "text":
        text = json_text(answer) if has_schema or not isinstance(answer, str) else answer
    elif kind in ("error-text", "error-json"):
        text = json_text({"error": answer})
    elif kind == "execution-denied":
        reason = str(output.get("reason") or DENIED)
        text = json_text(reason) if has_schema else reason
    else:
        text = json_text(answer if "value" in output else output)
    mark = breakpoint_of(options_of_output(output)) or breakpoint_of(options)
    return [{"type": "input_text", "text": text, **mark}] if mark else text


def _parts(content: JSONValue, where: str, warnings: list[CallWarning]) -> Iterable[Fields]:
    for item in content if isinstance(content, (list, tuple)) else ():
        if not isinstance(item, Mapping):
            continue
        mark = breakpoint_of(options_of_output(item))
        if item.get("type") == "text":
            yield {"type": "input_text", "text": item.get("text"), **mark}
        elif (media := media_in_output(item, where)) is not None:
            yield {**input_file(media, "data"), **mark}
        else:
            kind = item.get("type")
            warnings.append(
                CallWarning("other", f"{where} holds a part of type {kind!r}; it was left out.", "output")
            )


def input_file(media: Media, unnamed: str) -> Fields:
    """An image or another file, by its name at OpenAI, its address, or as it is."""
    if media.kind == "image":
        detail = option_of(media.provider_options, "openai", "imageDetail")
        if media.reference is not None:
            where: Fields = {"file_id": media.reference_for("openai")}
        else:
            where = {"image_url": media.url or _data_url(media)}
        return without_none({"type": "input_image", **where, "detail": detail})
    if media.reference is not None:
        return {"type": "input_file", "file_id": media.reference_for("openai")}
    if media.url is not None:
        return {"type": "input_file", "file_url": media.url}
    return {"type": "input_file", "filename": media.filename or unnamed, "file_data": _data_url(media)}


def _data_url(media: Media) -> str:
    return f"data:{full_media_type(media)};base64,{base64_of(media)}"


# --- OpenAI's own tools that run here ----------------------------------------------------------------------------


def own_output(kind: str, call_id: str, answer: object) -> Fields | None:
    """The item for what one of OpenAI's own tools answered that ran here; None for another tool."""
    said = options_in(answer)
    if kind == "local_shell":
        return {"type": "local_shell_call_output", "call_id": call_id, "output": said["output"]}
    if kind == "shell":
        return shell_output(call_id, answer)
    if kind == "apply_patch":
        return without_none(
            {
                "type": "apply_patch_call_output",
                "call_id": call_id,
                "status": said["status"],
                "output": said["output"],
            }
        )
    if kind == "computer":
        return _computer_output(call_id, answer)
    return None


def shell_output(call_id: str, answer: object) -> Fields:
    """What a shell printed."""
    said = options_in(answer)
    outputs = said["output"]
    return without_none(
        {
            "type": "shell_call_output",
            "call_id": call_id,
            "max_output_length": said["maxOutputLength"],
            "output": [_shell_line(options_in(each)["outcome"], each) for each in outputs]
            if isinstance(outputs, (list, tuple))
            else [],
        }
    )


def _shell_line(outcome: object, printed: object) -> Fields:
    said, how = options_in(printed), options_in(outcome)
    ended: Fields = (
        {"type": "timeout"} if how["type"] == "timeout" else {"type": "exit", "exit_code": how["exitCode"]}
    )
    return {"stdout": said["stdout"], "stderr": said["stderr"], "outcome": ended}


def _computer_output(call_id: str, answer: object) -> Fields:
    said = options_in(answer)
    picture = options_in(said["output"])
    checks = said["acknowledgedSafetyChecks"]
    return without_none(
        {
            "type": "computer_call_output",
            "call_id": call_id,
            "output": without_none(
                {
                    "type": "computer_screenshot",
                    "image_url": picture["imageUrl"],
                    "file_id": picture["fileId"],
                    "detail": picture["detail"],
                }
            ),
            "acknowledged_safety_checks": [safety_check(check) for check in checks]
            if isinstance(checks, (list, tuple))
            else None,
        }
    )


def safety_check(check: object) -> Fields:
    """A safety check, as it goes back."""
    said = options_in(check)
    return without_none({"id": said["id"], "code": said["code"], "message": said["message"]})
