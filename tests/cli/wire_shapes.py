"""Answers as the service gives them, small: what the commands are tested with."""

PLAN = {
    "route_id": "rte_1",
    "order_id": "ord_1",
    "wave": 1,
    "symbol": "BTC/USDT",
    "side": "buy",
    "requested_qty": "2",
    "requested_notional": None,
    "allocated_qty": "1.5",
    "allocated_notional": "96000",
    "unallocated": {"qty": "0.5", "notional": None, "code": "depth_limited"},
    "expected": {"avg_price": "64000.1", "all_in_price": "64030", "total_bps": "4.95"},
    "cost_bps": {"spread": "0.08", "impact": "0.87", "fee": "4", "latency": "0", "gas": "0", "model_adjustment": "0"},
    "allocations": [
        {
            "rank": 1,
            "venue": "sim_a",
            "qty": "1.5",
            "expected_price": "64000.1",
            "worst_price": "64001",
            "cost_bps": {"price": "0.95", "fee": "4", "gas": "0", "total": "4.95"},
        }
    ],
    "excluded": [{"venue": "sim_b", "code": "stale_book", "detail": "2.4 s old", "limit": "1", "value": "2.4"}],
    "alternatives": [
        {"name": "best_single_venue", "venue": "sim_a", "qty": "1.5", "n_venues": 1, "total_bps": "7.90"},
        {"name": "pro_rata", "venue": None, "qty": "1", "n_venues": 3, "total_bps": None},
    ],
    "certificate": {"status": "optimal", "gap_bps": "0.000001"},
}

ORDER = {
    "order_id": "ord_1",
    "client_order_id": "c-1",
    "status": "filled",
    "symbol": "BTC/USDT",
    "side": "buy",
    "type": "market",
    "qty": "2",
    "cum_qty": "2",
    "avg_price": "64000.1",
}

TCA = {
    "order_id": "ord_1",
    "reference": "received",
    "reference_price": "64000",
    "money_currency": "USDT",
    "total_bps": "4.95",
    "cost_bps": dict.fromkeys(("delay", "impact", "timing", "gas", "basis", "opportunity"), "0")
    | {"spread": "0.95", "fee": "4"},
    "total_cost": "63.36",
    "cost": dict.fromkeys(("delay", "impact", "timing", "gas", "basis", "opportunity"), "0")
    | {"spread": "12.16", "fee": "51.2"},
}
