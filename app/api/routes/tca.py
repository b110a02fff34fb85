"""What orders cost, how the market moved after them, what venues were like, and what estimates are worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Query
from starlette.responses import Response

from app.api import auth
from app.api.door import Call, Spec, answer
from app.api.schemas.calibration import CalibrationInfo
from app.api.schemas.order import AccountQuery
from app.api.schemas.tca import (
    PeriodQuery,
    ReportQuery,
    TableFormat,
    TableQuery,
    Tca,
    TcaMarkouts,
    TcaSummary,
    TcaVenues,
)
from app.api.wire.calibration import calibration_json
from app.api.wire.pretrade import pretrade_json
from app.api.wire.tca import markouts_json, order_tca_json, summary_json, venues_json
from app.domain.enums import Scope
from app.domain.errors import BadRequest
from app.services.pretrade import cost_record
from app.services.tca import Dossier, Row, Wanted, as_csv, as_parquet, fill_rows, order_rows, venue_rows

Json = dict[str, Any]
CSV: Final = "text/csv"
PARQUET: Final = "application/vnd.apache.parquet"
DAY_NS: Final = 86_400 * 10**9


async def get_calibration(call: Call) -> Json:
    """Impact and slippage per symbol: parameters, coverage and skill out of sample, and how many days stand behind it.

    Below 20 UTC days every symbol says `not evidence`. `pretrade`: what was said of whole orders before they were taken
    beside what they cost, misses first.
    """
    record = await cost_record(call.services.engine)
    told = pretrade_json(record) if record is not None else None
    return calibration_json(call.services.calibration) | {"pretrade": told}


async def get_order_tca(call: Call, order_id: str, query: Annotated[AccountQuery, Query()]) -> Json:
    """What a finished order cost: waterfall (parts sum to the total exactly), benchmarks, counterfactual arms."""
    costs = await call.services.tca.order(auth.account_of(call.principal, query.account), order_id)
    report = costs.record.tca
    if report is None:
        raise BadRequest("not_found", "The order is not done yet.", hint="Its cost is known when it is.")
    return order_tca_json(costs, report)


async def get_tca_summary(call: Call, query: Annotated[TableQuery, Query()]) -> Json | Response:
    """Finished orders of a period: waterfalls per currency with intervals, and one row per order, oldest first."""
    dossier = await _dossier(call, query)
    if query.format is TableFormat.JSON:
        return summary_json(dossier)
    return await _file(call, query, order_rows(dossier), "orders")


async def get_tca_venues(call: Call, query: Annotated[TableQuery, Query()]) -> Json | Response:
    """Scorecards of the venues that orders of a period went to, with intervals and sample sizes."""
    dossier = await _dossier(call, query)
    if query.format is TableFormat.JSON:
        return venues_json(dossier)
    return await _file(call, query, venue_rows(dossier), "venues")


async def get_tca_markouts(call: Call, query: Annotated[TableQuery, Query()]) -> Json | Response:
    """Markouts at 0.1, 1, 10 and 60 s by venue, side and size, less matched instants without our trades.

    Files hold one row per measured fill or child and horizon: what the groups are made of.
    """
    dossier = await _dossier(call, query)
    if query.format is TableFormat.JSON:
        return markouts_json(dossier)
    return await _file(call, query, fill_rows(dossier), "markouts")


async def get_tca_report(call: Call, query: Annotated[ReportQuery, Query()]) -> Response:
    """The report of a period or of one order: a self-contained HTML page that asks nothing of anybody."""
    tca = call.services.tca
    if query.order is not None:
        dossier = await tca.order_dossier(auth.account_of(call.principal, query.account), query.order)
    else:
        dossier = await _dossier(call, query)
    page = await tca.report(dossier)
    await call.services.engine.durable()
    policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return answer(page, 200, "text/html", call.mode, policy)


async def _dossier(call: Call, query: PeriodQuery) -> Dossier:
    services = call.services
    account = auth.account_of(call.principal, query.account)
    end_ts_ns = query.end if query.end is not None else services.engine.now_ns() + 1
    start_ts_ns = query.start if query.start is not None else max(0, end_ts_ns - DAY_NS)
    if start_ts_ns >= end_ts_ns:
        raise BadRequest("invalid_request", "`from` is not before `to`.", pointer="/query/from", hint="Swap them.")
    symbol = services.reads.known_symbol(query.symbol, "/query/symbol").name if query.symbol else ""
    return await services.tca.dossier(account, Wanted(start_ts_ns, end_ts_ns, symbol, query.side, query.venue or ""))


async def _file(call: Call, query: TableQuery, rows: Sequence[Row], name: str) -> Response:
    is_csv = query.format is TableFormat.CSV
    body = as_csv(rows) if is_csv else as_parquet(rows)
    await call.services.engine.durable()
    disposition = {"Content-Disposition": f'attachment; filename="tca-{name}.{query.format.value}"'}
    return answer(body, 200, CSV if is_csv else PARQUET, call.mode, disposition)


_NAMED: Final = ("account_required", "history_unavailable")
_TABLE: Final = (*_NAMED, "unknown_symbol", "not_installed")
SPECS: Final = (
    Spec("GET", "/v1/tca/calibration", get_calibration, Scope.READ, CalibrationInfo, "tca"),
    Spec("GET", "/v1/tca/orders/{order_id}", get_order_tca, Scope.READ, Tca, "tca", problems=(*_NAMED, "not_found")),
    Spec(
        "GET",
        "/v1/tca/summary",
        get_tca_summary,
        Scope.READ,
        TcaSummary,
        "tca",
        problems=_TABLE,
        other_media=(CSV, PARQUET),
    ),
    Spec(
        "GET",
        "/v1/tca/venues",
        get_tca_venues,
        Scope.READ,
        TcaVenues,
        "tca",
        problems=_TABLE,
        other_media=(CSV, PARQUET),
    ),
    Spec(
        "GET",
        "/v1/tca/markouts",
        get_tca_markouts,
        Scope.READ,
        TcaMarkouts,
        "tca",
        problems=_TABLE,
        other_media=(CSV, PARQUET),
    ),
    Spec(
        "GET",
        "/v1/tca/report",
        get_tca_report,
        Scope.READ,
        None,
        "tca",
        problems=(*_NAMED, "unknown_symbol", "not_found"),
        media_type="text/html",
        other_media=("text/html",),
    ),
)
