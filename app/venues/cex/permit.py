"""May this request have a signature? Every answer but a clear yes is Refused.

Laws: an endpoint is read, cancel or a placement, or refused. A placement needs terms that a token proves, and every one
of its parameters is either bound to those terms or a constant of the table; what the table does not name is refused. No
value may carry a path, so that no parameter makes another endpoint of the one that was looked up.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum, unique
from typing import Any, Final

from app.domain.errors import InvariantBroken, Refused
from app.domain.proof import ChildTerms
from app.domain.units import NANO_SCALE
from app.venues.cex.client_ids import wire_client_id
from app.venues.cex.endpoints import SIGNS_PATH, Bind, PlaceRule, VenueRules
from app.venues.cex.signing import SignRequest

MAX_VALUES: Final = 64
MAX_TEXT: Final = 512
MAX_LOGIN_S: Final = 120
# What a login's token may claim: one that names a request (uri, uris) would be that request's signature.
_CLAIMS: Final = frozenset({"aud", "iss", "nbf", "exp", "sub", "iat"})
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{2,300}\.[A-Za-z0-9_-]{2,600}", re.ASCII)
MAX_DEPTH: Final = 3
MAX_OFFSET_MS: Final = 60_000
_NUMBER: Final = re.compile(r"-?\d{1,30}(\.\d{1,30})?(e[+-]?\d{1,2})?", re.ASCII)
_API_WORD: Final = re.compile(r"[A-Za-z0-9]+", re.ASCII)
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_IN_PATH: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,79}")
# Names of a read or a cancel are written into texts that are signed, by some venues unquoted.
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,79}", re.ASCII)
# What ccxt itself writes into a signed body to name the request: a parameter of that name would name another one.
_OF_THE_SIGNATURE: Final = frozenset({"request", "method", "path", "url", "nonce", "signature", "sign"})
# Where a signature does not cover its path: what reads and cancels may say. Nothing that an order, an amendment, a
# transfer, a withdrawal or a key's rights would need is among it.
_HARMLESS: Final = frozenset(
    {
        "category",
        "symbol",
        "market",
        "coin",
        "baseCoin",
        "settleCoin",
        "accountType",
        "orderId",
        "order_id",
        "orderIdList",
        "origClientOrderId",
        "clientOrderId",
        "clientOrderID",
        "client_order_id",
        "newClientOrderId",
        "orderLinkId",
        "listenKey",
        "uuid",
        "uuids",
        "identifier",
        "identifiers",
        "orderFilter",
        "orderStatus",
        "execType",
        "openOnly",
        "status",
        "state",
        "states",
        "type",
        "tradingUnit",
        "fromId",
        "cursor",
        "limit",
        "page",
        "pageSize",
        "pageIndex",
        "size",
        "current_page",
        "page_length",
        "startTime",
        "endTime",
        "start_time",
        "end_time",
        "startTs",
        "endTs",
        "start_date",
        "end_date",
        "order_by",
        "recvWindow",
        "omitZeroBalances",
        "countdownTime",
        "timeOut",
        "time_window",
    }
)
_HARMLESS_TEXT: Final = re.compile(r"[A-Za-z0-9_.,:/\[\]\" -]{0,200}", re.ASCII)


@unique
class Use(StrEnum):
    """What a request does with the secret."""

    READ = "read"
    CANCEL = "cancel"
    PLACE = "place"


@unique
class Role(StrEnum):
    """What a channel to the signer may ask for. TRADE: everything; CANCEL: cancels and reads; READ: reads."""

    TRADE = "trade"
    CANCEL = "cancel"
    READ = "read"

    def may(self, use: Use) -> bool:
        return self is Role.TRADE or use is Use.READ or (self is Role.CANCEL and use is Use.CANCEL)


def endpoint_of(request: SignRequest) -> str:
    """The table's name of the request's endpoint. Raises Refused for words that would read as other words of it."""
    words = (request.api,) if isinstance(request.api, str) else request.api
    if not all(_API_WORD.fullmatch(word) for word in words):
        raise Refused(reason="endpoint_not_allowed", venue=request.venue, endpoint=".".join(words)[:120])
    return f"{'.'.join(words)} {request.method} {request.path}"


def use_of(rules: VenueRules, request: SignRequest) -> Use:
    """What `request` is for. Raises Refused for an endpoint that is not in the table, or values that are no values."""
    endpoint = endpoint_of(request)
    _check_values(request)
    if endpoint in rules.read or endpoint in rules.cancel:
        _check_says_no_order(rules, request)
        return Use.READ if endpoint in rules.read else Use.CANCEL
    if endpoint in rules.places:
        return Use.PLACE
    raise Refused(reason="endpoint_not_allowed", venue=request.venue, endpoint=endpoint[:120])


def _check_says_no_order(rules: VenueRules, request: SignRequest) -> None:
    """Raises Refused where the signature of a read or a cancel could serve another request than its own."""
    is_bound = rules.venue in SIGNS_PATH
    for name, value in _leaves(request.params):
        is_sound = name in _HARMLESS and _HARMLESS_TEXT.fullmatch(str(value)) if not is_bound else _NAME.fullmatch(name)
        if not is_sound or name in _OF_THE_SIGNATURE:
            raise Refused(reason="param_not_of_a_read", venue=request.venue, param=name[:80])


def _leaves(params: object, name: str = "") -> Iterator[tuple[str, object]]:
    """Every plain value with the innermost name that it stands under; a name over nothing is told as well."""
    if isinstance(params, Mapping):
        for inner, value in params.items():
            yield inner, ""
            yield from _leaves(value, inner)
    elif isinstance(params, list | tuple):
        for value in params:
            yield from _leaves(value, name)
    else:
        yield name, "" if params is None else params


def check_placement(rules: VenueRules, request: SignRequest, terms: ChildTerms) -> None:
    """Raises Refused where `request` is not the placement of exactly this child."""
    if (terms.venue, terms.account) != (request.venue, request.account):
        raise Refused(reason="token_of_another", limit=terms.venue, value=request.venue)
    for rule in rules.places[endpoint_of(request)]:
        if terms.kind in rule.kinds and (terms.stop_by in rule.stop_by or not (rule.stop_by or terms.stop_by)):
            break
    else:
        raise Refused(reason="placement_differs", param="kind", limit=terms.kind.value)
    if isinstance(request.params, Mapping) is rule.is_list:
        raise Refused(reason="placement_differs", param="batch")
    if isinstance(request.params, Mapping):
        params = request.params
    elif len(request.params) == 1:
        params = request.params[0]
    else:
        raise Refused(reason="placement_differs", param="batch", limit=1, value=len(request.params))
    _compare(rule, dict(_flat(params)), terms, _wire_id(rules, terms.client_id))


def check_login(rules: VenueRules, preimage: bytes) -> None:
    """Raises Refused for a text that is not the venue's login: it could be a signed order."""
    try:
        text = preimage.decode("ascii") if len(preimage) <= 2 * MAX_TEXT else ""
    except UnicodeDecodeError:
        text = ""
    if rules.has_token_login and _is_token_login(text):
        return
    if not any(pattern.fullmatch(text) for pattern in rules.logins):
        raise Refused(reason="login_not_known", venue=rules.venue)


