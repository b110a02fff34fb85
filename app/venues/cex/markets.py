"""A venue's markets as ccxt loads them now: listings, what is refused, and what its calendar says. No key is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain.calendar import CalendarEntry, CalendarKind
from app.domain.enums import ContractKind
from app.domain.errors import Unavailable
from app.domain.listing import Listing
from app.venues.cex.dialects import ccxt_options, local_url
from app.venues.cex.profile import MarketClass, VenueProfile
from app.venues.cex.symbols import NotRouted, market_listing, unique_listings

_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000
_NEVER_MS: Final = 4_102_444_800_000
# Where a market says that it will end although it is no dated contract: the venue's field, and what it counts.
_DELISTING: Final[Mapping[str, tuple[str, int]]] = {
    "okx": ("expTime", _NS_PER_MS),
    "myokx": ("expTime", _NS_PER_MS),
    "bitget": ("offTime", _NS_PER_MS),
    "bybit": ("deliveryTime", _NS_PER_MS),
    "gate": ("delisting_time", _NS_PER_S),
    "binanceusdm": ("deliveryDate", _NS_PER_MS),
    "binancecoinm": ("deliveryDate", _NS_PER_MS),
}
_MAX_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class MarketsRead:
    """One reading. `refused` counts, by reason, markets of the venue's kinds that are no listings."""

    listings: tuple[Listing, ...]
    calendar: tuple[CalendarEntry, ...]
    refused: Mapping[str, int]


class PublicVenue:
    """ccxt's exchange object for questions that need no key; a call that fails is Unavailable with ccxt's own word.

    `base_url` stands in for every host, which becomes its first path segment. To be closed.
    """

    def __init__(self, profile: VenueProfile, base_url: str, timeout_s: float) -> None:
        import ccxt.async_support as ccxt

        # A venue of spot alone is not asked for its other markets: they are on other hosts, which may be away.
        is_spot = profile.kinds == (MarketClass.SPOT,)
        options = {**(ccxt_options(profile.ccxt_id, {ContractKind.SPOT}) if is_spot else {}), **profile.options}
        self._error: type[Exception] = ccxt.BaseError
        self._venue_id = profile.venue_id
        self._exchange = getattr(ccxt, profile.ccxt_id)({"timeout": round(timeout_s * 1000), "options": options})
        self.precision_mode: int = self._exchange.precisionMode
        if base_url:
            self._exchange.urls["api"] = _local(self._exchange.urls["api"], base_url, self._exchange.hostname or "")

    def offers(self, call: str) -> bool:
        """Whether ccxt has `call` (its own camelCase name) for this venue."""
        return self._exchange.has.get(call) is True

    async def ask(self, call: str, *arguments: Any) -> Any:
        """One public call by its Python name."""
        try:
            return await getattr(self._exchange, call)(*arguments)
        except self._error as error:
            said = f"{self._venue_id}: {type(error).__name__}: {error}"
            raise Unavailable("venue_unavailable", said[:_MAX_TEXT]) from error

    async def close(self) -> None:
        await self._exchange.close()


async def read_markets(profile: VenueProfile, *, base_url: str = "", timeout_s: float = 20.0) -> MarketsRead:
    """What `profile`'s venue lists now; raises Unavailable where it cannot be asked or lists nothing of its kinds."""
    venue = PublicVenue(profile, base_url, timeout_s)
    try:
        return await markets_of(profile, venue)
    finally:
        await venue.close()


async def markets_of(profile: VenueProfile, venue: PublicVenue) -> MarketsRead:
    """The same, of a venue that is open already."""
    markets = await venue.ask("fetch_markets")
    read = of_markets(profile, markets, venue.precision_mode)
    if not read.listings:
        raise Unavailable("venue_unavailable", f"{profile.venue_id}: it lists nothing of {len(markets)} markets")
    status = await _maintenance(profile.venue_id, venue)
    return MarketsRead(read.listings, (*status, *read.calendar), read.refused)


def of_markets(profile: VenueProfile, markets: Iterable[Mapping[str, Any]], precision_mode: int) -> MarketsRead:
    """ccxt's market dicts of the venue's own kinds, sorted out."""
    refused: Counter[str] = Counter()
    found, calendar = [], []
    for market in markets:
        listing = market_listing(profile.venue_id, market, precision_mode)
        if isinstance(listing, NotRouted):
            refused[listing.value] += 1
        elif _class_of(listing) in profile.kinds:
            found.append(listing)
            calendar += calendar_of(listing, market)
    kept, twice = unique_listings(found)
    if twice:
        refused[NotRouted.TWICE.value] = len(twice)
    return MarketsRead(tuple(kept), tuple(calendar), dict(refused))


def calendar_of(listing: Listing, market: Mapping[str, Any]) -> list[CalendarEntry]:
    """When this market ends, as far as it says so."""
    name = (listing.venue, listing.venue_symbol)
    if listing.expiry_ts_ns:
        return [CalendarEntry(*name, CalendarKind.EXPIRY, listing.expiry_ts_ns, source="market's expiry")]
    field, unit_ns = _DELISTING.get(listing.venue, ("", 1))
    info = market.get("info")
    text = str(info.get(field) or "") if isinstance(info, dict) else ""
    ends_ns = int(text) * unit_ns if text.isascii() and text.isdigit() else 0
    if not 0 < ends_ns < _NEVER_MS * _NS_PER_MS:
        return []
    return [CalendarEntry(*name, CalendarKind.DELISTING, ends_ns, source=f"market's {field}")]


async def _maintenance(venue_id: str, venue: PublicVenue) -> list[CalendarEntry]:
    """What the venue says of itself now; a status that cannot be read says nothing, the markets were read."""
    if not venue.offers("fetchStatus"):
        return []
    try:
        status = await venue.ask("fetch_status")
    except Unavailable:
        return []
    if status.get("status") in ("ok", None):
        return []
    from_ms, to_ms = int(status.get("updated") or 0), int(status.get("eta") or 0)
    source = f"status {status['status']}"
    kind = CalendarKind.MAINTENANCE
    return [CalendarEntry(venue_id, "", kind, from_ms * _NS_PER_MS, to_ms * _NS_PER_MS, source)]


def _class_of(listing: Listing) -> MarketClass:
    if listing.fungible.expiry:
        return MarketClass.DATED
    kinds = {ContractKind.SPOT: MarketClass.SPOT, ContractKind.LINEAR: MarketClass.LINEAR}
    return kinds.get(listing.fungible.kind, MarketClass.INVERSE)


def _local(value: Any, base_url: str, hostname: str) -> Any:
    if isinstance(value, dict):
        return {key: _local(each, base_url, hostname) for key, each in value.items()}
    if not isinstance(value, str):
        return value
    return local_url(value.replace("{hostname}", hostname), base_url)
