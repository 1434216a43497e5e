"""Gives a GGUF file another chat template: a real model whose template knows tools, without fetching one.

The format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, version 3.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

TEMPLATE_KEY = "tokenizer.chat_template"
ALIGNMENT = 32
STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}

# ChatML with tools as Hermes and Qwen write them.
HERMES = """{%- if tools %}<|im_start|>system
You may call functions. <tools>
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}
</tools>
For each function call, return a json object within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call><|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role == "tool" %}<|im_start|>tool
{{ message.content }}<|im_end|>
{% else %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}
<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>
{%- endfor %}<|im_end|>
{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def with_template(source: Path, target: Path, template: str) -> Path:
    """Write `source` to `target` with another template."""
    with source.open("rb") as file:
        head = file.read(8)
        tensors, pairs = struct.unpack("<QQ", file.read(16))
        kept = bytearray()
        for _ in range(pairs):
            start = file.tell()
            key = _string(file)
            _skip(file, _number(file, 4))
            end = file.tell()
            if key != TEMPLATE_KEY.encode():
                file.seek(start)
                kept += file.read(end - start)
        infos_start = file.tell()
        for _ in range(tensors):
            _string(file)
            file.seek(8 * _number(file, 4) + 4 + 8, 1)
        infos_end = file.tell()
        file.seek(infos_start)
        infos = file.read(infos_end - infos_start)
        file.seek(_aligned(infos_end))
        weights = file.read()
    text = template.encode()
    key = TEMPLATE_KEY.encode()
    pair = struct.pack("<Q", len(key)) + key + struct.pack("<IQ", STRING, len(text)) + text
    out = head + struct.pack("<QQ", tensors, pairs) + kept + pair + infos
    target.write_bytes(out.ljust(_aligned(len(out)), b"\0") + weights)
    return target


def _aligned(position: int) -> int:
    return -(-position // ALIGNMENT) * ALIGNMENT


def _number(file: BinaryIO, size: int) -> int:
    return int.from_bytes(file.read(size), "little")


def _string(file: BinaryIO) -> bytes:
    return file.read(_number(file, 8))


def _skip(file: BinaryIO, kind: int) -> None:
    if kind == STRING:
        _string(file)
    elif kind == ARRAY:
        inner, count = _number(file, 4), _number(file, 8)
        for _ in range(count):
            _skip(file, inner)
    else:
        file.seek(SIZES[kind], 1)
