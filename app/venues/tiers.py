"""The fee tiers that a simulated venue grants its accounts, from what its own ledger says they traded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from app.domain.enums import MarketKind
from app.domain.fees import FeeSchedule, FeeTier, market_of, standing
from app.domain.volume import DayVolumes
from app.execution.simulator import Listing
from app.venues.ledger import AcceptedLine, DoneLine, FillLine, LedgerLine


@dataclass(slots=True)
class VenueTiers:
    """One venue's view of its accounts. A venue without a schedule charges what its listing says."""

    schedules: Mapping[MarketKind, FeeSchedule]
    listings: Mapping[str, Listing]
    _accounts: dict[str, str] = field(default_factory=dict)  # client id of an open order -> account
    _volumes: dict[tuple[str, MarketKind], DayVolumes] = field(default_factory=dict)
    # What an account was last charged by: (account, symbol) -> judged volume, listing. It changes once a day.
    _charged: dict[tuple[str, str], tuple[int, Listing]] = field(default_factory=dict)

    def note(self, line: LedgerLine) -> None:
        """Takes one line of the ledger, in order."""
        match line:
            case AcceptedLine():
                self._accounts[line.client_id] = line.account
            case DoneLine():
                self._accounts.pop(line.client_id, None)
            case FillLine() if line.client_id in self._accounts and line.symbol in self.listings:
                listing, key = self.listings[line.symbol], (self._accounts[line.client_id], market_of(line.symbol))
                price_units = line.price_ticks * listing.instrument.tick_units
                qty_units = line.qty_lots * listing.instrument.lot_units
                volume = self._volumes.setdefault(key, DayVolumes())
                volume.add(line.ts_ns, listing.symbol.notional_nano(price_units, qty_units))
            case _:
                pass

    def listing_for(self, account: str, symbol: str, now_ns: int) -> Listing:
        """The listing with the fee of `account`'s tier at the venue's time `now_ns`."""
        listing = self.listings[symbol]
        schedule = self.schedules.get(market_of(symbol))
        if schedule is None:
            return listing
        volume = self._volumes.get((account, schedule.market))
        judged_nano = volume.judged_nano(now_ns, schedule.window_days) if volume is not None else 0
        found = self._charged.get((account, symbol))
        if found is None or found[0] != judged_nano:
            found = judged_nano, replace(listing, fee=_charged(listing.fee, schedule, judged_nano))
            self._charged[(account, symbol)] = found
        return found[1]


def _charged(fee: FeeTier, schedule: FeeSchedule, judged_nano: int) -> FeeTier:
    at = standing(schedule, judged_nano, {})
    return replace(fee, tier=at.rule.tier, taker_fee_ppm=at.taker_fee_ppm, maker_fee_ppm=at.maker_fee_ppm)
