"""What each venue's secret may be used for; whatever is not said here is refused.

Reads, cancels and logins are those of a venue's row (venues.toml) and of its `signing` part; placements are of that
part alone, for each names what every parameter may be. A venue without such a rule can only be read and canceled at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from app.domain.enums import ContractKind, Side, TimeInForce
from app.domain.errors import InvariantBroken
from app.domain.venue_stops import StopSource
from app.venues.cex.profile import ClientIdRule, VenueProfile
from app.venues.cex.profile_table import VENUES, parts_of_rows, profiles

# What a placement must say, each exactly once or more, before it is signed.
MUST_SAY: Final = frozenset({"symbol", "side", "tif", "qty", "price", "client_id", "kind"})
_SAYS: Final[Mapping[str, frozenset[str]]] = {
    **{word: frozenset({word}) for word in MUST_SAY},
    "amount": frozenset({"qty"}),
    "signed_qty": frozenset({"qty", "side"}),
    "side_tif": frozenset({"side", "tif"}),
    **{word: frozenset({word}) for word in ("stop", "stop_by", "stop_way")},
}
# What the placement of a stop must say beside that: the price, whose it is, and from which side it must come. Without
# that a stop that is through already could be taken for one that waits for the way back.
_STOP_SAYS: Final = frozenset({"stop", "stop_by", "stop_way"})
# No table may allow these, whatever a hand writes into it.
_NEVER: Final = re.compile(r"withdraw|transfer|sub.?(account|user)|api.?key.*(create|add|new|update)|loan|borrow", re.I)
# Venues whose signature covers the path. Anywhere else a read's or a cancel's signature is good for every endpoint of
# the venue that takes the same parameters: permit.py lets such requests say nothing that an order or a payment needs.
SIGNS_PATH: Final = frozenset(
    {
        "bequant",
        "bitfinex",
        "bitget",
        "bitstamp",
        "bitvavo",
        "blofin",
        "coinbase",
        "coinbaseexchange",
        "cryptocom",
        "deribit",
        "gate",
        "gemini",
        "hitbtc",
        "htx",
        "kraken",
        "krakenfutures",
        "kucoin",
        "kucoinfutures",
        "myokx",
        "okx",
        "phemex",
        "poloniex",
        "whitebit",
        "woo",
        "xt",
    }
)
_ENDPOINT: Final = re.compile(r"[A-Za-z0-9.]+ (GET|POST|PUT|DELETE) [A-Za-z0-9_{}./:-]+")


@dataclass(frozen=True, slots=True)
class Bind:
    """What one parameter of a placement may be: a word of the child, or any text that `pattern` matches whole.

    `says`: the words of the child that it proves.
    """

    word: str = ""
    tif: TimeInForce | None = None
    pattern: re.Pattern[str] | None = None
    says: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PlaceRule:
    """One placement endpoint for some kinds of market. `words`: the vendor's pattern for a side, a tif, a kind, both
    `side tif`, whose price sets a stop off, or `side way`, by our word. `side`: the endpoint's own, where it is no
    parameter. `default_tif`: what an order without a word for it is. `stop_by`: of a stop, what may set it off; empty
    where the rule is of no stop. `says`: what the rule says without a parameter."""

    endpoint: str
    kinds: frozenset[ContractKind]
    params: Mapping[str, Bind]
    words: Mapping[str, re.Pattern[str]]
    side: Side | None = None
    is_list: bool = False
    default_tif: TimeInForce | None = None
    stop_by: frozenset[StopSource] = frozenset()
    says: frozenset[str] = frozenset()

    @property
    def must_say(self) -> frozenset[str]:
        return MUST_SAY | _STOP_SAYS if self.stop_by else MUST_SAY


@dataclass(frozen=True, slots=True)
class VenueRules:
    """`read`, `cancel` and `places` are keyed by "api.access METHOD path"; no endpoint is in two of them."""

    venue: str
    read: frozenset[str]
    cancel: frozenset[str]
    places: Mapping[str, tuple[PlaceRule, ...]]
    logins: tuple[re.Pattern[str], ...] = ()
    client_id: ClientIdRule | None = None
    has_token_login: bool = False


def load_rules(path: Path = VENUES) -> Mapping[str, VenueRules]:
    """By ccxt id. Raises InvariantBroken for rows that contradict themselves or allow what no table may."""
    tables = parts_of_rows("signing", path)
    rules = {venue: _venue(venue, _own_or_like(venue, tables)) for venue in tables}
    for profile in profiles().values():
        own = rules.get(profile.ccxt_id, VenueRules(profile.ccxt_id, frozenset(), frozenset(), {}))
        rules[profile.ccxt_id] = _checked(_with_profile(own, profile))
    return {venue: _checked(rule) for venue, rule in rules.items()}


def _own_or_like(venue: str, tables: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The part of `venue`, or the one that it is like, which must be another's own; it says nothing beside that."""
    if "like" not in tables[venue]:
        return tables[venue]
    like = tables[venue]["like"]
    _known(venue, tables[venue], {"like"})
    if "like" in tables.get(like, {"like": ""}):
        raise InvariantBroken(venue=venue, reason="like a venue that has no part of its own", like=like)
    return tables[like]


