"""CPU of a month's plan for fee tiers, by number of venues: seeded schedules of six to ten rows, volumes of every size.

python -m loadtests.tier_plan
"""

from __future__ import annotations

import timeit
from random import Random
from time import process_time

from app.domain.enums import FeeStatus, MarketKind
from app.domain.fees import FeeSchedule, TierRule
from app.domain.units import NANO
from app.learning.tier_plan import VenueMonth, plan_tiers

VENUES = (8, 32, 64)
RESPONSE_PPM = 40_000
MILLION = 1_000_000 * NANO


def months(n_venues: int, seed: int = 1) -> list[VenueMonth]:
    """What is known of so many venues, the same for the same seed."""
    rng = Random(seed)
    found = []
    for i in range(n_venues):
        thresholds = [0, *sorted(rng.sample(range(1, 400), rng.randint(5, 9)))]
        fees = sorted((rng.randint(900, 1_500) for _ in thresholds), reverse=True)
        rules = [
            TierRule(f"t{j}", t * MILLION, fee, 0) for j, (t, fee) in enumerate(zip(thresholds, fees, strict=True))
        ]
        schedule = FeeSchedule(
            f"v{i}", MarketKind.SPOT, tuple(rules), "seeded", "2026-11-01", FeeStatus.VERIFIED, volume_currency="USDT"
        )
        natural = rng.randint(0, 80) * MILLION
        found.append(VenueMonth(schedule, rng.randint(0, 40) * MILLION, natural, natural, {}))
    return found


def rows() -> list[dict[str, object]]:
    """Least CPU us of sixty samples of twenty plans."""
    found: list[dict[str, object]] = []
    for n in VENUES:
        known = months(n)
        samples = timeit.repeat(lambda k=known: plan_tiers(k, RESPONSE_PPM), timer=process_time, number=20, repeat=60)
        n_chased = sum(part.value_ppm > 0 for part in plan_tiers(known, RESPONSE_PPM).parts)
        found.append({"venues": n, "plan_us": round(min(samples) / 20 * 1e6, 1), "chased": n_chased})
    return found


def main() -> None:
    """Prints a line a size."""
    for row in rows():
        print("  ".join(f"{name} {value}" for name, value in row.items()))


if __name__ == "__main__":
    main()
