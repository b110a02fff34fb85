"""The service as a command sees it: one request at a time, answers as plain values, problems as exit codes.

Standard library only: a command that asks one question should not import a web stack for it. Every request has a
timeout and nothing is ever sent twice: whoever times out after sending an order is told that its outcome is unknown.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from app.cli.exits import CommandError, Exit, exit_for_problem
from app.cli.session import Role, recall


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer. `body` is the decoded JSON (text where it is none), None where there was none."""

    status: int
    headers: Mapping[str, str]
    body: Any
    raw: bytes = b""


class Client:
    """Asks the service at `url`, a connection a question. Raises CommandError for everything that is not a 2xx."""

    def __init__(self, url: str, key: str, timeout_s: float = 15.0) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandError(Exit.USAGE, f"not an address of the service: {url!r} (expected http://host:port)")
        self._kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._host, self._port, self._timeout_s = parts.hostname, parts.port, timeout_s
        self._url, self._base = url, parts.path.rstrip("/")
        self._headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def get(self, path: str, **query: object) -> Answer:
        return self.call("GET", path, query=query)

    def fetch(self, path: str, **query: object) -> bytes:
        """A file as it came."""
        return self.call("GET", path, query=query).raw

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return self.call("POST", path, body=body)

    def delete(self, path: str, **query: object) -> Answer:
        return self.call("DELETE", path, query=query)

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, object] | None = None,
    ) -> Answer:
        """One request, sent once. `query` members that are None are left out."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = f"{self._base}{path}" + (f"?{urlencode(given)}" if given else "")
        payload = None if body is None else json.dumps(body).encode()
        headers = self._headers | ({} if payload is None else {"Content-Type": "application/json"})
        connection = self._kind(self._host, self._port, timeout=self._timeout_s)
        with closing(connection):
            try:
                connection.connect()
            except OSError as error:
                raise CommandError(Exit.UNREACHABLE, f"{self._url} does not answer: {error}") from error
            try:
                connection.request(method, target, payload, headers)
                response = connection.getresponse()
                raw = response.read()
            except (OSError, http.client.HTTPException) as error:
                raise self._lost(method, path, error) from error
        return self._answer(response, raw)

    def _lost(self, method: str, path: str, error: Exception) -> CommandError:
        if method == "GET":
            return CommandError(Exit.UNREACHABLE, f"{self._url} stopped answering: {error!r}")
        detail = f"no answer to {method} {path} ({error!r}): it may or may not have happened; look before repeating it"
        return CommandError(Exit.UNKNOWN, detail, {"code": "no_answer", "outcome": "unknown", "detail": detail})

    def _answer(self, response: http.client.HTTPResponse, raw: bytes) -> Answer:
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = raw.decode(errors="replace")
        headers = {name.lower(): value for name, value in response.getheaders()}
        if 200 <= response.status < 300:
            return Answer(response.status, headers, body, raw)
        problem = body if isinstance(body, dict) else {"code": "http_error", "status": response.status, "detail": body}
        raise CommandError(exit_for_problem(response.status, problem), problem_text(response.status, problem), problem)

    def pages(self, path: str, limit: int, **query: object) -> Iterator[dict[str, Any]]:
        """Items of a list, following its cursor until `limit` of them have come."""
        cursor: str | None = None
        left = limit
        while left > 0:
            page = self.get(path, **query, limit=min(left, 200), cursor=cursor).body
            yield from page["data"][:left]
            left -= len(page["data"])
            cursor = page.get("next_cursor")
            if not cursor or not page["data"]:
                return


def connect(url: str, key: str, home: Path, role: Role = Role.TRADER) -> Client:
    """A client of the service that is meant: what was given, else what is remembered under `home`."""
    session = recall(home)
    return Client(url or session.url, key or session.key(role))


def problem_text(status: int, problem: Mapping[str, Any]) -> str:
    """A problem as people read it: what, then each error's numbers and the way out."""
    lines = [f"{problem.get('code', status)}: {problem.get('detail') or problem.get('title') or f'HTTP {status}'}"]
    for error in problem.get("errors") or ():
        numbers = [f"{name} {error[name]}" for name in ("limit", "actual", "unit") if error.get(name)]
        where = error.get("pointer") or ""
        lines.append(f"  {where} {error.get('code', '')} {', '.join(numbers)}".rstrip())
        if error.get("hint"):
            lines.append(f"    {error['hint']}")
    if problem.get("outcome") == "unknown":
        lines.append("  outcome unknown: look at the order before sending anything again")
    return "\n".join(lines)


def segment(text: str) -> str:
    """`text` as one path segment; a symbol's slash stays a slash, as the service's routes expect."""
    return quote(text, safe="/:")
