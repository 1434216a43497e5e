from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator

import pytest

from flightwire.cli.letters import log_to_terminal, print_letter


@pytest.fixture
def terminal_log() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("flightwire", "uvicorn")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    log_to_terminal()
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.level, logger.propagate = handlers, level, propagate


def test_a_letter_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_letter("No [bold]page[/] here.")
    assert capsys.readouterr() == ("", "error: No [bold]page[/] here.\n")


def test_the_log_is_a_line_per_record(terminal_log: None, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("flightwire.access").info("continue_conversation done: %d bytes", 12)
    assert capsys.readouterr().err.endswith(" continue_conversation done: 12 bytes\n")


def test_the_servers_chatter_stays_out(terminal_log: None, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").error(
        "Cancel %s running task(s), timeout graceful shutdown exceeded", 3
    )
    assert capsys.readouterr().err == ""


def test_a_call_cancelled_by_our_stop_is_no_news(
    terminal_log: None, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("uvicorn.error").error(
        "Exception in ASGI application\n", exc_info=asyncio.CancelledError()
    )
    assert capsys.readouterr().err == ""


def test_a_real_failure_is_news(terminal_log: None, capsys: pytest.CaptureFixture[str]) -> None:
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=KeyError("x"))
    assert "KeyError: 'x'" in capsys.readouterr().err
