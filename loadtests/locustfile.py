"""Desks under locust: HTTP users send orders, WebSocket listeners hear them. Run by `python -m loadtests.run_locust`.

Each sent order is noted by its id with what was answered, each terminal event by its order id: the runner compares
both with the database afterwards. Counts live in files of this run, because locust may use several processes.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from pathlib import Path
from typing import Any

import websocket
from locust import FastHttpUser, User, constant_throughput, events, task

KEY = os.environ["BESTEX_API_KEY"]
NOTES = Path(os.environ["BESTEX_LOAD_NOTES"])
ORDERS_PER_S_AND_USER = float(os.environ.get("BESTEX_LOAD_RATE", "4"))
ENDED = frozenset({"filled", "canceled", "expired", "rejected"})
SYMBOLS = ("BTC/USDT", "ETH/USDT")
QTY = {"BTC/USDT": "0.02", "ETH/USDT": "0.3"}
QUIET_BEATS = 3
_guard = threading.Lock()


def note(kind: str, **values: Any) -> None:
    """One line of this run's notes."""
    with _guard, (NOTES / f"{kind}-{os.getpid()}.jsonl").open("a") as file:
        file.write(json.dumps(values) + "\n")


class Desk(FastHttpUser):
    """Buys and sells in turn at a steady rate; now and then reads what it did."""

    weight = 4
    wait_time = constant_throughput(ORDERS_PER_S_AND_USER)

    def on_start(self) -> None:
        self._n = 0
        self._last = ""
        self._name = secrets.token_hex(6)
        self._headers = {"Authorization": f"Bearer {KEY}"}

    @task(10)
    def order(self) -> None:
        self._n += 1
        symbol = SYMBOLS[self._n // 2 % 2]
        body = {
            "client_order_id": f"load-{self._name}-{self._n}",
            "symbol": symbol,
            "side": "buy" if self._n % 2 else "sell",
            "type": "market",
            "time_in_force": "ioc",
            "qty": QTY[symbol],
            "max_slippage_bps": "25",
        }
        with self.client.post("/v1/orders", json=body, headers=self._headers, catch_response=True) as answer:
            if answer.status_code == 201:
                self._last = answer.json()["order_id"]
                note("sent", order_id=self._last, client_order_id=body["client_order_id"])
            else:
                note("refused", status=answer.status_code, body=answer.text)
                answer.failure(f"{answer.status_code} {answer.text[:200]}")

    @task(2)
    def read(self) -> None:
        if self._last:
            self.client.get(f"/v1/orders/{self._last}", headers=self._headers, name="/v1/orders/{id}")

    @task(1)
    def book(self) -> None:
        self.client.get("/v1/books/BTC/USDT?depth=5", headers=self._headers, name="/v1/books/{symbol}")


class Listener(User):
    """Hears every order of the account; checks that no message of its subscription is missing."""

    weight = 1

    def on_start(self) -> None:
        self._prev_seq: int | None = None
        self._name = secrets.token_hex(6)
        address = f"{self.host.replace('http', 'ws', 1)}/v1/ws"
        self._socket = websocket.create_connection(address, timeout=5)
        self._say({"op": "auth", "id": 1, "token": KEY})
        # From the beginning: what was placed before this listener came is replayed, so that all hear the same.
        self._say({"op": "subscribe", "id": 2, "channel": "orders", "after_seq": 0})

    def _say(self, message: dict[str, Any]) -> None:
        self._socket.send(json.dumps(message))

    @task
    def hear(self) -> None:
        self._hear()

    def _hear(self) -> dict[str, Any]:
        started_s = time.perf_counter()
        text = self._socket.recv()
        message: dict[str, Any] = json.loads(text)
        if message.get("channel") != "orders":
            return message
        if self._prev_seq is not None and message["prev_seq"] != self._prev_seq:
            note("gaps", listener=self._name, expected=self._prev_seq, got=message["prev_seq"])
        self._prev_seq = message["seq"]
        for order in message["data"]:
            if order["order_status"] in ENDED:
                note("ended", listener=self._name, order_id=order["order_id"], status=order["order_status"])
        self.environment.events.request.fire(
            request_type="WS",
            name="orders message",
            response_time=(time.perf_counter() - started_s) * 1e3,
            response_length=len(text),
            exception=None,
            context={},
        )
        return message

    def on_stop(self) -> None:
        """Listens on until the account has been quiet for three heartbeats: desks stop at the same instant as we do."""
        quiet, last_seq = 0, -1
        while quiet < QUIET_BEATS:
            message = self._hear()
            if message.get("channel") == "heartbeat":
                quiet = quiet + 1 if message["last_seq"] == last_seq else 0
                last_seq = message["last_seq"]
        self._socket.close()


@events.test_start.add_listener
def _fresh(**_: Any) -> None:
    NOTES.mkdir(parents=True, exist_ok=True)
