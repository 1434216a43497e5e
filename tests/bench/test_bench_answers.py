"""What the upstream of a measurement answers."""

import json

from bench import answers


def test_no_two_tokens_of_the_longest_run_are_alike() -> None:
    assert len(set(answers.texts(20_000))) == 20_000


def test_a_token_is_four_characters() -> None:
    assert {len(text) for text in answers.texts(20_000)} == {4}


def test_an_event_is_as_long_as_the_real_one() -> None:
    assert {len(event) for event in answers.events(100)[1:-3]} == {answers.EVENT_BYTES}


def test_an_answer_ends_with_its_usage_and_the_end_mark() -> None:
    *_, usage, end = answers.events(7)
    assert json.loads(usage[6:])["usage"]["completion_tokens"] == 7
    assert end == b"data: [DONE]\n\n"


def test_a_prompt_says_what_to_answer() -> None:
    asked = answers.PROMPT.search(answers.prompt(500, 50, "s1r2").encode())
    assert asked is not None
    assert asked.groups() == (b"500", b"50", b"s1r2")
