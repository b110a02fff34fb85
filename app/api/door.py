"""One door for every route: proves who asks, parses once, calls one function, writes one answer.

FastAPI draws the OpenAPI document from the same declaration, but its dependency machinery does not run: an endpoint
takes `call`, its path parameters as text, and at most one `query` and one `body` model, all checked here.
Laws: a route without a declared scope cannot be built (`None` means public). Nothing but a problem leaves on a no.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi import Security
from fastapi.routing import APIRoute, APIRouter
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

from app import observe
from app.api import auth
from app.api.decode import ClientGone, decode_object, read_body
from app.api.errors import KINDS, PROBLEM_MEDIA_TYPE, Problem, internal_error, problem_of
from app.api.schemas.base import Body
from app.api.validate import validate, validate_query
from app.domain.enums import Mode, Scope
from app.domain.errors import BestexError
from app.domain.ids import prefixed_ulid
from app.domain.quick import quick_init
from app.services.accounts import Principal

if TYPE_CHECKING:
    from app.services.container import Services

_BEARER: Final = HTTPBearer(scheme_name="ApiKey", description="`bx_<prefix>_<secret>`", auto_error=False)
# What any route may answer, by what it takes.
_ALWAYS: Final = ("internal_error", "unavailable", "invalid_request")
_WITH_KEY: Final = ("unauthenticated", "not_authorised")
_WITH_BODY: Final = ("malformed_json", "body_timeout", "body_too_large", "unsupported_media_type")
_SAFETY_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class Call(Request):
    """A request with what the door has proven: the services, and the principal (routes with a scope only)."""

    _services: Services | None = None
    _principal: Principal | None = None
    _request_id: str | None = None

    @property
    def services(self) -> Services:
        if self._services is None:
            # By its key: asked for an attribute, a State looks in two wrong places first.
            self._services = self.scope["app"].state["services"]
        return self._services

    @property
    def principal(self) -> Principal:
        assert self._principal is not None
        return self._principal

    @property
    def mode(self) -> Mode:
        return self._principal.mode if self._principal is not None else self.services.engine.mode

    @property
    def request_id(self) -> str:
        """Made when somebody needs it: for problems and log lines."""
        if self._request_id is None:
            now_ns = self.services.engine.now_ns()
            self._request_id = prefixed_ulid("req", now_ns, id(self), perf_counter(), self.scope.get("client"))
        return self._request_id


@quick_init
@dataclass(frozen=True, slots=True)
class Reply:
    """An answer other than a plain 200. `is_durable`: everything it shows is on disk already, nobody need wait."""

    payload: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    is_durable: bool = False


Endpoint = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Spec:
    """One route. `scope` None is public; `problems` are codes beyond those that every such route may answer."""

    method: str
    path: str
    endpoint: Endpoint
    scope: Scope | None
    answer: Any
    tag: str
    status: int = 200
    statuses: Mapping[int, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    in_schema: bool = True
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    other_media: tuple[str, ...] = ()  # media types that a query may ask for instead
    # Looks at the bytes of a body first: its answer is the endpoint's, None leaves the body to the model.
    plainly: Callable[[Call, bytes], Awaitable[Reply | None]] | None = None

    @property
    def operation_id(self) -> str:
        return getattr(self.endpoint, "__name__", "route")


class _NoQuery(Body):
    """A route without query parameters."""


class Door(APIRoute):
    """The route of one Spec."""

    spec: Spec
    _query: type[BaseModel] | None
    _body: type[BaseModel] | None

    async def serve(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answers one request; nothing escapes but a broken connection."""
        began = perf_counter()
        call = Call(scope, receive, send)
        try:
            response = await self._answer(call)
        except BestexError as error:
            response = self._refuse(call, problem_of(error), error)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - a process rim: the client hears a problem, the log hears it all
            observe.request_failed(self.spec.path, call.request_id, error)
            response = self._refuse(call, internal_error(), None)
        observe.request_answered(self.spec.path, response.status_code, perf_counter() - began)
        await response(scope, receive, send)

    async def _answer(self, call: Call) -> Response:
        spec, scope, query = self.spec, call.scope, None
        headers = scope["headers"]
        if spec.scope is not None:
            call._principal = auth.authenticate(headers, call.services.accounts)
            auth.require(call._principal, spec.scope)
        if self._query is not None or (spec.scope is not None and scope["query_string"]):
            query = validate_query(self._query or _NoQuery, call.query_params.multi_items())
        result = body = None
        if self._body is not None:
            body = await read_body(headers, call.receive)
            if spec.plainly is not None:
                result = await spec.plainly(call, body)
        if result is None:
            result = await self._ask(call, query, body)
        if isinstance(result, Response):
            result.headers.setdefault("Bestex-Mode", call.mode.value)
            return result
        is_reply = isinstance(result, Reply)
        response = self._written(call, result if is_reply else Reply(result, spec.status))
        if spec.scope is not None and not (is_reply and result.is_durable):
            # Encoded at once, sent when everything that it shows is durable.
            await call.services.engine.durable()
        return response

    async def _ask(self, call: Call, query: BaseModel | None, body: bytes | None) -> Any:
        """What the endpoint says to the checked request."""
        arguments: dict[str, Any] = dict(call.path_params)
        if self._query is not None:
            arguments["query"] = query
        if self._body is not None and body is not None:
            arguments["body"] = validate(self._body, decode_object(body))
        return await self.spec.endpoint(call, **arguments)

    def _written(self, call: Call, reply: Reply) -> Response:
        payload = reply.payload
        body = payload if isinstance(payload, bytes) else orjson.dumps(payload)
        return answer(body, reply.status, self.spec.media_type, call.mode, reply.headers)

    def _refuse(self, call: Call, problem: Problem, error: BestexError | None) -> Response:
        code = problem.kind.code
        observe.request_refused(self.spec.path, code, problem.status, call.request_id)
        if code == "unauthenticated":
            observe.key_refused(call.request_id)
        elif (
            self._body is not None
            and problem.status in (400, 413, 415, 422)
            and "refusal_id" not in (problem.extra or {})
        ):
            observe.body_malformed(self.spec.path, code, call.request_id)
        return problem_response(call, problem)


