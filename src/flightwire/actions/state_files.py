"""Files that Flightwire writes for other programs to read.

Owns: that nobody ever reads half a file, and that an unchanged one is left alone (who watches it would start to work).
Refuses to know: what is in them.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_changed(file: Path, text: str) -> bool:
    """Write a file, unless it says this already; returns whether it was written.

    Raises:
        OSError: it cannot be written.
    """
    content = text.encode("utf-8", "replace")
    if file.is_file() and file.read_bytes() == content:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f"{file.name}.{os.getpid()}")
    aside.write_bytes(content)
    aside.replace(file)
    return True
