"""`bestex shadow send`: two files to a running service, and its own page back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from app.cli import shadow
from app.cli.client import Client
from app.cli.exits import CommandError, Exit
from app.cli.shadow_send import Told, compared, tell
from tests.api.live import live_server

PARENTS = b"parent_id,symbol,side,qty,decision_at\np1,BTC/USDT,buy,0.5,2026-03-02T09:30:00Z\np2,BTC/USDT,buy,9,\n"
FILLS = (
    b"parent_id,fill_id,at,price,qty,fee,fee_currency,venue\n"
    b"p1,f1,2026-03-02T09:30:01Z,60000,0.5,1,USDT,alpha\np2,f1,2026-03-02T09:30:01Z,60000,9,1,USDT,alpha\n"
)


class Answer:
    def __init__(self, body: Any) -> None:
        self.body = body


class Service:
    """Takes p1, refuses p2 as the real one does; the shadow of p1 is met at the third look."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []
        self.n_looks = 0

    def post(self, path: str, body: Any) -> Answer:
        self.told.append((path, body))
        if "fills" in body:
            return Answer({"n_new": 1, "n_repeated": 0})
        if body["parent_id"] == "p2":
            raise CommandError(Exit.REJECTED, "invalid_request: qty")
        return Answer({"refused": "max_order_qty"})

    def get(self, path: str, **query: object) -> Answer:
        self.n_looks += 1
        waits = [{"parent_id": "p1", "reason": "not_yet"}] if self.n_looks < 3 else []
        return Answer({"excluded": [{"parent_id": "other", "reason": "not_yet"}, *waits]})

    def fetch(self, path: str, **query: object) -> bytes:
        return b"# Shadow"


def test_rows_go_as_the_file_has_them_and_a_refused_one_is_told_with_its_line() -> None:
    service = Service()
    told = tell(service, ("p.csv", PARENTS), ("f.csv", FILLS), is_strict=False)
    assert told.parents == {"p1"}
    assert told.refused == {"p1": "max_order_qty"}
    assert told.bad == ["p.csv:3: invalid_request: qty", "f.csv:3: its parent was not taken"]
    assert (told.n_new, told.n_repeated) == (1, 0)
    assert service.told[1][1] == {"parent_id": "p2", "symbol": "BTC/USDT", "side": "buy", "qty": "9"}
    assert [path for path, _ in service.told] == ["/v1/shadow/parents"] * 2 + ["/v1/shadow/fills"]
    assert told.summary().splitlines()[0] == (
        "told 1 parents (1 that Bestex would have refused), 1 new fills, 0 known before, 2 bad lines"
    )


def test_strict_stops_at_the_first_bad_line() -> None:
    with pytest.raises(CommandError, match=r"p\.csv:3"):
        tell(Service(), ("p.csv", PARENTS), ("f.csv", FILLS), is_strict=True)


def test_its_own_shadows_are_waited_for_and_no_longer_than_asked() -> None:
    slept: list[float] = []
    service = Service()
    assert compared(service, Told(parents={"p1"}), 5, slept.append) == "# Shadow"
    assert len(slept) == 2
    assert compared(Service(), Told(parents={"p1"}), 0.5, slept.append) == "# Shadow"
    assert len(slept) == 3


@pytest.mark.parametrize(
    "content",
    [b"parent_id,symbol\n", PARENTS.replace(b"qty", b"size", 1), PARENTS + b"p3,x\n", b"\xff\xfe", b""],
)
def test_a_file_that_is_none_is_a_usage_error(content: bytes) -> None:
    with pytest.raises(CommandError) as caught:
        tell(Service(), ("p.csv", content), ("f.csv", FILLS), is_strict=False)
    assert caught.value.code is Exit.USAGE


def test_a_service_that_is_gone_ends_it() -> None:
    class Gone(Service):
        def post(self, path: str, body: Any) -> Answer:
            raise CommandError(Exit.UNREACHABLE, "gone")

    with pytest.raises(CommandError) as caught:
        tell(Gone(), ("p.csv", PARENTS), ("f.csv", FILLS), is_strict=False)
    assert caught.value.code is Exit.UNREACHABLE


def test_the_command_tells_counts_apart_from_the_page(service, bestex, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "p.csv").write_bytes(PARENTS)
    (tmp_path / "f.csv").write_bytes(FILLS)
    service.says("POST", "/v1/shadow/parents", {"refused": None})
    service.says("POST", "/v1/shadow/fills", {"n_new": 1, "n_repeated": 0})
    service.says("GET", "/v1/shadow/report", lambda path: b"# Page" if "markdown" in path else {"excluded": []})
    ended = bestex(shadow, "send", str(tmp_path / "p.csv"), str(tmp_path / "f.csv"))
    assert ended.exit_code == 0, ended.output
    assert "told 2 parents" in ended.stderr
    assert ended.stdout == "# Page\n"


def service_time(client: Client) -> str:
    """Once it listens."""
    for _ in range(200):
        try:
            told: dict[str, str] = client.get("/v1/time").body
        except CommandError:
            time.sleep(0.05)
        else:
            return told["time"]
    raise TimeoutError("it does not listen")


def test_a_real_service_takes_the_files_and_says_what_is_left_out(tmp_path: Path) -> None:
    """The gateway's clock is virtual: its own time is the decision's."""
    with live_server() as live:
        client = Client(live.url, live.tokens["all"])
        now = service_time(client)
        parents = f"parent_id,symbol,side,qty,decision_at\nd-1,BTC-USDT,buy,0.01,{now}\nd-2,BTC/USDT,buy,1.5x,{now}\n"
        fills = (
            "parent_id,fill_id,at,price,qty,fee,fee_currency,venue\n"
            f"d-1,f-1,{now},60001,0.01,0.3,USDT,alpha\nd-2,f-1,{now},60001,1,0.3,USDT,alpha\n"
        )
        files = ("p.csv", parents.encode()), ("f.csv", fills.encode())
        told = tell(client, *files, is_strict=False)
        assert told.parents == {"d-1"}
        assert told.n_new == 1
        assert [line.split(": ")[0] for line in told.bad] == ["p.csv:3", "f.csv:3"]
        assert "qty decimal_form" in told.bad[0]
        assert tell(client, *files, is_strict=False).n_repeated == 1
        page = compared(client, told, 3, time.sleep)
    assert page.startswith("#")
    assert "simulated" in page.lower()
