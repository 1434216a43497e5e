"""Makes `bench/` importable, which is a program of the repository and no part of the package."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
