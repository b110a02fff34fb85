"""The table of venues as it is kept, `venues.toml`, read once and refused whole where a row is unsound."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

from app.domain.enums import ChildState, OrderType, TimeInForce
from app.domain.errors import BadRequest, InvariantBroken
from app.venues.cex.profile import (
    CALLS,
    BookRule,
    BookSource,
    ClientIdRule,
    Continuity,
    DeadManSwitch,
    Endpoint,
    Evidence,
    EvidenceLevel,
    FeeCurrency,
    IdForm,
    LoginRule,
    Lookup,
    MarketClass,
    ProofCode,
    QueryRoute,
    RateBudget,
    Scope,
    VenueProfile,
)

T = TypeVar("T")

VENUES: Final = Path(__file__).with_name("venues.toml")
# Parts of a row that others read: endpoints.py and sweep.py.
_OF_OTHERS: Final = frozenset({"signing", "sweep"})
_METHODS: Final = frozenset({"GET", "POST", "PUT", "DELETE", "PATCH"})


@cache
def profiles() -> Mapping[str, VenueProfile]:
    """Every venue of the table by its id, in the table's order; read from the file on the first call."""
    return MappingProxyType(load_profiles())


def profile_of(venue_id: str) -> VenueProfile:
    """The profile of `venue_id`; raises BadRequest where the table has none."""
    profile = profiles().get(venue_id)
    if profile is None:
        raise BadRequest("unknown_venue", f"{venue_id} is not in the table of venues", hint=", ".join(profiles()))
    return profile


def evidence_of(venue_id: str) -> Evidence:
    """Level, date and capture year of what is shown for `venue_id`; raises BadRequest where the table has none."""
    return profile_of(venue_id).evidence


def parts_of_rows(part: str, path: Path = VENUES) -> dict[str, dict[str, Any]]:
    """By ccxt id, the part `signing` or `sweep` of the rows that have it."""
    table = _shipped() if path == VENUES else tomllib.loads(path.read_text(encoding="utf-8"))
    return {row["ccxt_id"]: row[part] for row in table["venues"].values() if part in row}


@cache
def _shipped() -> dict[str, Any]:
    """The table that ships does not change under a process; another may."""
    return tomllib.loads(VENUES.read_text(encoding="utf-8"))


@cache
def refused_venues() -> Mapping[str, str]:
    """Venues that ccxt knows and this adapter will not serve, each with the reason."""
    return MappingProxyType(tomllib.loads(VENUES.read_text(encoding="utf-8"))["refused"])


def load_profiles(path: Path = VENUES) -> dict[str, VenueProfile]:
    """The profiles of `path`; raises InvariantBroken naming file, venue and what is wrong with its row."""
    return profiles_of(tomllib.loads(path.read_text(encoding="utf-8")), path.name)


def profiles_of(table: Mapping[str, Any], name: str) -> dict[str, VenueProfile]:
    """The profiles of one file's content: `[venues.<id>]` a venue."""
    if not {"venues"} <= set(table) <= {"venues", "refused"}:
        raise InvariantBroken(file=name, reason=f"tables {', '.join(sorted(table))}, wanted venues and refused")
    found = {}
    for venue_id, row in table["venues"].items():
        try:
            found[venue_id] = _profile(venue_id, {key: row[key] for key in row.keys() - _OF_OTHERS})
        except KeyError as error:
            raise InvariantBroken(file=name, venue=venue_id, reason=f"{error.args[0]} is missing") from error
        except (ValueError, TypeError, AttributeError, re.error) as error:
            raise InvariantBroken(file=name, venue=venue_id, reason=f"{type(error).__name__}: {error}") from error
    return found


def _profile(venue_id: str, row: Mapping[str, Any]) -> VenueProfile:
    _known(row, VenueProfile, given="venue_id")
    switch, login = row.get("dead_man_switch"), row.get("login")
    profile = VenueProfile(
        venue_id=venue_id,
        ccxt_id=row["ccxt_id"],
        title=row["title"],
        hosts=_texts(row["hosts"]),
        sandbox_hosts=_texts(row["sandbox_hosts"]),
        kinds=_each(MarketClass, row["kinds"]),
        order_types=_each(OrderType, row["order_types"]),
        time_in_force={TimeInForce(word): dict(params) for word, params in row["time_in_force"].items()},
        tif_words={TimeInForce(word): str(text) for word, text in row["tif_words"].items()},
        client_id=_made(ClientIdRule, row["client_id"], form=IdForm),
        post_only=_flag(row["post_only"]),
        reduce_only=_flag(row["reduce_only"]),
        native_stop=_flag(row["native_stop"]),
        native_oco=_flag(row["native_oco"]),
        amend=_flag(row["amend"]),
        cancel_all=_flag(row["cancel_all"]),
        dead_man_switch=_made(DeadManSwitch, switch) if switch is not None else None,
        self_trade_prevention=_texts(row["self_trade_prevention"]),
        budgets=tuple(_made(RateBudget, budget, scope=Scope) for budget in row["budgets"]),
        proves_not_accepted=_each(_proof, row["proves_not_accepted"]),
        proves_not_found=_each(_proof, row["proves_not_found"]),
        ends={str(word): ChildState(state) for word, state in row["ends"].items()},
        open_words=_texts(row["open_words"]),
        fee_currency=FeeCurrency(row["fee_currency"]),
        book=_made(BookRule, row["book"], source=BookSource, continuity=Continuity),
        query_route=QueryRoute(row["query_route"]),
        query_by=_made(Lookup, row["query_by"]) if "query_by" in row else None,
        cancel_by=_made(Lookup, row["cancel_by"]) if "cancel_by" in row else None,
        private_api=_texts(row["private_api"]),
        credentials=_texts(row["credentials"]),
        login=_made(LoginRule, login) if login is not None else None,
        placement=_each(_endpoint, row["placement"]),
        cancel=_each(_endpoint, row["cancel"]),
        read=_each(_endpoint, row["read"]),
        streams=_texts(row["streams"]),
        options=dict(row.get("options", {})),
        evidence=_made(Evidence, row["evidence"], level=EvidenceLevel),
        sources={str(group): str(source) for group, source in row["sources"].items()},
        notes=_texts(row.get("notes", ())),
        post_only_params=dict(row.get("post_only_params", {})),
        post_only_refusals=_each(_proof, row.get("post_only_refusals", ())),
    )
    _check(profile)
    return profile


