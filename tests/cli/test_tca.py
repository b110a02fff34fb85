from __future__ import annotations

import json
import subprocess
import sys
from urllib.parse import parse_qs, urlsplit

from app.cli import tca
from app.cli.exits import CommandError, Exit

from .wire_shapes import TCA


def test_the_waterfall_is_shown_step_by_step_with_its_total(service, bestex):
    service.says("GET", "/v1/tca/orders/ord_1", TCA)
    shown = bestex(tca, "ord_1").output
    assert [line.split()[0] for line in shown.splitlines() if line.strip()][-9:] == [*tca.WATERFALL, "total"]
    assert "against the received" in shown


def test_json_is_the_report(service, bestex):
    service.says("GET", "/v1/tca/orders/ord_1", TCA)
    assert json.loads(bestex(tca, "ord_1", "-o", "json").stdout) == TCA


SUMMARY = {
    "account": "demo",
    "scope": {"n_orders": 1, "n_fills": 3, "n_measured": 2, "is_simulated": True},
    "waterfalls": [
        {
            "currency": "USDT",
            "n_orders": 1,
            "cost_bps": TCA["cost_bps"],
            "total_bps": TCA["total_bps"],
            "cost": TCA["cost"],
            "total_cost": TCA["total_cost"],
        }
    ],
    "data": [{"order_id": "ord_1", "symbol": "BTC/USDT", "side": "buy", "filled_qty": "2", "total_bps": "5.1"}],
}


def asked(service):
    return [parse_qs(urlsplit(each.path).query) for each in service.asked if "/v1/tca/" in each.path]


def test_a_period_is_summed_up(service, bestex):
    service.says("GET", "/v1/tca/summary", SUMMARY)
    shown = bestex(tca, "--day", "2026-11-25", "--symbol", "BTC/USDT", "--side", "buy").output
    assert "1 orders, 3 fills (2 measured), simulated" in shown
    assert "ord_1" in shown
    (query,) = asked(service)
    assert query["from"] == ["2026-11-25T00:00:00.000000Z"]
    assert query["to"] == ["2026-11-26T00:00:00.000000Z"]
    assert (query["symbol"], query["side"]) == (["BTC/USDT"], ["buy"])


def test_the_report_and_the_tables_are_written(service, bestex, tmp_path):
    service.says("GET", "/v1/tca/report", b"<!doctype html>")
    service.says("GET", "/v1/tca/summary", b"order_id\r\n")
    page, table, columns = tmp_path / "deep" / "r.html", tmp_path / "t.csv", tmp_path / "t.parquet"
    told = bestex(tca, "--html", str(page), "--csv", str(table), "--parquet", str(columns))
    assert told.exit_code == 0, told.output
    assert page.read_bytes() == b"<!doctype html>"
    assert table.read_bytes() == columns.read_bytes() == b"order_id\r\n"
    assert [q.get("format") for q in asked(service)] == [["csv"], ["parquet"], None]


def test_one_orders_row_is_found_by_its_time(service, bestex, tmp_path):
    service.says("GET", "/v1/orders/ord_1", {"created_at": "2026-11-25T10:00:00.000500Z"})
    service.says("GET", "/v1/tca/summary", b"x")
    assert bestex(tca, "ord_1", "--csv", str(tmp_path / "t.csv")).exit_code == 0
    (query,) = asked(service)
    assert query["from"] == ["2026-11-25T10:00:00.000500Z"]
    assert query["to"] == ["2026-11-25T10:00:00.001500Z"]


def test_open_writes_the_page_and_says_where_it_is_without_a_browser(service, bestex, tmp_path, monkeypatch):
    service.says("GET", "/v1/tca/report", b"<!doctype html>")
    shown = []
    monkeypatch.setattr("webbrowser.open", lambda url: shown.append(url) is not None)
    told = bestex(tca, "client:a/b", "--open")
    (page,) = (tmp_path / "reports").iterdir()
    assert page.name == "tca-client-a-b.html"
    assert shown == [page.as_uri()]
    assert page.as_uri() in told.output
    assert asked(service) == [{"order": ["client:a/b"]}]


def test_with_a_browser_nothing_more_is_said(service, bestex, monkeypatch):
    service.says("GET", "/v1/tca/report", b"<!doctype html>")
    service.says("GET", "/v1/tca/summary", SUMMARY | {"scope": SUMMARY["scope"] | {"n_measured": 3}})
    monkeypatch.setattr("webbrowser.open", lambda url: True)
    told = bestex(tca, "--open").output
    assert "no browser" not in told
    assert "measured" not in told


def test_open_says_what_the_page_cannot_show_yet(service, bestex, monkeypatch):
    service.says("GET", "/v1/tca/report", b"<!doctype html>")
    service.says("GET", "/v1/tca/summary", SUMMARY)
    monkeypatch.setattr("webbrowser.open", lambda url: True)
    assert "2 of 3 fills are measured" in bestex(tca, "--open", "--symbol", "BTC/USDT").output
    assert all(query["symbol"] == ["BTC/USDT"] for query in asked(service))
    service.says("GET", "/v1/tca/summary", SUMMARY | {"scope": SUMMARY["scope"] | {"n_orders": 0}})
    assert "no order has ended in this period" in bestex(tca, "--open").output


def test_what_contradicts_itself_is_refused(service, bestex):
    for arguments in (("ord_1", "--day", "today"), ("--day", "today", "--from", "2026-01-01"), ("--from", "soon")):
        refused = bestex(tca, *arguments)
        assert isinstance(refused.exception, CommandError), arguments
        assert refused.exception.code is Exit.USAGE


def test_the_commands_module_loads_no_charts():
    """Whoever asks for help must not wait for matplotlib."""
    code = "import sys, app.cli.tca; print([m for m in ('matplotlib', 'jinja2', 'numpy') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
