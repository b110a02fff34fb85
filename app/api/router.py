"""Puts the API together: routes from their declarations, pages offline, a problem for what matches none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Lifespan, Receive, Scope, Send

from app import observe
from app.api.door import Call, Door, Spec, build, problem_response
from app.api.errors import KINDS, Problem, internal_error
from app.api.routes import account, admin, amend, conditional, hidden, loop, market, orders, shadow, system, tca, volume
from app.api.ws.hub import mount_streams

DESCRIPTION: Final = """
A smart order router: one parent order in, the least all-in cost out, every cost explained.

* **Decimals are strings**: `"0.1"`, never `0.1`; at most 20.18 digits, no sign, no exponent.
* **Times** are RFC 3339 in UTC with microseconds.
* **`client_order_id`** is unique per account for ever. The same id with the same body answers the same bytes with 200
  and `Idempotency-Replayed: true`; with another body it is a 409.
* **An acknowledged order is on disk** (`durability: local`) before you hear of it.
* **Every no** is `application/problem+json` with `code`, `errors[].hint` and `outcome`: `none`, `placed` or `unknown`.
* **Keys** carry one account and scopes. What belongs to another account is not found. The operator's key names an
  account with `?account=`.
* **Streams**: `/v1/ws` (see `/asyncapi.json`), and `/v1/events` with `Accept: text/event-stream`.
"""
TAGS: Final = (
    ("orders", "Place, preview, look at, cancel."),
    ("executions", "Fills."),
    ("account", "Balances, positions and the account's journal."),
    ("risk", "Limits, what is used of them, refusals, kill switches."),
    ("tca", "What orders cost."),
    ("market", "Symbols, books, venues, fees."),
    ("keys", "API keys (operator)."),
    ("system", "Health, metrics, version, time."),
)
STATIC_URL: Final = "/docs-assets"
SPECS: Final[tuple[Spec, ...]] = (
    *orders.SPECS,
    *amend.SPECS,
    *conditional.SPECS,
    *account.SPECS,
    *tca.SPECS,
    *shadow.SPECS,
    *market.SPECS,
    *volume.SPECS,
    *loop.SPECS,
    *hidden.SPECS,
    *admin.SPECS,
    *system.SPECS,
)


class Api(FastAPI):
    """FastAPI, with a direct way to doors of a fixed path: they answer every error themselves, nothing is between."""

    direct: dict[tuple[str, str], Door]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope.get("root_path"):
            door = self.direct.get((scope["method"], scope["path"]))
            if door is not None:
                scope["app"] = self
                scope["path_params"] = {}
                await door.serve(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


def build_api(*, lifespan: Lifespan[FastAPI] | None = None, title: str = "Bestex", release: str = "0.1.0") -> FastAPI:
    """The ASGI application; it reads `app.state.services`, which the lifespan puts there."""
    app = Api(
        title=title,
        version=release,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        separate_input_output_schemas=False,
        openapi_tags=[{"name": name, "description": text} for name, text in TAGS],
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    doors = [build(app.router, spec) for spec in (*SPECS, *_DOCS)]
    app.direct = {(door.spec.method, door.path): door for door in doors if "{" not in door.path}
    mount_streams(app)
    assets = Path(fastapi_offline.__file__).parent / "static"
    app.router.routes.append(Mount(STATIC_URL, StaticFiles(directory=assets), name="docs-assets"))
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_exception)
    return app


async def docs_page(call: Call) -> Response:
    """The API by Swagger UI; its assets come from this process."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Bestex API",
        swagger_js_url=f"{STATIC_URL}/swagger-ui-bundle.js",
        swagger_css_url=f"{STATIC_URL}/swagger-ui.css",
        swagger_favicon_url=f"{STATIC_URL}/favicon.png",
        swagger_ui_parameters={"persistAuthorization": True, "displayRequestDuration": True},
    )


async def redoc_page(call: Call) -> Response:
    """The API by Redoc; its assets come from this process."""
    return get_redoc_html(
        openapi_url="/openapi.json",
        title="Bestex API",
        redoc_js_url=f"{STATIC_URL}/redoc.standalone.js",
        redoc_favicon_url=f"{STATIC_URL}/favicon.png",
        with_google_fonts=False,
    )


_DOCS: Final = (
    Spec("GET", "/docs", docs_page, None, None, "docs", in_schema=False),
    Spec("GET", "/redoc", redoc_page, None, None, "docs", in_schema=False),
)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    """What no route answers: 404, or 405 with every method that the path has."""
    assert isinstance(error, HTTPException)
    call = Call(request.scope, request.receive)
    if error.status_code == 405:
        methods = _methods(request)
        problem = Problem(
            KINDS["method_not_allowed"],
            f"{request.method[:16]} is not one of {', '.join(methods)}.",
            headers={"Allow": ", ".join(methods)},
        )
    else:
        problem = Problem(KINDS["not_found"], "No such path; see /docs.")
    observe.request_refused("", problem.kind.code, problem.status, call.request_id)
    return problem_response(call, problem)


async def _on_exception(request: Request, error: Exception) -> Response:
    call = Call(request.scope, request.receive)
    observe.request_failed(request.url.path, call.request_id, error)
    return problem_response(call, internal_error())


def _methods(request: Request) -> list[str]:
    """Every method of the resource that the path names; a fixed path is not one of a pattern that fits it too."""
    routes: list[Any] = request.app.router.routes
    doors = [r for r in routes if isinstance(r, Door) and r.matches(request.scope)[0] is not Match.NONE]
    fixed = [door for door in doors if "{" not in door.path]
    return sorted({method for door in fixed or doors for method in door.methods or ()})