def _with_profile(own: VenueRules, profile: VenueProfile) -> VenueRules:
    """What the row itself adds; its placements count only where a rule binds their parameters."""
    logins = (re.compile(profile.login.preimage, re.ASCII),) if profile.login is not None else ()
    return replace(
        own,
        read=own.read | {str(endpoint) for endpoint in profile.read},
        cancel=own.cancel | {str(endpoint) for endpoint in profile.cancel},
        logins=own.logins + logins,
        client_id=profile.client_id,
    )


def _checked(rules: VenueRules) -> VenueRules:
    twice = (rules.read & rules.cancel) | (rules.read & rules.places.keys()) | (rules.cancel & rules.places.keys())
    if twice:
        raise InvariantBroken(venue=rules.venue, reason="an endpoint has two uses", endpoints=", ".join(sorted(twice)))
    for endpoint in (*rules.read, *rules.cancel, *rules.places):
        if not _ENDPOINT.fullmatch(endpoint) or _NEVER.search(endpoint):
            raise InvariantBroken(venue=rules.venue, reason="no table may allow this", endpoint=endpoint)
    return rules


def _venue(venue: str, table: Mapping[str, Any]) -> VenueRules:
    _known(venue, table, {"login", "token_login", "read", "cancel", "place"})
    places: dict[str, tuple[PlaceRule, ...]] = {}
    for place in table.get("place", ()):
        rule = _place(venue, place)
        places[rule.endpoint] = (*places.get(rule.endpoint, ()), rule)
    read, cancel = frozenset(table.get("read", ())), frozenset(table.get("cancel", ()))
    logins = tuple(re.compile(text, re.ASCII) for text in table.get("login", ()))
    return VenueRules(venue, read, cancel, places, logins, has_token_login=table.get("token_login", False))


def _place(venue: str, place: Mapping[str, Any]) -> PlaceRule:
    _known(
        venue,
        place,
        {"endpoint", "kinds", "params", "words", "sides", "tifs", "default_tif", "side", "is_list"}
        | {"stop", "stop_words", "ways", "has_own_way"},
    )
    words = {**place.get("words", {}), **place.get("sides", {}), **place.get("tifs", {}), **place.get("stop_words", {})}
    words |= {f"{side} way": text for side, text in place.get("ways", {}).items()}
    stop_by = frozenset(StopSource(source) for source in place.get("stop", ()))
    says = {"kind"} | ({"side"} if "side" in place else set())
    if len(stop_by) == 1:
        says.add("stop_by")
    if place.get("has_own_way", False):
        says.add("stop_way")
    rule = PlaceRule(
        endpoint=place["endpoint"],
        kinds=frozenset(ContractKind(kind) for kind in place["kinds"]),
        params={name: _bind(text) for name, text in place["params"].items()},
        words={word: re.compile(text, re.ASCII) for word, text in words.items()},
        side=Side(place["side"]) if "side" in place else None,
        is_list=place.get("is_list", False),
        default_tif=TimeInForce(place["default_tif"]) if "default_tif" in place else None,
        stop_by=stop_by,
        says=frozenset(says),
    )
    said = says | ({"tif"} if rule.default_tif else set())
    for bind in rule.params.values():
        said |= bind.says
    if said != rule.must_say:
        raise InvariantBroken(venue=venue, endpoint=rule.endpoint, unsaid=", ".join(sorted(rule.must_say ^ said)))
    return rule


def _bind(text: str) -> Bind:
    word, _, tif = text.partition(" tif=")
    if word.startswith("="):
        says = frozenset({"tif"}) if tif else frozenset()
        return Bind("", TimeInForce(tif) if tif else None, re.compile(word[1:], re.ASCII), says)
    if word not in _SAYS:
        raise InvariantBroken(reason="no such word of a child", word=word)
    return Bind(word, TimeInForce(tif) if tif else None, says=_SAYS[word] | {"tif"} if tif else _SAYS[word])


def _known(venue: str, table: Mapping[str, Any], names: set[str]) -> None:
    if not table.keys() <= names:
        raise InvariantBroken(venue=venue, reason="unknown names", names=", ".join(sorted(table.keys() - names)))
