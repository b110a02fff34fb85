from __future__ import annotations

import json

from app.cli import tca

from .wire_shapes import TCA


def test_the_waterfall_is_shown_step_by_step_with_its_total(service, bestex):
    service.says("GET", "/v1/tca/orders/ord_1", TCA)
    shown = bestex(tca, "ord_1").output
    assert [line.split()[0] for line in shown.splitlines() if line.strip()][-9:] == [*tca.WATERFALL, "total"]
    assert "against the received" in shown


def test_json_is_the_report(service, bestex):
    service.says("GET", "/v1/tca/orders/ord_1", TCA)
    assert json.loads(bestex(tca, "ord_1", "-o", "json").stdout) == TCA
