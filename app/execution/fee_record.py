"""What the facts say about an account's fees: its volume, its tiers, what its fills were charged. Folded, never set.

Bounded: thirty-one days of volume and a few sums for each (account, venue, kind of market).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from app.domain.enums import Liquidity, MarketKind
from app.domain.events import ChildFilled, FeeDeviated, FeeTierSet
from app.domain.fees import FeeTier, ObservedFee, market_of
from app.domain.volume import DayVolumes, day_i_of

Place = tuple[str, str, MarketKind]  # account, venue, kind of market
Charge = tuple[str, str, MarketKind, Liquidity]
OWN_FILLS: Final = "own fills"


@dataclass(slots=True)
class Audit:
    """Charged against listed: of the newest day with fills, and since the listed rate was set.

    `n_unconverted`: fills whose fee came in a currency that cannot be set against the money of the trade.
    """

    day_i: int
    newest: ObservedFee
    whole: ObservedFee
    n_unconverted: int = 0


@dataclass(slots=True)
class FeeRecord:
    """Everything about fees that the log adds up to. `tiers` keeps one object until something changes."""

    volumes: dict[Place, DayVolumes] = field(default_factory=dict)
    sets: dict[Place, FeeTierSet] = field(default_factory=dict)
    tiers: dict[Place, FeeTier] = field(default_factory=dict)
    audits: dict[Charge, Audit] = field(default_factory=dict)
    alarms: dict[Charge, tuple[int, FeeDeviated]] = field(default_factory=dict)  # (day, the newest alarm)
    _known: dict[FeeTier, FeeTier] = field(default_factory=dict)

    def note_fill(self, fill: ChildFilled, ts_ns: int) -> None:
        """Counts the fill's volume, and its fee once a tier is set to compare it with."""
        market = market_of(fill.symbol)
        place = (fill.account, fill.venue, market)
        volume = self.volumes.get(place)
        if volume is None:
            volume = self.volumes[place] = DayVolumes()
        volume.add(ts_ns, fill.notional_nano)
        listed = self.sets.get(place)
        if listed is not None:
            is_taker = fill.liquidity is Liquidity.TAKER
            self._audit((*place, fill.liquidity), listed.listed_taker_ppm if is_taker else listed.listed_maker_ppm)
            self._charge((*place, fill.liquidity), fill, day_i_of(ts_ns))

    def _audit(self, key: Charge, listed_fee_ppm: int) -> None:
        audit = self.audits.get(key)
        if audit is None or audit.newest.listed_fee_ppm != listed_fee_ppm:
            empty = ObservedFee(listed_fee_ppm)
            self.audits[key] = Audit(-1, empty, empty)

    def _charge(self, key: Charge, fill: ChildFilled, day_i: int) -> None:
        audit = self.audits[key]
        charged_nano = variable_fee_nano(fill)
        if charged_nano is None:
            audit.n_unconverted += 1
            return
        if audit.day_i != day_i:
            audit.day_i, audit.newest = day_i, ObservedFee(audit.newest.listed_fee_ppm)
        audit.newest = _more(audit.newest, fill.money_nano, charged_nano)
        audit.whole = _more(audit.whole, fill.money_nano, charged_nano)

    def set_tier(self, event: FeeTierSet) -> None:
        """Equal tiers of several accounts are one object, so that routing recognises them all."""
        place = (event.account, event.venue, event.market)
        self.sets[place] = event
        is_listed = (event.taker_fee_ppm, event.maker_fee_ppm) == (event.listed_taker_ppm, event.listed_maker_ppm)
        tier = FeeTier(
            venue=event.venue,
            tier=event.tier,
            taker_fee_ppm=event.taker_fee_ppm,
            maker_fee_ppm=event.maker_fee_ppm,
            fixed_nano=event.fixed_nano,
            source=event.source if is_listed else OWN_FILLS,
            as_of=event.as_of,
            tier_value_ppm=event.tier_value_ppm,
        )
        self.tiers[place] = self._known.setdefault(tier, tier)

    def note_alarm(self, event: FeeDeviated, ts_ns: int) -> None:
        self.alarms[(event.account, event.venue, event.market, event.liquidity)] = (day_i_of(ts_ns), event)

    def observed(self, place: Place, liquidity: Liquidity) -> ObservedFee | None:
        """What the newest day's fills were charged there, None before the first."""
        audit = self.audits.get((*place, liquidity))
        return audit.newest if audit is not None else None


def variable_fee_nano(fill: ChildFilled) -> int | None:
    """The part of the fee that grows with the size, in the money of the trade; None in a third currency.

    A fee taken in the coin that was traded is worth its price; money is what `qty` of it came to.
    """
    charged_nano = fill.fee_nano - fill.gas_nano
    base, _, rest = fill.symbol.partition("/")
    quote, _, settle = rest.partition(":")
    money_currency = settle.partition("-")[0] or quote
    if fill.fee_currency == money_currency:
        return charged_nano
    if fill.fee_currency != base or settle:
        return None
    traded_nano = dict(fill.moves).get(base, 0) + fill.fee_nano  # what was bought or sold, before the fee
    return -(-charged_nano * fill.money_nano // abs(traded_nano)) if traded_nano else None


def _more(observed: ObservedFee, money_nano: int, fee_nano: int) -> ObservedFee:
    return ObservedFee(
        observed.listed_fee_ppm,
        observed.n_fills + 1,
        observed.money_nano + money_nano,
        observed.fee_nano + fee_nano,
    )
