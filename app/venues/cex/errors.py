"""What a placement's request came to, read from what the venue answered: acknowledged, refused with proof, or unknown.

Laws: an exception's kind proves nothing, nor does an HTTP status. A refusal needs the vendor's own code, and a profile
that says that this code proves it, or our own proof that no byte can have left. Everything else is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.domain.errors import Refused, Unavailable
from app.domain.fills import ExecutionReport, ReportKind
from app.venues.cex.profile import VenueProfile
from app.venues.cex.session import Call

# Vendors' words for an error's code and its text, most specific first.
_CODES: Final = (
    "sCode",
    "code",
    "retCode",
    "ret_code",
    "err-code",
    "err_code",
    "label",
    "error_code",
    "new_order_failure_reason",
    "failure_reason",
    "preview_failure_reason",
)
_TEXTS: Final = (
    "sMsg",
    "msg",
    "message",
    "retMsg",
    "ret_msg",
    "err-msg",
    "err_msg",
    "error_message",
    "error_details",
    "detail",
)
# Where an answer carries its errors inside.
_INSIDE: Final = ("data", "error", "error_response", "result", "results", "orders", "failure", "errors")
_SUCCESSES: Final = frozenset({"", "0", "00000", "200", "200000", "SUCCESS"})
_MAX_TEXT: Final = 200
# What the table calls an answer that is no error and holds no order.
NO_ROWS: Final = "no_rows"
_MAX_DEPTH: Final = 3
# Our own word for a refusal of what would have taken, as the engine knows it (execution/posting.py).
POST_ONLY: Final = "post_only"


@dataclass(frozen=True, slots=True)
class VendorWord:
    """One code of an answer with its text."""

    code: str
    text: str


def vendor_words(answer: Any) -> list[VendorWord]:
    """Every error code that `answer` holds, the innermost first: an outer code may only say that one lies within."""
    found = list(_words(answer, _MAX_DEPTH))
    return [word for word in found if word.code not in _SUCCESSES]


def _words(answer: Any, depth: int) -> Iterator[VendorWord]:
    if depth < 0:
        return
    if isinstance(answer, list):
        for part in answer:
            if isinstance(part, str):
                yield VendorWord(part, part)
            else:
                yield from _words(part, depth - 1)
        return
    if not isinstance(answer, Mapping):
        return
    for name in _INSIDE:
        inside = answer.get(name)
        if isinstance(inside, Mapping | list):
            yield from _words(inside, depth - 1)
        elif name == "error" and isinstance(inside, str):
            yield VendorWord(inside, _text(answer) or inside)
    for name in _CODES:
        code = answer.get(name)
        if isinstance(code, str | int) and not isinstance(code, bool):
            yield VendorWord(str(code), _text(answer))


def _text(answer: Mapping[str, Any]) -> str:
    return next((str(answer[name]) for name in _TEXTS if isinstance(answer.get(name), str)), "")


def placement_report(
    profile: VenueProfile, client_id: str, call: Call, error: BaseException | None, venue_order_id: str
) -> ExecutionReport:
    """What is known of a placement once its call is over. `error`: what it raised; `venue_order_id`: what it gave."""
    venue = profile.venue_id
    if not call.may_have_left:
        return _not_sent(venue, client_id, error)
    words = vendor_words(call.answer) if call.is_answered else []
    evidence = f"http:{call.status}" if call.is_answered else "local:no_answer"
    for word in words:
        if profile.is_proof_of_refusal(word.code, word.text):
            return ExecutionReport(
                ReportKind.REJECTED,
                venue,
                client_id,
                code=POST_ONLY if profile.is_post_only_refusal(word.code, word.text) else word.code,
                text=word.text[:_MAX_TEXT],
                evidence=f"{evidence} code:{word.code}",
            )
    if error is None and call.is_answered and venue_order_id:
        return ExecutionReport(ReportKind.ACKED, venue, client_id, venue_order_id, evidence=evidence)
    code = words[0].code if words else f"http_{call.status}" if call.is_answered else "no_answer"
    text = words[0].text[:_MAX_TEXT] if words else type(error).__name__ if error is not None else ""
    return ExecutionReport(ReportKind.UNKNOWN, venue, client_id, code=code, text=text, evidence=evidence)


def _not_sent(venue: str, client_id: str, error: BaseException | None) -> ExecutionReport:
    """Nothing was written: the one refusal that needs no venue."""
    match error:
        case Refused():
            code = "not_signed"
        case Unavailable():
            code = "not_sent"
        case _:
            code = "not_connected" if call_failed_to_connect(error) else "not_sent"
    return ExecutionReport(
        ReportKind.REJECTED, venue, client_id, code=code, text=str(error)[:_MAX_TEXT], evidence=f"local:{code}"
    )


def unsent_report(profile: VenueProfile, client_id: str, why: str, *, is_known: bool) -> ExecutionReport:
    """Nothing was sent, for `why`; unknown where it could not be asked whether the venue has the order already."""
    kind, evidence = (ReportKind.REJECTED, "local:barred") if is_known else (ReportKind.UNKNOWN, "local:unasked")
    return ExecutionReport(kind, profile.venue_id, client_id, code="not_sent", text=why, evidence=evidence)


def call_failed_to_connect(error: BaseException | None) -> bool:
    """Whether `error` comes from a connection that never was."""
    return isinstance(getattr(error, "__cause__", None), OSError)


def says_absent(profile: VenueProfile, call: Call) -> bool:
    """Whether the answer to a query or a cancel proves that the venue knows no such open order."""
    if not call.is_answered:
        return False
    words = vendor_words(call.answer)
    if not words and 200 <= call.status < 300 and isinstance(call.answer, Mapping) and not n_rows(call.answer):
        words = [VendorWord(NO_ROWS, "")]
    return any(profile.is_proof_of_absence(word.code, word.text) for word in words)


def n_rows(answer: Any) -> int:
    """The longest list anywhere in a vendor's answer: ccxt leaves out of a page what is of other markets or times."""
    if isinstance(answer, Mapping):
        most = max(map(n_rows, answer.values()), default=0)
        return max(most, sum(isinstance(row, Mapping) for row in answer.values()))
    if isinstance(answer, list):
        return max(len(answer), max(map(n_rows, answer), default=0))
    return 0
