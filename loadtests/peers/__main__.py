"""`python -m loadtests.peers [--recorded | --write]`: our pool router beside its rivals; README.md says how to install
them, `--write` puts the interleaved table into docs/results/peers.md.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from app.routing import network
from app.routing.solvers import dual
from loadtests import cases_dex
from loadtests.peers import compare

RESULT = Path(__file__).resolve().parents[2] / "docs" / "results" / "peers.md"
HEAD = """# Pools beside the best open router

Written by `python -m loadtests.peers --write`: every case of the family `dex` that `@sushiswap/tines` 1.0.11 can read,
both routers by turns in one run. Outputs are re-simulated by the cases' neutral simulator and shown as parts of the
convex optimum; CPU is that of the answering process per query, pools built outside the clock on both sides, the ratio
the median of the rounds' own ratios. `loadtests/peers/README.md` says how the peer is asked.
"""


def our_route() -> compare.Route:
    """Our answer to a case; its pools are laid out once, outside the clock, as the peer's are."""
    cases_dex.setup()
    problems: dict[str, network.SwapProblem] = {}

    def route(case: compare.Case) -> dict[str, object]:
        problem = problems.get(case["id"])
        if problem is None:
            problem = problems[case["id"]] = cases_dex.problem_of(case)
        return cases_dex.answer_of(problem, dual.solve(problem))

    return route


def write(found: list[compare.Compared | compare.LeftOut]) -> Path:
    """The page of one run."""
    RESULT.write_text("\n".join((HEAD, *compare.lines(found))) + "\n")
    return RESULT


def main() -> None:
    if "--recorded" in sys.argv[1:]:
        for peer, ratios in sorted(compare.against_recorded(our_route()).items()):
            print(f"ours / {peer}: n {len(ratios)}, mean {statistics.mean(ratios):.9f}, least {min(ratios):.9f}")
        return
    if not compare.is_installed():
        raise SystemExit("the peer is not installed: npm ci --ignore-scripts in loadtests/peers/npm_sushi")
    found = list(compare.compare(our_route()))
    if "--write" in sys.argv[1:]:
        print(write(found).name)
    for line in compare.lines(found):
        print(line, flush=True)


if __name__ == "__main__":
    main()
