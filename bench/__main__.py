"""`make bench`, `make bench-quick`, and `make bench ARGS=parts`, `json`, `profile`, `lines` or `tables`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="What a streamed token costs.")
    parser.add_argument(
        "what",
        nargs="?",
        choices=["compare", "parts", "json", "profile", "lines", "tables"],
        default="compare",
        help="compare: servers side by side (default). parts: single steps, in nanoseconds. json: 2 MB of plain JSON, "
        "against json.dumps. profile: where ours spends its time. lines: how much of the memory a token touches. "
        "tables: the newest results as Markdown",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="three minutes: the rows that tell most, of the nearest neighbours",
    )
    parser.add_argument(
        "--without",
        action="append",
        default=[],
        metavar="NAME",
        help="leave a server out, by the beginning of its name",
    )
    parser.add_argument(
        "--keep", action="store_true", help="write bench/ratios.json, which later runs are compared with"
    )
    words = sys.argv[1:] + shlex.split(os.environ.pop("ARGS", ""))  # make hands ARGS over so
    options = parser.parse_args(words)
    if options.what == "parts":
        from bench import parts

        return parts.main(quick=options.quick)
    if options.what == "json":
        from bench import plain_json

        return plain_json.main(quick=options.quick)
    if options.what == "profile":
        from bench import profile

        return profile.main()
    if options.what == "lines":
        from bench import lines

        return lines.main()
    if options.what == "tables":
        from bench import tables

        return tables.main()
    from bench import run

    return run.compare(quick=options.quick, without=options.without, keeps=options.keep)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (
        RuntimeError,
        KeyboardInterrupt,
    ) as wrong:  # a server that failed, or Ctrl-C: both end every process
        sys.exit(f"make bench: {wrong}" if str(wrong) else 130)
