"""`make bench`, `make bench ARGS=--quick`, `make bench ARGS=parts`, `make bench ARGS=profile`."""

from __future__ import annotations

import argparse
import os
import shlex
import sys

from bench.servers import AI_SDK, OURS, RAW_PUMP

WITHOUT = {"node": AI_SDK, "pump": RAW_PUMP, "ours": OURS}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="What a streamed token costs.")
    parser.add_argument(
        "what",
        nargs="?",
        choices=["compare", "parts", "profile"],
        default="compare",
        help="compare: servers side by side (default). parts: single steps, in nanoseconds. profile: where ours spends its time",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a run of seconds that shows whether something broke"
    )
    parser.add_argument("--without", action="append", default=[], choices=WITHOUT, help="leave a server out")
    options = parser.parse_args(
        sys.argv[1:] or shlex.split(os.environ.get("ARGS", ""))
    )  # make hands ARGS over so
    if options.what == "parts":
        from bench import parts

        return parts.main(quick=options.quick)
    if options.what == "profile":
        from bench import profile

        return profile.main()
    from bench import run

    left_out = {WITHOUT[name] for name in options.without}
    return run.compare(
        [name for name in (RAW_PUMP, OURS, AI_SDK) if name not in left_out], quick=options.quick
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (
        RuntimeError,
        KeyboardInterrupt,
    ) as wrong:  # a server that failed, or Ctrl-C: both end every process
        sys.exit(f"make bench: {wrong}" if str(wrong) else 130)
