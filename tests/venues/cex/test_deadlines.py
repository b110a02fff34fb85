"""A miss proves something only after the venue can no longer take what we sent."""

from __future__ import annotations

from app.venues.cex.deadlines import (
    VISIBLE_AFTER_NS,
    DeadlineForm,
    RequestLife,
    deadline_params,
    proven_until_ns,
    request_life,
)

S = 1_000_000_000


def test_each_form_says_the_deadline_as_its_venue_reads_it():
    now_ns, deadline_ns = 1_700_000_000 * S, 1_700_000_001 * S + 250_000_000
    assert deadline_params(RequestLife(60, "w", DeadlineForm.WINDOW_MS), deadline_ns, now_ns) == {"w": 1_250}
    assert deadline_params(RequestLife(60, "w", DeadlineForm.WINDOW_MS), now_ns + 90 * S, now_ns) == {"w": 60_000}
    assert deadline_params(RequestLife(60, "w", DeadlineForm.WINDOW_MS), now_ns - S, now_ns) == {"w": 1}
    assert deadline_params(RequestLife(60, "u"), deadline_ns, now_ns) == {"u": 1_700_000_001_250}
    iso = deadline_params(RequestLife(60, "d", DeadlineForm.ISO), deadline_ns, now_ns)
    assert iso == {"d": "2023-11-14T22:13:21.250Z"}
    assert deadline_params(RequestLife(30), deadline_ns, now_ns) == {}


def test_a_request_without_an_end_lives_as_long_as_its_signature():
    looked_ns = 1_700_000_000 * S
    bounded, unbounded = request_life("binance"), request_life("bybit")
    assert proven_until_ns(bounded, looked_ns) == looked_ns - VISIBLE_AFTER_NS
    assert proven_until_ns(unbounded, looked_ns) == looked_ns - VISIBLE_AFTER_NS - 10 * S
    assert request_life("nobody").max_s >= 120
