from __future__ import annotations

import pytest

from flightwire.toolchain.progress import step


def test_a_log_gets_a_line_at_the_beginning_and_one_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    with step("Installing [things]") as progress:
        progress.say("half")
        assert capsys.readouterr().err == "Installing [things] …\n"
    assert capsys.readouterr().err == "✓ Installing [things] (0.0 s)\n"


def test_a_failed_step_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), step("Installing"):
        raise KeyError
    assert capsys.readouterr().err.splitlines()[1].startswith("✗ Installing")


def test_nothing_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with step("Installing"):
        pass
    assert capsys.readouterr().out == ""
