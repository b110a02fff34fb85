"""A stand-in for the service: says what a test tells it, remembers what it was asked. Real HTTP on a real socket."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.service_home import service_home


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Teller:
    """`answers` maps (method, path without query) to (status, body); a missing one is a 404 problem."""

    url: str = ""
    answers: dict[tuple[str, str], tuple[int, Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def says(self, method: str, path: str, body: Any, status: int = 200) -> None:
        self.answers[method, path] = (status, body)


@pytest.fixture
def service():
    teller = Teller()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            body = json.loads(raw) if raw else None
            teller.asked.append(Asked(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            missing = (404, {"code": "not_found", "detail": "no such thing", "outcome": "none"})
            status, answer = teller.answers.get((self.command, self.path.split("?")[0]), missing)
            if status == 0:  # hang up without an answer
                self.close_connection = True
                return
            if callable(answer):
                answer = answer(self.path)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    teller.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield teller
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def home():
    """A home for a real service."""
    with service_home() as folder:
        yield folder


@pytest.fixture
def bestex(service, tmp_path):
    """Runs a command of one module against the stand-in: bestex(module, *arguments) -> result."""

    def run(module, *arguments: str):
        where = ["--url", service.url, "--key", "k", "--home", str(tmp_path)]
        return CliRunner().invoke(module.app, [*arguments, *where])

    return run
