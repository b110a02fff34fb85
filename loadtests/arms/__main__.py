"""`python -m loadtests.arms`: every arm on every family's unseen worlds; writes docs/results/arms.md.

The worlds are the protocol's; `--soak` takes the larger numbers of its soak. With `--keep DIR` each finished world's
rows are kept there, and a run that begins again reads them back. `--stop-after SECONDS` begins no world after that.
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
    parser.add_argument("--soak", action="store_true")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--stop-after", type=float, default=float("inf"), metavar="SECONDS")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    per_family = protocol.worlds["n_soak" if arguments.soak else "n"]
    campaign = run(protocol, per_family, arguments.processes, arguments.keep, arguments.stop_after)
    arguments.out.write_text(render(campaign), encoding="utf-8")


if __name__ == "__main__":
    main()
