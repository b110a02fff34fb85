"""`python -m loadtests.arms`: every arm on every family's unseen worlds; writes docs/results/arms.md.

The soak runs the same protocol on more worlds: `--worlds 250`. With `--keep DIR` each finished world's rows are kept
there, and a run that begins again reads them back.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from loadtests.arms.protocol import load_protocol
from loadtests.arms.report import render
from loadtests.arms.running import run

OUT = Path("docs/results/arms.md")


def main() -> None:
    protocol = load_protocol()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--worlds", type=int, default=protocol.worlds["n"])
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    campaign = run(protocol, arguments.worlds, arguments.processes, protocol.families, arguments.keep)
    arguments.out.write_text(render(campaign), encoding="utf-8")


if __name__ == "__main__":
    main()
