"""Every way this API says no: one catalogue, one problem shape, and the only HTTP codes of domain errors.

`type` is a relative reference (RFC 9457, 3.1.1), so it resolves at whatever host answered: GET /errors/{kebab-code}.
`outcome` is the answer to the question that a timeout leaves open: none (nothing was placed), placed, or unknown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

import orjson

from app.domain.enums import REFUSALS, RefusalCode
from app.domain.errors import (
    BadDecimal,
    BadRequest,
    BestexError,
    InvariantBroken,
    OrderRefused,
    Rejected,
    Unavailable,
    Unknown,
)

Outcome = Literal["none", "placed", "unknown"]
PROBLEM_MEDIA_TYPE: Final = "application/problem+json"
MAX_ERRORS: Final = 20


@dataclass(frozen=True, slots=True)
class Kind:
    """One code of the catalogue. `advice` is what a caller does about it."""

    code: str
    status: int
    title: str
    advice: str
    is_retryable: bool = False
    outcome: Outcome = "none"

    @property
    def slug(self) -> str:
        return self.code.replace("_", "-")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One culprit: where it is, what was allowed, what came, and the way out."""

    pointer: str
    code: str
    limit: str = ""
    actual: str = ""
    unit: str = ""
    hint: str = ""


class InvalidRequest(BadRequest):
    """A request with one or more wrong fields; `code` is of the catalogue, `errors` name the fields."""

    def __init__(self, code: str, detail: str, errors: Sequence[FieldError]) -> None:
        super().__init__(code, detail)
        self.errors = tuple(errors)


