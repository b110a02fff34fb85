"""`python -m bestex_verify FILE...` recomputes receipts offline: exit 0 valid, 1 a claim fails, 2 unreadable."""

from __future__ import annotations

import sys
from pathlib import Path

from bestex_verify.decode import BadReceipt
from bestex_verify.judge import Verdict, verify_receipt


def show(name: str, verdict: Verdict) -> None:
    """Prints one verdict, failures last."""
    print(f"{name}: route {verdict.route_id} {'VALID' if verdict.is_valid else 'INVALID'}")
    print(f"  objective {verdict.objective_nano} nano, bound {verdict.bound_nano} nano")
    print(f"  gap {verdict.gap_ubps / 1_000_000:.6f} bps, {verdict.status}, {verdict.n_levels} levels")
    for rival, cost_nano in verdict.rivals:
        print(f"  {rival}: {cost_nano} nano")
    for failure in verdict.failures:
        print(f"  FAILS {failure}")


def main(arguments: list[str]) -> int:
    """Verifies each file; the exit code is the worst one's."""
    if not arguments:
        print(__doc__)
        return 2
    worst = 0
    for argument in arguments:
        try:
            verdict = verify_receipt(Path(argument).read_bytes())
        except (BadReceipt, OSError) as error:
            print(f"{argument}: unreadable: {error}")
            worst = 2
            continue
        show(argument, verdict)
        worst = max(worst, 0 if verdict.is_valid else 1)
    return worst


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
