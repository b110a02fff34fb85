"""What the demo does once the service is up: orders over real HTTP, their fills from the real WebSocket, the costs.

Nothing here knows the service's inside: it is the first client of the API, and what it prints is what any client gets.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from app.cli.client import Client, segment
from app.cli.exits import CommandError, Exit
from app.cli.output import show_table
from app.cli.route import show_plan
from app.cli.tca import show_tca

if TYPE_CHECKING:
    from rich.console import Console
    from websockets.sync.client import ClientConnection

ENDED: Final = frozenset({"filled", "canceled", "expired", "rejected"})
READY_TIMEOUT_S: Final = 10.0
ORDER_TIMEOUT_S: Final = 10.0


@dataclass(slots=True)
class Told:
    """What the stream said about one order, in the order in which it came."""

    order_id: str
    executions: list[dict[str, Any]] = field(default_factory=list)
    status: str = ""


class Listener:
    """The account's private stream: authenticated, subscribed, every message's sequence checked."""

    def __init__(self, socket: ClientConnection, key: str) -> None:
        self._socket = socket
        self._seqs: dict[int, int] = {}
        self._say({"op": "auth", "id": 1, "token": key})
        for number, channel in enumerate(("orders", "executions"), 2):
            self._say({"op": "subscribe", "id": number, "channel": channel})
        waiting = {1, 2, 3}
        while waiting:
            answer = self._hear()
            if answer.get("ok") is False:
                raise CommandError(Exit.CHECK_FAILED, f"the stream said no: {answer}")
            waiting.discard(answer.get("id", 0))

    def _say(self, message: Mapping[str, Any]) -> None:
        self._socket.send(json.dumps(message))

    def _hear(self, timeout_s: float = ORDER_TIMEOUT_S) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self._socket.recv(timeout_s))
        if "prev_seq" in message:
            expected = self._seqs.setdefault(message["sub"], message["prev_seq"])
            if message["prev_seq"] != expected:
                raise CommandError(Exit.CHECK_FAILED, f"the stream has a gap: {expected} -> {message['prev_seq']}")
            self._seqs[message["sub"]] = message["seq"]
        return message

    def follow(self, order_id: str, timeout_s: float = ORDER_TIMEOUT_S) -> Iterator[Told]:
        """Yields after every message about the order, until both channels have told its end."""
        told = Told(order_id)
        deadline_s = time.monotonic() + timeout_s
        traded, filled = Decimal(0), Decimal(-1)
        while not told.status or (told.status == "filled" and traded != filled):
            left_s = deadline_s - time.monotonic()
            try:
                message = self._hear(max(left_s, 0.0))
            except TimeoutError as error:
                raise CommandError(Exit.UNKNOWN, f"{order_id} did not end within {timeout_s:.0f} s") from error
            for item in message.get("data") or ():
                if item.get("order_id") != order_id:
                    continue
                if message["channel"] == "executions":
                    told.executions.append(item)
                    traded += Decimal(item["last_qty"])
                elif item["order_status"] in ENDED:
                    told.status, filled = item["order_status"], Decimal(item["cum_qty"])
                yield told

    def fills_for(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Every fill of the account that is heard within `seconds`."""
        deadline_s = time.monotonic() + seconds
        while (left_s := deadline_s - time.monotonic()) > 0:
            try:
                message = self._hear(left_s)
            except TimeoutError:
                return
            if message.get("channel") == "executions":
                yield from message["data"]


@contextmanager
def listening(url: str, key: str) -> Iterator[Listener]:
    """A listener on the service's stream, closed afterwards."""
    from websockets.sync.client import connect

    with connect(url.replace("http", "ws", 1) + "/v1/ws", compression=None, close_timeout=1.0) as socket:
        yield Listener(socket, key)


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample order as it ended."""

    told: Told
    first_fill_monotonic_s: float | None

    @property
    def is_filled(self) -> bool:
        return self.told.status == "filled"

    @property
    def filled_qty(self) -> Decimal:
        return sum((Decimal(each["last_qty"]) for each in self.told.executions), Decimal(0))


class Story:
    """Sample orders, told on `screen`. `run` names this run in every client id, so that no two runs collide."""

    def __init__(self, client: Client, listener: Listener, screen: Console, run: str) -> None:
        self._client, self._listener, self._screen, self._run = client, listener, screen, run
        self._n_sent = 0

    def place(self, title: str, body: dict[str, Any]) -> Sample:
        """Sends one order and listens until it has ended."""
        order = self.send(body)
        first_fill_s: float | None = None
        told = Told(order["order_id"])
        for told in self._listener.follow(order["order_id"]):
            if told.executions and first_fill_s is None:
                first_fill_s = time.monotonic()
        venues = {execution["venue"] for execution in told.executions}
        self._screen.print(
            f"  [bold]order[/bold]      {title}: {told.status}, {len(told.executions)} fills at {len(venues)} venues"
            f"  [dim]{order['order_id']}[/dim]"
        )
        return Sample(told, first_fill_s)

    def send(self, body: dict[str, Any]) -> dict[str, Any]:
        """Sends one order under an id of its own; its answer."""
        self._n_sent += 1
        body = body | {"client_order_id": f"demo-{self._run}-{self._n_sent}"}
        answer: dict[str, Any] = self._client.post("/v1/orders", body).body
        return answer

    def explain(self, sample: Sample) -> None:
        """The route, the fills, the planned and the realised cost of an order."""
        path = f"/v1/orders/{segment(sample.told.order_id)}"
        first, *later = self._client.get(f"{path}/route").body["data"]
        show_plan(self._screen, first)
        for plan in later:
            venues = ", ".join(share["venue"] for share in plan["allocations"]) or "nobody"
            self._screen.print(
                f"  wave {plan['wave']}          what did not fill, {plan['requested_qty']}, to {venues}"
            )
        columns = ("venue", "last_qty", "last_price", "fee", "fee_currency", "liquidity")
        numbers = ("last_qty", "last_price", "fee")
        show_table(self._screen, sample.told.executions, columns, title="fills, as streamed", right=numbers)
        show_tca(self._screen, self._client.get(f"/v1/tca/orders/{segment(sample.told.order_id)}").body)

    def mid(self, symbol: str) -> Decimal:
        """The class mid of this instant."""
        book = self._client.get(f"/v1/books/{segment(symbol)}", depth=1).body
        if book["mid"] is None:
            raise CommandError(Exit.CHECK_FAILED, f"no valid book of {symbol}: {book['excluded']}")
        return Decimal(book["mid"])


def wait_until_ready(client: Client, timeout_s: float = READY_TIMEOUT_S) -> None:
    """Until /readyz says yes: venues connected, books there. Raises CommandError if it never does."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            client.get("/readyz")
            return
        except CommandError as error:
            if time.monotonic() > deadline_s:
                raise CommandError(Exit.UNREACHABLE, f"the service is up but not ready: {error.detail}") from error
            time.sleep(0.02)
