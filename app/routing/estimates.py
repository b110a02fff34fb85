"""Estimated terms of each venue as one bounded figure, and the four numbers of a quantity there. Pure.

Laws: a venue's terms sum to its `ppm` exactly; `ppm` is within the bound; what was cut stands as the term `bounded`.
A prediction that is no number, or beyond MAX_PREDICTED_PPM, counts as none: the static estimate, and said so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Final

from app.domain.enums import ContractKind, Side
from app.domain.fees import fee_nano
from app.domain.instrument import Symbol
from app.domain.plan import MAX_ESTIMATE_PPM, VenueEstimate
from app.domain.terms import (
    DEFAULT_ESTIMATE_PPM,
    YEAR_S,
    FourNumbers,
    MissingTerm,
    Predicted,
    SourceTerms,
)
from app.domain.units import PPM, div_half_even, div_up

# 5 %: what a prediction of a few hundred milliseconds may say at most before it is taken for broken.
MAX_PREDICTED_PPM: Final = 50_000.0


@dataclass(frozen=True, slots=True)
class Estimates:
    """Every venue is in exactly one of `by_venue` and `excluded`. `static`: venues whose prediction was not used."""

    by_venue: Mapping[str, VenueEstimate]
    excluded: Mapping[str, MissingTerm]
    static: tuple[str, ...]


def estimate_venues(
    terms: Mapping[str, SourceTerms],
    side: Side,
    predicted: Mapping[str, Predicted],
    max_estimate_ppm: int = DEFAULT_ESTIMATE_PPM,
) -> Estimates:
    """Bounded estimates of all venues of `terms`; `predicted` may lack some."""
    by_venue: dict[str, VenueEstimate] = {}
    excluded: dict[str, MissingTerm] = {}
    static: list[str] = []
    for venue, own in terms.items():
        missing = missing_term(own)
        if missing is not None:
            excluded[venue] = missing
            continue
        usable = usable_prediction(predicted.get(venue))
        if usable is None:
            static.append(venue)
        by_venue[venue] = estimate_venue(own, side, usable, max_estimate_ppm)
    return Estimates(by_venue, excluded, tuple(static))


def missing_term(terms: SourceTerms) -> MissingTerm | None:
    """What a perpetual lacks; None where nothing is missing. A missing input is never a default."""
    if not terms.is_perpetual:
        return None
    if terms.funding_ppm is None:
        return MissingTerm.FUNDING
    if terms.margin_mode is None:
        return MissingTerm.MARGIN_MODE
    return MissingTerm.REDUCE_ONLY if terms.reduce_only is None else None


def usable_prediction(predicted: Predicted | None) -> Predicted | None:
    """The prediction, None where it is absent, no number, out of range or upside down."""
    if predicted is None:
        return None
    values = (predicted.low_ppm, predicted.mean_ppm, predicted.high_ppm)
    if not all(isfinite(value) and abs(value) <= MAX_PREDICTED_PPM for value in values):
        return None
    return predicted if predicted.low_ppm <= predicted.high_ppm else None


def estimate_venue(
    terms: SourceTerms, side: Side, predicted: Predicted | None, max_estimate_ppm: int = DEFAULT_ESTIMATE_PPM
) -> VenueEstimate:
    """One venue's estimate in ppm of gross money; the interval is not bounded, because it ranks nothing.

    A prediction already holds drift and fade of its delay, so these count only without one.
    """
    parts = {
        "slippage": round(predicted.mean_ppm) if predicted is not None else 0,
        "fade": 0 if predicted is not None else _product(terms.fade_ppm, terms.refill_ppm),
        "drift": 0 if predicted is not None else side.sign * terms.drift_ppm,
        "tier_value": terms.tier_value_ppm,
        "inventory": terms.inventory_ppm,
        "credit": div_half_even(terms.credit_year_ppm * terms.holding_s, YEAR_S),
        "reliability": _product(terms.unanswered_ppm, terms.failure_ppm),
        "funding": side.sign * (terms.funding_ppm or 0),
    }
    believed_ppm = sum(parts.values())
    most_ppm = min(max(max_estimate_ppm, 0), MAX_ESTIMATE_PPM)
    ppm = min(max(believed_ppm, -most_ppm), most_ppm)
    parts["bounded"] = ppm - believed_ppm
    low_ppm = high_ppm = believed_ppm
    if predicted is not None:
        low_ppm += round(predicted.low_ppm - predicted.mean_ppm)
        high_ppm += round(predicted.high_ppm - predicted.mean_ppm)
    kept = tuple((name, part_ppm) for name, part_ppm in parts.items() if part_ppm)
    return VenueEstimate(terms.venue, ppm, min(low_ppm, ppm), max(high_ppm, ppm), kept)


def four_numbers(
    terms: SourceTerms, estimate: VenueEstimate, symbol: Symbol, side: Side, *, money_nano: int, reference_nano: int
) -> FourNumbers:
    """Certain, expected and 95 % cost of one quantity at one venue, and the capital it ties up.

    `money_nano`: gross money of walking the seen book; `reference_nano`: the same quantity at the reference price.
    All in nano of the symbol's money, `terms.fixed_nano` too.
    """
    sign = symbol.fungible.cost_sign(side)
    charged_nano = fee_nano(money_nano, terms.net_fee_ppm) + terms.fixed_nano
    certain_nano = sign * (money_nano - reference_nano) + charged_nano
    return FourNumbers(
        certain_nano=certain_nano,
        expected_nano=certain_nano + div_up(money_nano * estimate.ppm, PPM),
        p95_nano=certain_nano + div_up(money_nano * estimate.high_ppm, PPM),
        capital_nano=_capital(terms, symbol, side, (money_nano, reference_nano), charged_nano),
    )


def is_within_balance(terms: SourceTerms, numbers: FourNumbers) -> bool:
    """Whether the venue's balance carries the quantity: a shortage is *balance-limited*, never *depth-limited*."""
    return terms.balance_cap_nano < 0 or numbers.capital_nano <= terms.balance_cap_nano


def _capital(
    terms: SourceTerms, symbol: Symbol, side: Side, money_reference: tuple[int, int], charged_nano: int
) -> int:
    """A buyer's money, a seller's coin at the reference, a contract's margin; a reducing order frees its margin."""
    money_nano, reference_nano = money_reference
    if symbol.fungible.kind is ContractKind.SPOT:
        return money_nano + max(charged_nano, 0) if side is Side.BUY else reference_nano
    margin_nano = 0 if terms.reduce_only else div_up(money_nano * terms.margin_ppm, PPM)
    return margin_nano + max(charged_nano, 0)


def _product(one_ppm: int, other_ppm: int) -> int:
    return div_half_even(one_ppm * other_ppm, PPM)
