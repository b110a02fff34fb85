"""A client generated from the document places an order and reads its fills, with one model per shape."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from app.api.router import build_api
from tests.api.live import Live, live_server

SCRIPTS = Path(sys.executable).parent


@pytest.fixture(scope="module")
def client_root(tmp_path_factory: pytest.TempPathFactory):
    """The generated package's folder, importable while the module's tests run."""
    folder = tmp_path_factory.mktemp("sdk")
    document = folder / "openapi.json"
    document.write_text(json.dumps(build_api().openapi()))
    package = folder / "bestex_generated"
    done = subprocess.run(
        [
            SCRIPTS / "openapi-python-client",
            "generate",
            "--path",
            document,
            "--meta",
            "none",
            "--output-path",
            package,
            "--fail-on-warning",
        ],
        cwd=folder,
        env=os.environ | {"PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield package
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith("bestex_generated")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def live():
    with live_server() as server:
        yield server


def part(name: str) -> ModuleType:
    return importlib.import_module(f"bestex_generated.{name}")


@pytest.fixture
def client(client_root: Path, live: Live):
    with part("client").AuthenticatedClient(base_url=live.url, token=live.tokens["desk"]) as opened:
        yield opened


def test_one_model_per_shape(client_root: Path) -> None:
    """`Order` and `OrderBody`, never OrderInput and OrderOutput; each enum once."""
    models = {path.stem for path in (client_root / "models").glob("*.py")}
    assert {"order", "order_body", "placed_order", "execution", "route", "problem", "order_status", "side"} <= models
    assert not [name for name in models if name.endswith(("_input", "_output")) or "_type_" in name]


def test_the_generated_client_places_an_order_and_reads_its_fills(client: Any) -> None:
    models = part("models")
    body = models.OrderBody(
        client_order_id="sdk-1",
        symbol="BTC/USDT",
        side=models.Side.BUY,
        type_=models.OrderType.LIMIT,
        qty="0.1",
        limit_price="60100",
        time_in_force=models.TimeInForce.IOC,
        response_type=models.ResponseType.RESULT,
        wait_ms=5_000,
    )
    placed = part("api.orders.place_order").sync(client=client, body=body)
    fills = part("api.orders.list_order_executions").sync(client=client, order_id=placed.order_id)
    page = part("api.orders.list_orders").sync(client=client, limit=1)
    assert isinstance(placed, models.PlacedOrder)
    assert placed.status is models.OrderStatus.FILLED
    assert sum(int(fill.last_qty.replace("0.", "").ljust(5, "0")) for fill in fills.data) == 10_000
    assert page.data[0].order_id == placed.order_id


def test_decimals_survive_the_round_trip(client: Any) -> None:
    """18 decimals reach the lot check untouched; 19 are refused for their digits."""
    models = part("models")

    def problem(qty: str) -> dict[str, Any]:
        body = models.OrderBody(symbol="BTC/USDT", side=models.Side.BUY, type_=models.OrderType.MARKET, qty=qty)
        answer = part("api.orders.place_order").sync_detailed(client=client, body=body)
        assert answer.status_code == 422
        return json.loads(answer.content)["errors"][0]

    for_lot, for_digits = problem("0.100000000000000001"), problem("0.1000000000000000001")
    assert for_lot["code"] == "increment"
    assert for_lot["actual"] == "0.100000000000000001"
    assert "0.1 or 0.10001" in for_lot["hint"]
    assert for_digits["code"] == "digits"