def _is_token_login(text: str) -> bool:
    """Whether `text` is the header and claims of a JSON web token that logs in and does nothing else."""
    if not _TOKEN.fullmatch(text):
        return False
    try:
        _, claims = (json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in text.split("."))
        return bool(claims.keys() <= _CLAIMS and 0 < claims["exp"] - claims["nbf"] <= MAX_LOGIN_S)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _wire_id(rules: VenueRules, client_id: str) -> str:
    """The child's id as the venue must see it."""
    if rules.client_id is None:
        return client_id
    try:
        return wire_client_id(rules.client_id, client_id)
    except InvariantBroken:
        raise Refused(reason="placement_differs", param="client_id") from None


def _compare(rule: PlaceRule, params: Mapping[str, object], terms: ChildTerms, wire_id: str) -> None:
    if rule.side not in (None, terms.side):
        raise Refused(reason="placement_differs", param="side")
    said = set(rule.says)
    if any(bind.word == "kind" for bind in rule.params.values()):
        said.discard("kind")  # here a parameter must say it
    if rule.default_tif is terms.time_in_force and not _says_tif(rule, params):
        said.add("tif")
    for name, value in params.items():
        bind = rule.params.get(name)
        if bind is None:
            raise Refused(reason="placement_param_unknown", param=name[:80])
        if bind.tif not in (None, terms.time_in_force) or not _fits(rule, bind, value, terms, wire_id):
            raise Refused(reason="placement_differs", param=name)
        said |= bind.says
    if said != rule.must_say:
        raise Refused(reason="placement_unsaid", param=", ".join(sorted(rule.must_say - said)))