def answer(body: bytes, status: int, media_type: str, mode: Mode, headers: Mapping[str, str] | None = None) -> Response:
    """A response with the headers that every answer has."""
    raw = [(b"content-length", b"%d" % len(body)), *_head(media_type, mode)]
    if headers:
        for name, value in headers.items():
            raw.append((name.lower().encode(), value.encode("latin-1", "replace")))
    return _Written(body, status, media_type, raw)


@cache
def _head(media_type: str, mode: Mode) -> tuple[tuple[bytes, bytes], ...]:
    """What all answers of a media type and mode begin with, after their length."""
    return (
        (b"content-type", _content_type(media_type)),
        (b"bestex-mode", mode.value.encode()),
        *_SAFETY_HEADERS,
    )


def _content_type(media_type: str) -> bytes:
    has_charset = not media_type.startswith("text/") or "charset=" in media_type
    return media_type.encode("latin-1") + (b"" if has_charset else b"; charset=utf-8")


class _Written(Response):
    """A response whose headers are ready: what the base class would work out for each answer is known here."""

    def __init__(self, body: bytes, status: int, media_type: str, raw_headers: list[tuple[bytes, bytes]]) -> None:
        self.body = body
        self.status_code = status
        self.media_type = media_type
        self.background = None
        self.raw_headers = raw_headers

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Sends it over HTTP, which is all that a door speaks, with nothing to follow it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body})


def problem_response(call: Call, problem: Problem) -> Response:
    """The problem as an answer to this request."""
    instance = call.scope["path"][:200].encode("utf-8", "replace").decode()
    headers = {"X-Request-Id": call.request_id, **(problem.headers or {})}
    body = problem.body(instance, call.request_id)
    return answer(body, problem.status, PROBLEM_MEDIA_TYPE, call.mode, headers)


def build(router: APIRouter, spec: Spec) -> Door:
    """Adds the route of `spec`; raises TypeError for an endpoint that does not keep the convention."""
    parameters = inspect.signature(spec.endpoint, eval_str=True).parameters
    names = list(parameters)
    extra = set(names[1:]) - {"query", "body"} - {p.partition(":")[0] for p in _path_names(spec.path)}
    if names[:1] != ["call"] or extra:
        raise TypeError(f"{spec.operation_id}: expected call, path parameters, query, body; got {names}")
    router.add_api_route(
        spec.path,
        spec.endpoint,
        methods=[spec.method],
        response_model=None,
        response_class=JSONResponse if spec.media_type == "application/json" else PlainTextResponse,
        status_code=spec.status,
        operation_id=spec.operation_id,
        tags=[spec.tag],
        dependencies=[Security(_BEARER, scopes=[spec.scope.value])] if spec.scope is not None else None,
        responses=_responses(spec, has_body="body" in parameters),
        include_in_schema=spec.in_schema,
        route_class_override=Door,
    )
    door = router.routes[-1]
    assert isinstance(door, Door)
    door.spec = spec
    door._query = _model(parameters.get("query"))
    door._body = _model(parameters.get("body"))
    door.app = door.serve
    return door


def _path_names(path: str) -> list[str]:
    return [part[1:-1] for part in path.replace("/", " ").split() if part.startswith("{")]


def _model(parameter: inspect.Parameter | None) -> type[BaseModel] | None:
    if parameter is None:
        return None
    annotation = getattr(parameter.annotation, "__origin__", parameter.annotation)
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        raise TypeError(f"{parameter.name} must be a model, not {annotation!r}")
    return annotation


def _responses(spec: Spec, *, has_body: bool) -> dict[int | str, dict[str, Any]]:
    """Every status that the route may answer, with its shape."""
    codes = [*_ALWAYS, *spec.problems]
    codes += _WITH_KEY if spec.scope is not None else ()
    codes += _WITH_BODY if has_body else ()
    by_status: dict[int, list[str]] = {}
    for code in codes:
        names = by_status.setdefault(KINDS[code].status, [])
        if code not in names:
            names.append(code)
    mode = {"Bestex-Mode": {"description": "paper or live", "schema": {"type": "string", "enum": ["paper", "live"]}}}
    headers = mode | {name: {"description": text, "schema": {"type": "string"}} for name, text in spec.headers.items()}
    responses: dict[int | str, dict[str, Any]] = {}
    for status, description in ({spec.status: "Done."} | dict(spec.statuses)).items():
        responses[status] = {"description": description, "headers": headers}
        if spec.answer is not None:
            responses[status]["model"] = spec.answer
        if spec.other_media:
            binary = {"schema": {"type": "string", "format": "binary"}}
            responses[status]["content"] = dict.fromkeys(spec.other_media, binary)
    for status, names in sorted(by_status.items()):
        if status in responses:
            continue
        responses[status] = {
            "description": ", ".join(names),
            "headers": mode,
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return responses