def _check(profile: VenueProfile) -> None:
    """What a row must agree on within itself."""
    if profile.time_in_force.keys() != profile.tif_words.keys():
        raise ValueError("time_in_force and tif_words name different words")
    if TimeInForce.GTC not in profile.time_in_force:
        raise ValueError("no gtc: nothing could be placed")
    if not profile.kinds or not profile.hosts or not profile.budgets:
        raise ValueError("kinds, hosts and budgets must not be empty")
    for endpoint in (*profile.placement, *profile.cancel):
        if endpoint in profile.read:
            raise ValueError(f"{endpoint} reads and writes")
    states = set(profile.ends.values())
    if not all(state.is_terminal for state in states) or not {ChildState.FILLED, ChildState.CANCELED} <= states:
        raise ValueError("ends must be final states, filled and canceled among them")
    if set(profile.ends) & set(profile.open_words):
        raise ValueError("a status word is open and final")
    for budget in profile.budgets:
        if not 0 <= budget.cancel_reserve < budget.limit or budget.window_ms < 1:
            raise ValueError(f"budget {budget.name}: 0 <= cancel_reserve < limit, window_ms >= 1")
        if set(budget.costs) - CALLS:
            raise ValueError(f"budget {budget.name}: no calls {', '.join(sorted(set(budget.costs) - CALLS))}")
    if profile.query_route is QueryRoute.ORDER and profile.query_by is None:
        raise ValueError("query_route order without query_by")
    for lookup in filter(None, (profile.query_by, profile.cancel_by)):
        if "{}" not in lookup.id + "".join(lookup.params.values()):
            raise ValueError("a lookup that does not hold {}")
    rule = profile.client_id
    if rule.form is IdForm.UINT and not 16 <= rule.bits <= 64:
        raise ValueError("client_id: a uint has 16 to 64 bits")
    for pattern in (rule.alphabet, *((profile.login.preimage,) if profile.login else ())):
        re.compile(pattern)


def _made(kind: Callable[..., T], row: Mapping[str, Any], **words: Callable[[Any], object]) -> T:
    """`kind` from its row, whose keys are its fields; `words` turns some of them into enums."""
    _known(row, kind)
    return kind(**{key: words[key](value) if key in words else _plain(value) for key, value in row.items()})


def _known(row: Mapping[str, Any], kind: Any, given: str = "") -> None:
    unknown = set(row) - {each.name for each in fields(kind)} | (set(row) & {given})
    if unknown:
        raise ValueError(f"unknown keys {', '.join(sorted(unknown))}")


def _plain(value: object) -> object:
    if isinstance(value, float):
        raise TypeError(f"{value!r} is no whole number")
    return dict(value) if isinstance(value, dict) else value


def _each(make: Callable[[Any], T], values: object) -> tuple[T, ...]:
    return tuple(make(value) for value in _texts(values))


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, Iterable) or isinstance(values, str) or not all(isinstance(v, str) for v in values):
        raise TypeError(f"{values!r} is no list of texts")
    return tuple(values)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _endpoint(text: str) -> Endpoint:
    """`private POST order`, or `v5.private POST order/create` where ccxt's api has several words."""
    api, method, path = text.split(" ", 2)
    if method not in _METHODS:
        raise ValueError(f"{text}: {method} is no method")
    return Endpoint(tuple(api.split(".")), method, path)


def _proof(text: str) -> ProofCode:
    """`-1013`, or `-2010|Account has insufficient balance` where the message must hold the text after the bar."""
    code, _, needed = text.partition("|")
    if not code.removesuffix("*"):
        raise ValueError(f"{text!r} would prove everything")
    return ProofCode(code, needed)
