"""`python -m loadtests.peers [--recorded]`: our pool router beside its rivals; README.md says how to install them."""

from __future__ import annotations

import importlib
import statistics
import sys
from typing import Any

from loadtests.peers import compare


def our_route() -> compare.Route:
    """The adapter of the family `dex`, prepared."""
    adapter: Any = importlib.import_module("loadtests.cases_dex")
    if hasattr(adapter, "setup"):
        adapter.setup()
    route: compare.Route = adapter.route_dex
    return route


def main() -> None:
    if "--recorded" in sys.argv[1:]:
        for peer, ratios in sorted(compare.against_recorded(our_route()).items()):
            print(f"ours / {peer}: n {len(ratios)}, mean {statistics.mean(ratios):.9f}, least {min(ratios):.9f}")
        return
    if not compare.is_installed():
        raise SystemExit("the peer is not installed: npm ci --ignore-scripts in loadtests/peers/npm_sushi")
    for line in compare.lines(list(compare.compare(our_route()))):
        print(line, flush=True)


if __name__ == "__main__":
    main()
