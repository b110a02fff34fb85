"""Over a real socket: huge bodies are cut, odd requests survive, generated requests find no 5xx."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.api.gateway import GOOD
from tests.api.live import Live, live_server

SCHEMATHESIS = Path(sys.executable).parent / "schemathesis"
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,negative_data_rejection,unsupported_method,ignored_auth"
)


@pytest.fixture(scope="module")
def live():
    with live_server() as server:
        yield server


def headers(live: Live, key: str = "desk") -> dict[str, str]:
    return {"Authorization": f"Bearer {live.tokens[key]}"}


def connect(live: Live) -> socket.socket:
    host, _, port = live.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def read_status(connection: socket.socket) -> int:
    text = b""
    while b"\r\n" not in text:
        piece = connection.recv(4_096)
        if not piece:
            return 0
        text += piece
    return int(text.split(b" ", 2)[1])


def test_an_order_over_a_socket(live: Live) -> None:
    with httpx.Client(base_url=live.url, headers=headers(live)) as client:
        placed = client.post("/v1/orders", json=GOOD | {"response_type": "full", "wait_ms": 5_000})
    assert placed.status_code == 201
    assert placed.json()["status"] == "filled"


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "chunked"])
def test_a_hundred_megabytes_are_cut_early(live: Live, *, is_declared: bool) -> None:
    """The server answers 413 and hangs up long before the body is through."""
    n_bytes, sent_bytes = 104_857_600, 0
    length = f"Content-Length: {n_bytes}" if is_declared else "Transfer-Encoding: chunked"
    head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.tokens['desk']}\r\n"
    head += f"Content-Type: application/json\r\n{length}\r\n\r\n"
    piece = b"x" * 65_536
    framed = piece if is_declared else b"%x\r\n%b\r\n" % (len(piece), piece)
    with connect(live) as connection:
        connection.sendall(head.encode())
        try:
            while sent_bytes < n_bytes:
                connection.sendall(framed)
                sent_bytes += len(piece)
        except OSError:
            pass
        with contextlib.suppress(OSError):
            assert read_status(connection) in (413, 0)
    assert sent_bytes < n_bytes / 4
    with httpx.Client(base_url=live.url) as client:
        assert client.get("/livez").status_code == 200


def test_the_413_is_read_by_a_client_that_stops(live: Live) -> None:
    with connect(live) as connection:
        head = f"POST /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.tokens['desk']}\r\n"
        connection.sendall((head + "Content-Type: application/json\r\nContent-Length: 104857600\r\n\r\n").encode())
        assert read_status(connection) == 413


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00\x01\x02\x03\r\n\r\n",
        b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%ff%fe%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/orders?%ff=%00&&&;;= HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_raw_nonsense_is_4xx_or_a_closed_door(live: Live, raw: bytes) -> None:
    with connect(live) as connection:
        connection.sendall(raw)
        assert read_status(connection) in {0, *range(400, 500)}


def test_a_client_that_leaves_in_the_middle_harms_nobody(live: Live) -> None:
    for _ in range(20):
        with connect(live) as connection:
            head = f"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.tokens['desk']}\r\n"
            connection.sendall((head + "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{").encode())
    with httpx.Client(base_url=live.url) as client:
        assert client.get("/livez").status_code == 200


def test_the_stream_has_the_pages_events(live: Live) -> None:
    with httpx.Client(base_url=live.url, headers=headers(live)) as client:
        client.post("/v1/orders", json=GOOD | {"response_type": "result", "wait_ms": 5_000})
        page = client.get("/v1/events", params={"limit": 1_000}).json()
        events, seqs = [], []
        with client.stream(
            "GET", "/v1/events", headers={"Accept": "text/event-stream", "Last-Event-ID": "3"}
        ) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            assert stream.headers["bestex-mode"] == "paper"
            for line in stream.iter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    seqs.append(int(value))
                elif name == "data":
                    events.append(json.loads(value))
                if len(events) == page["last_seq"] - 3:
                    break
    assert events == page["data"][3:]
    assert seqs == [event["seq"] for event in events]


def run_schemathesis(live: Live, folder: Path, *options: str) -> None:
    with httpx.Client(base_url=live.url, headers=headers(live)) as client:
        order_id = client.post("/v1/orders", json=GOOD).json()["order_id"]
    config = folder / "schemathesis.toml"
    config.write_text(
        f'[parameters]\n"path.order_id" = "{order_id}"\n"path.symbol" = "BTC-USDT"\n"path.venue" = "ven_a"\n'
    )
    began_s = time.monotonic()
    done = subprocess.run(
        [
            SCHEMATHESIS,
            "--config-file",
            config,
            "run",
            f"{live.url}/openapi.json",
            "-H",
            f"Authorization: Bearer {live.tokens['all']}",
            "--checks",
            CHECKS,
            "--no-color",
            "--seed",
            "1",
            "--generation-database",
            "none",
            *options,
        ],
        cwd=folder,
        env=os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "hypothesis")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    print(f"{time.monotonic() - began_s:.1f} s")


def test_generated_requests_find_no_5xx(live: Live, tmp_path: Path) -> None:
    run_schemathesis(live, tmp_path, "--phases", "examples,fuzzing", "--max-examples", "8")


@pytest.mark.soak
def test_every_corner_of_the_document_finds_no_5xx(live: Live, tmp_path: Path) -> None:
    run_schemathesis(live, tmp_path, "--phases", "examples,coverage,fuzzing", "--max-examples", "100")
