"""The learned curve from the shell."""

from __future__ import annotations

import json

from app.cli import curve

ROWS = [{"hour": h, "rate": "0.5", "part": "1.500" if h < 12 else "0.500", "watched_s": 7_200} for h in range(24)]
ANSWER = {"symbol": "BTC/USDT", "is_learned": True, "hours": ROWS}


def test_hours_are_bars_and_say_how_long_they_were_watched(service, bestex):
    service.says("GET", "/v1/volume-curves/BTC/USDT", ANSWER)
    shown = bestex(curve, "BTC/USDT").output
    assert all(part in shown for part in ("00:00", "23:00", "120 min", "1.500", "#" * 40))


def test_a_curve_that_was_not_learned_says_so(service, bestex):
    service.says("GET", "/v1/volume-curves/BTC/USDT", ANSWER | {"is_learned": False})
    assert "flat" in bestex(curve, "BTC/USDT").output


def test_json_is_the_services_own(service, bestex):
    service.says("GET", "/v1/volume-curves/BTC/USDT", ANSWER)
    assert json.loads(bestex(curve, "BTC/USDT", "-o", "json").output) == ANSWER
