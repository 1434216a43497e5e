"""Where downloaded things live.

Owns: the cache folder of this user. Refuses to know: what is kept in it.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder() -> Path:
    """Give the folder for everything that can be downloaded again.

    `FLIGHTWIRE_CACHE`, else `flightwire` inside `XDG_CACHE_HOME`, else `~/.cache/flightwire` (XDG Base Directory
    Specification 0.8: a relative `XDG_CACHE_HOME` is ignored). The folder may not exist yet.
    """
    own = os.environ.get("FLIGHTWIRE_CACHE")
    if own:
        return Path(own).expanduser().absolute()
    shared = os.environ.get("XDG_CACHE_HOME")
    if shared and Path(shared).is_absolute():
        return Path(shared) / "flightwire"
    return Path.home() / ".cache" / "flightwire"