def _says_tif(rule: PlaceRule, params: Mapping[str, object]) -> bool:
    return any("tif" in bind.says for name, bind in rule.params.items() if name in params)


def _fits(rule: PlaceRule, bind: Bind, value: object, terms: ChildTerms, wire_id: str) -> bool:
    """Whether one parameter says what the child says."""
    if bind.pattern is not None:
        return bool(bind.pattern.fullmatch(_text(value)))
    match bind.word:
        case "symbol":
            return value == terms.venue_symbol
        case "client_id":
            return type(value) in (str, int) and str(value) == wire_id
        case "price":
            return _number(value) == _nano(terms.price_nano)
        case "qty":
            return _number(value) == _nano(terms.qty_nano)
        case "amount":
            return _number(value) == _nano(terms.qty_nano) * _nano(terms.multiplier_nano)
        case "signed_qty":
            return _number(value) == _nano(terms.qty_nano) * terms.side.sign
        case "stop":
            return _number(value) == _nano(terms.stop_nano)
        case "stop_by" if terms.stop_by is not None:
            word = terms.stop_by.value
        case "stop_way":
            word, value = f"{terms.side.value} way", _text(value)
        case "side":
            word = terms.side.value
        case "tif":
            word = terms.time_in_force.value
        case "kind":
            word = terms.kind.value
        case _:
            word = f"{terms.side.value} {terms.time_in_force.value}"
    pattern = rule.words.get(word)
    return pattern is not None and isinstance(value, str) and bool(pattern.fullmatch(value))


def _nano(amount: int) -> Decimal:
    return Decimal(amount).scaleb(-NANO_SCALE)


def _number(value: object) -> Decimal | None:
    """The number a vendor would read; None for what is none. A float counts as the shortest text that makes it."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = repr(value) if isinstance(value, float) else str(value)
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def _text(value: object) -> str:
    """A constant as the table writes it: true and false in small letters; no text for what has none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else "\0"


def _flat(params: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, object]]:
    """Nested names with a dot between, a list of one with brackets behind; a name that has either itself is refused."""
    for name, value in params.items():
        if "." in name or "[" in name:
            raise Refused(reason="placement_param_unknown", param=name[:80])
        if not isinstance(value, str) and isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{name}.")
        elif isinstance(value, list) and len(value) == 1:
            yield f"{before}{name}[]", value[0]
        else:
            yield before + name, value


def _check_values(request: SignRequest) -> None:
    """Refuses what is no plain data, is too much of it, or would write another path."""
    offset_ms = request.clock_offset_ms or 0
    if not -MAX_OFFSET_MS <= offset_ms <= MAX_OFFSET_MS:
        raise Refused(reason="clock_offset", limit=MAX_OFFSET_MS, value=offset_ms)
    if _count(request.params, MAX_DEPTH) > MAX_VALUES:
        raise Refused(reason="params_too_many", limit=MAX_VALUES)
    for name in _PLACEHOLDER.findall(request.path):
        holder = request.params if isinstance(request.params, Mapping) else {}
        value = holder.get(name)
        if not isinstance(value, str | int) or isinstance(value, bool) or not _IN_PATH.fullmatch(str(value)):
            raise Refused(reason="path_value", param=name)


def _count(value: object, depth: int) -> int:
    """How many plain values there are in `value`; raises Refused for anything that is none."""
    if value is None or isinstance(value, int | float) or (isinstance(value, str) and len(value) <= MAX_TEXT):
        return 1
    if depth > 0 and isinstance(value, list | tuple):
        return sum(_count(item, depth - 1) for item in value) + 1
    if depth > 0 and isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        if any(len(name) > MAX_TEXT for name in value):
            raise Refused(reason="params_malformed")
        return sum(_count(item, depth - 1) for item in value.values()) + 1
    raise Refused(reason="params_malformed")
