"""One question to one dealer: whatever happens is an answer."""

from __future__ import annotations

from app import observe
from app.domain.errors import Unavailable
from app.domain.ports import DealerPort, VenuePort
from app.domain.quotes import Quote, QuoteRequest


async def quote_of(venue: VenuePort, request: QuoteRequest) -> Quote:
    """What `venue` quotes; no quote, with the reason in `code`, where it does not answer or is no dealer."""
    if not isinstance(venue, DealerPort):
        return Quote(request.request_id, request.venue, code="no_dealer")
    try:
        return await venue.quote(request)
    except Unavailable as error:
        return Quote(request.request_id, request.venue, code=error.code)
    except Exception as error:  # noqa: BLE001 - a process rim: a question that broke is one without an answer
        observe.venue_call_failed(request.venue, "quote", error)
        return Quote(request.request_id, request.venue, code=type(error).__name__)
