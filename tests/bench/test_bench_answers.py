"""What the upstream of a measurement answers."""

import json

from bench import answers


def test_no_two_tokens_of_the_longest_run_are_alike() -> None:
    assert len(set(answers.texts(200_000))) == 200_000


def test_a_token_is_four_characters() -> None:
    assert {len(text) for text in answers.texts(200_000)} == {4}


def test_an_event_is_as_long_as_the_real_one() -> None:
    assert {len(event) for event in answers.events(100)[1:-3]} == {answers.EVENT_BYTES}


def test_an_object_is_a_million_bytes_of_json() -> None:
    deltas = [json.loads(event[6:]) for event in answers.object_events(10_000)[1:-3]]
    text = "".join(delta["choices"][0]["delta"]["content"] for delta in deltas)
    assert json.loads(text) == {"elements": answers.elements(10_000)}
    assert 990_000 < len(text) < 1_010_000


def test_an_answer_ends_with_its_usage_and_the_end_mark() -> None:
    *_, usage, end = answers.events(7)
    assert json.loads(usage[6:])["usage"]["completion_tokens"] == 7
    assert end == b"data: [DONE]\n\n"


def test_a_prompt_says_what_to_answer() -> None:
    asked = answers.PROMPT.search(answers.prompt(500, 20, "s1r2").encode())
    assert asked is not None
    assert asked.groups() == (b"500", b"20", b"s1r2")