_REFUSAL_TITLES: Final[dict[RefusalCode, tuple[str, str]]] = {
    RefusalCode.TRADING_HALTED: ("Trading is halted", "A kill switch covers this order; see GET /v1/kill-switch."),
    RefusalCode.NOT_AUTHORISED: (
        "Not authorised",
        "The key lacks a scope, speaks for another account, or the account has no limits yet.",
    ),
    RefusalCode.RESTRICTED_INSTRUMENT: ("Instrument not allowed", "The account's allow list lacks this symbol."),
    RefusalCode.DUPLICATE_ORDER: (
        "Order looks like one just placed",
        "Another client_order_id asked for the same moments ago; wait for the account's window, or change the order.",
    ),
    RefusalCode.STALE_REQUEST: (
        "Request came too late",
        "Its deadline or expire_at had passed on arrival. The same client_order_id may be used again.",
    ),
    RefusalCode.INVALID_QUANTITY: (
        "Quantity is not valid",
        "It is zero, has too many digits, or is between two lots; errors[].hint names the nearest valid ones.",
    ),
    RefusalCode.INVALID_PRICE_INCREMENT: (
        "Price is not valid",
        "It is zero, has too many digits, or is between two ticks; errors[].hint names the nearest valid ones.",
    ),
    RefusalCode.MAX_ORDER_QTY: ("Order is over the quantity limit", "Use a smaller quantity."),
    RefusalCode.MAX_ORDER_NOTIONAL: (
        "Order is over the notional limit",
        "Quantity times the worst allowed price counts, so a tighter limit or slippage cap helps too.",
    ),
    RefusalCode.MIN_NOTIONAL: ("Order is below the venues' minimum", "Use a larger order or other venues."),
    RefusalCode.PRICE_COLLAR: ("Price is too far from the market", "Bring the limit nearer to the reference."),
    RefusalCode.REFERENCE_PRICE_UNAVAILABLE: ("No reference price", "No book has arrived yet; try again shortly."),
    RefusalCode.BOOK_INVALID: ("No book may be believed", "All are stale, crossed, gapped or one-sided; try again."),
    RefusalCode.MAX_SLIPPAGE: ("Slippage cap is missing or too wide", "Send max_slippage_bps within the limit."),
    RefusalCode.MAX_OPEN_ORDERS: ("Too many open orders", "Wait for open orders to end, or cancel some."),
    RefusalCode.MAX_OPEN_NOTIONAL: ("Too much notional open", "Wait for open orders to end, or cancel some."),
    RefusalCode.MAX_POSITION: ("Position limit", "The worst case of position and open orders would pass the limit."),
    RefusalCode.INSUFFICIENT_BALANCE: ("Balance does not cover the order", "See GET /v1/balances."),
    RefusalCode.CREDIT_LIMIT: ("Venue credit is used up", "Every eligible venue is at its credit limit."),
    RefusalCode.MESSAGE_RATE: ("Too many orders", "Wait as long as Retry-After says. Cancels have their own budget."),
    RefusalCode.VENUE_UNAVAILABLE: ("No venue is left", "See GET /v1/venues, and the order's own venues filter."),
    RefusalCode.PARENT_OVERSEND: ("More than the order asked for", "A safety stop of ours; report the request_id."),
    RefusalCode.NOT_ATOMIC: (
        "Not possible in one piece",
        "require_full_fill needs one venue that can fill alone with a native fill-or-kill.",
    ),
    RefusalCode.FOK_NO_SINGLE_VENUE: (
        "No single venue can fill it whole",
        "Fill-or-kill over several venues does not exist; use ioc, or a smaller quantity.",
    ),
    RefusalCode.STORAGE_DEGRADED: (
        "The log cannot take more",
        "Nothing was placed. Send the same client_order_id again after Retry-After.",
    ),
}
_RETRYABLE_REFUSALS: Final = frozenset(
    {
        RefusalCode.MESSAGE_RATE,
        RefusalCode.STORAGE_DEGRADED,
        RefusalCode.REFERENCE_PRICE_UNAVAILABLE,
        RefusalCode.BOOK_INVALID,
        RefusalCode.VENUE_UNAVAILABLE,
    }
)
_OTHERS: Final = (
    Kind("malformed_json", 400, "Body is not JSON", "Send one JSON object."),
    Kind("invalid_utf8", 400, "Body is not UTF-8", "Encode the body as UTF-8."),
    Kind("duplicate_key", 400, "A key appears twice", "Name each key once; which one counts is not ours to guess."),
    Kind("non_finite_number", 400, "NaN and Infinity are not JSON", 'Decimals are strings, such as "0.1".'),
    Kind("too_deep", 400, "Body nests too deep", "An order nests two levels."),
    Kind("too_many_members", 400, "Object has too many members", "At most 64 members in one object."),
    Kind("invalid_text", 400, "A string holds NUL or a lone surrogate", "Send Unicode text."),
    Kind("not_an_object", 400, "Body is not an object", "Send one JSON object."),
    Kind("unauthenticated", 401, "No valid API key", "Send Authorization: Bearer bx_…; the key may be revoked."),
    Kind("not_found", 404, "Not found", "Check the id. What belongs to another account is not found either."),
    Kind("method_not_allowed", 405, "Method not allowed", "The Allow header lists the path's methods."),
    Kind("body_timeout", 408, "Body did not arrive in time", "Send the body at once.", is_retryable=True),
    Kind(
        "client_order_id_conflict",
        409,
        "client_order_id was used for another order",
        "An id names one order for ever. Use a new id, or send the identical body to read the first answer again.",
    ),
    Kind("version_conflict", 409, "Changed by somebody else meanwhile", "Read it again, then repeat the change."),
    Kind("not_amendable", 409, "Order cannot be changed so", "Only an order that lives, and only what it has."),
    Kind(
        "leg_triggered", 409, "The leg is an order already", "It has triggered or was canceled; the others may change."
    ),
    Kind("conditional_done", 409, "The conditional order has ended", "Place another; see its done_reason."),
    Kind("qty_in_use", 409, "So much has filled or is at venues", "Ask for no less than that."),
    Kind(
        "not_unknown",
        409,
        "Order is not unknown",
        "Only an unknown child can be resolved, or an overdue one of a canceled order.",
    ),
    Kind("resume_too_old", 410, "The stream cannot go back that far", "Read the state anew, then follow its seq."),
    Kind("body_too_large", 413, "Body is too large", "At most 64 KiB are read."),
    Kind("unsupported_media_type", 415, "Content type is not taken", "Use Content-Type: application/json."),
    Kind("unsupported_encoding", 415, "Content encoding is not taken", "Send the body uncompressed."),
    Kind("invalid_request", 422, "Request has wrong fields", "errors[] names each field and the right form."),
    Kind("unknown_symbol", 422, "No such symbol", "See GET /v1/symbols."),
    Kind(
        "trigger_source_unavailable",
        422,
        "Nothing feeds this trigger",
        "Prices of that source do not reach this service; use mid or cross_venue.",
    ),
    Kind(
        "trigger_location_unavailable",
        422,
        "The venue does not hold this stop",
        "Use engine or auto, or another venue; docs/conditional-orders.md says which hold what.",
    ),
    Kind("account_required", 422, "Which account?", "The operator's key names one with ?account=."),
    Kind("evidence_missing", 422, "Evidence is missing", "Say what proves the outcome: a venue's message or ticket."),
    Kind("over_ceiling", 422, "Limit is above the file's ceiling", "The ceiling in the configuration file wins."),
    Kind("not_installed", 501, "A part of this service is not installed", "Install the extra that the hint names."),
    Kind(
        "history_unavailable",
        503,
        "Older history cannot be read now",
        "The database is away. Orders keep flowing; open and recent ones are served from memory.",
        is_retryable=True,
    ),
    Kind(
        "unavailable",
        503,
        "Cannot serve now",
        "Nothing was placed. Try again after Retry-After.",
        is_retryable=True,
    ),
    Kind(
        "shutting_down",
        503,
        "The service is starting or stopping",
        "Nothing was placed. Send the same client_order_id again after Retry-After.",
        is_retryable=True,
    ),
    Kind(
        "outcome_unknown",
        503,
        "It is not known what became of the request",
        "Send the identical body with the same client_order_id: it answers with the order, or places it once.",
        is_retryable=True,
        outcome="unknown",
    ),
    Kind("venue_rejected", 422, "The venue said no", "The venue's own code is in detail."),
    Kind(
        "internal_error",
        500,
        "Our mistake",
        "Repeat with the same client_order_id to learn the outcome, and report the request_id.",
        outcome="unknown",
    ),
)
KINDS: Final[dict[str, Kind]] = {kind.code: kind for kind in _OTHERS} | {
    code.value: Kind(code.value, REFUSALS[code][2], *_REFUSAL_TITLES[code], is_retryable=code in _RETRYABLE_REFUSALS)
    for code in RefusalCode
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that says no, ready to be written."""

    kind: Kind
    detail: str
    errors: tuple[FieldError, ...] = ()
    headers: Mapping[str, str] | None = None
    extra: Mapping[str, Any] | None = None

    @property
    def status(self) -> int:
        return self.kind.status

    def document(self, instance: str, request_id: str) -> dict[str, Any]:
        """The members of the problem+json object."""
        kind = self.kind
        return {
            "type": f"/errors/{kind.slug}",
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
            "instance": instance,
            "code": kind.code,
            "request_id": request_id,
            "outcome": kind.outcome,
            "retryable": kind.is_retryable,
            "errors": [asdict(error) for error in self.errors[:MAX_ERRORS]],
            **(self.extra or {}),
        }

    def body(self, instance: str, request_id: str) -> bytes:
        return orjson.dumps(self.document(instance, request_id))


def problem_of(error: BestexError) -> Problem:
    """The one table from domain errors to answers; anything it does not know is our mistake."""
    match error:
        case OrderRefused():
            return _refusal(error)
        case InvalidRequest():
            return Problem(KINDS[error.code], error.detail, error.errors)
        case BadRequest():
            return _bad_request(error)
        case BadDecimal():
            return Problem(
                KINDS["invalid_request"], f"A decimal is not valid: {error.reason}.", (decimal_error("", error),)
            )
        case Unavailable():
            kind = KINDS.get(error.code, KINDS["unavailable"])
            return Problem(kind, error.detail, headers={"Retry-After": "1"})
        case Rejected():
            return Problem(KINDS["venue_rejected"], str(error))
        case Unknown():
            return Problem(KINDS["outcome_unknown"], str(error), headers={"Retry-After": "1"})
        case InvariantBroken():
            return internal_error()
        case _:
            return internal_error()


def internal_error() -> Problem:
    """Nothing of the cause is told outside; the log has it under the request_id."""
    return Problem(KINDS["internal_error"], "The request met a mistake of ours; its outcome is not known.")


def decimal_error(pointer: str, error: BadDecimal, *, unit: str = "", hint: str = "") -> FieldError:
    """A FieldError of a refused decimal, with the right form shown."""
    hints = {
        "form": 'Use a plain decimal string such as "0.1": ASCII digits, no sign, no exponent, no leading zeros.',
        "digits": f"Use at most {error.limit} digits before and after the point.",
        "increment": f"Use a multiple of {error.limit}.",
        "size": f"Use less than {error.limit}.",
    }
    limit = "" if error.reason == "form" else error.limit
    return FieldError(pointer, error.reason, limit, error.value, unit, hint or hints[error.reason])


def _refusal(error: OrderRefused) -> Problem:
    kind = KINDS[error.code.value]
    is_measured = error.value.replace(".", "", 1).removeprefix("-").isdigit() and error.limit
    measured = f"{kind.title}: {error.value} {error.unit}".rstrip() + f", limit {error.limit}."
    detail = measured if is_measured else f"{kind.title}. {error.hint}".rstrip()
    entry = FieldError(error.pointer, error.code.value, error.limit, error.value, error.unit, error.hint)
    p_number, fix_103, _ = REFUSALS[error.code]
    extra: dict[str, Any] = {"check": p_number, "fix_103": fix_103}
    if refusal_id := error.facts.get("refusal_id"):
        extra["refusal_id"] = refusal_id
    headers = None
    if error.code is RefusalCode.MESSAGE_RATE:  # its value is a wait, its limit a rate: two units
        wait_ms = int(error.value) if error.value.isdigit() else 1_000
        headers = {"Retry-After": str(max(1, -(-wait_ms // 1_000)))}
        detail = f"{kind.title}: {error.limit} a second are allowed; the next one in {wait_ms} ms."
        entry = replace(entry, actual="", unit="orders/s")
    elif kind.status == 503:
        headers = {"Retry-After": "1"}
    return Problem(kind, detail, (entry,), headers, extra)


def _bad_request(error: BadRequest) -> Problem:
    kind = KINDS.get(error.code, KINDS["invalid_request"])
    entry = FieldError(pointer=error.pointer, code=error.code, hint=error.hint)
    headers = None
    if kind.code == "unauthenticated":
        headers = {"WWW-Authenticate": 'Bearer realm="bestex"'}
    elif kind.code in ("body_too_large", "body_timeout"):
        headers = {"Connection": "close"}
    return Problem(kind, error.detail, (entry,) if error.pointer or error.hint else (), headers)
