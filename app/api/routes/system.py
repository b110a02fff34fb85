"""Is it up, can it price, what is it, what time has it; and the pages that explain everything, served offline."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import HTMLResponse, Response

from app import observe
from app.api.door import Call, Reply, Spec
from app.api.error_pages import index_html, page_html
from app.api.errors import KINDS
from app.api.schemas.system import Clock, Liveness, Readiness, Version
from app.api.wire.text import ms_text, time_text
from app.domain.errors import BadRequest

Json = dict[str, Any]


async def live(call: Call) -> Json:
    """The process answers. It says nothing about trading."""
    return {"status": "up"}


async def ready(call: Call) -> Reply:
    """Whether orders can be taken and priced now: journal writable, books fresh. The database may be away."""
    services = call.services
    readiness = services.reads.readiness()
    symbols = {
        name: {
            "can_price": pricing.n_fresh > 0,
            "n_fresh_books": pricing.n_fresh,
            "oldest_age_ms": ms_text(pricing.oldest_age_ns) if pricing.oldest_age_ns >= 0 else None,
        }
        for name, pricing in readiness.symbols.items()
    }
    can_price = any(symbol["can_price"] for symbol in symbols.values())
    is_ready = readiness.is_journal_writable and can_price and not readiness.is_draining
    degraded = list(readiness.degraded)
    database = services.database
    if database.error:
        degraded.append(f"database: {database.error}; orders flow, older history cannot be read")
    status = "not_ready" if not is_ready else "degraded" if degraded else "ready"
    payload = {
        "status": status,
        "is_journal_writable": readiness.is_journal_writable,
        "database": "up" if database.is_connected else "down" if database.error else "none",
        "database_lag_facts": database.lag_facts,
        "is_draining": readiness.is_draining,
        "seq": readiness.seq,
        "durable_seq": readiness.durable_seq,
        "verified_seq": services.log.verified_seq if services.log is not None else readiness.durable_seq,
        "n_open_orders": readiness.n_open_orders,
        "n_live_children": readiness.n_live_children,
        "symbols": symbols,
        "degraded": degraded,
    }
    return Reply(payload, 200 if is_ready else 503)


async def metrics(call: Call) -> Response:
    """Everything that is counted, for Prometheus."""
    call.services.reads.measure()
    return Response(observe.metrics(), media_type=observe.METRICS_MEDIA_TYPE)


async def version(call: Call) -> Json:
    """Which release runs, and with which money."""
    services = call.services
    return {"name": "bestex", "release": services.release, "api": "v1", "mode": services.engine.mode.value}


async def time(call: Call) -> Json:
    """Our clock, to set yours by."""
    now_ns = call.services.engine.now_ns()
    return {"time": time_text(now_ns), "time_ns": now_ns}


async def error_index(call: Call) -> Response:
    """Every problem code."""
    return HTMLResponse(index_html())


async def error_page(call: Call, code: str) -> Response:
    """One problem code: what it means and what to do."""
    kind = KINDS.get(code.replace("-", "_"))
    if kind is None:
        raise BadRequest("not_found", "No such problem code.", hint="See GET /errors.")
    return HTMLResponse(page_html(kind))


SPECS: Final = (
    Spec("GET", "/livez", live, None, Liveness, "system"),
    Spec("GET", "/readyz", ready, None, Readiness, "system", statuses={503: "Not ready."}),
    Spec("GET", "/metrics", metrics, None, None, "system", media_type=observe.METRICS_MEDIA_TYPE),
    Spec("GET", "/version", version, None, Version, "system"),
    Spec("GET", "/v1/time", time, None, Clock, "system"),
    Spec("GET", "/errors", error_index, None, None, "docs", in_schema=False),
    Spec("GET", "/errors/{code}", error_page, None, None, "docs", in_schema=False),
)
