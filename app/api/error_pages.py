"""The pages that problem `type`s lead to, and docs/errors.md: one catalogue, told twice."""

from __future__ import annotations

from html import escape
from itertools import groupby
from typing import Final

from app.api.errors import KINDS, Kind

_STYLE: Final = (
    "body{font:16px/1.5 system-ui;max-width:46rem;margin:3rem auto;padding:0 1rem}"
    "td,th{text-align:left;padding:.2rem 1rem .2rem 0}"
)
_HEAD: Final = """# Problems

Every no is `application/problem+json` (RFC 9457). `type` is relative to the host that answered, such as
`/errors/min-notional`, and leads to the section below, served by the gateway itself. Members beyond the RFC's:

- `code`: what went wrong, in snake case; the last part of `type` is its kebab form.
- `outcome`: `none` (nothing was placed), `placed`, or `unknown` (look before sending anything again).
- `retryable`: the same request may succeed later; wait as long as `Retry-After` says.
- `errors[]`: each culprit with `pointer` (a JSON pointer into the body, or `/query/name`), its own `code`, `limit`,
  `actual`, `unit` and `hint`, the way out.
- `request_id`: quote it when you report a problem; the log has it.
- Refused orders also carry `check` (the number of the pre-trade check), `fix_103` (FIX tag 103) and `refusal_id`, their
  place in `GET /v1/refusals`. A refusal is not an order: its `client_order_id` may be used again.
"""


def markdown() -> str:
    """docs/errors.md."""
    parts = [_HEAD]
    for status, kinds in groupby(_ordered(), key=lambda kind: kind.status):
        parts.append(f"\n## {status}\n")
        parts += [_section(kind) for kind in kinds]
    return "".join(parts)


def index_html() -> str:
    """Every code with its page."""
    rows = "".join(
        f'<tr><td><a href="/errors/{kind.slug}">{kind.code}</a></td>'
        f"<td>{kind.status}</td><td>{escape(kind.title)}</td></tr>"
        for kind in _ordered()
    )
    return _page("Problems", f"<table><tr><th>code</th><th>status</th><th>title</th></tr>{rows}</table>")


def page_html(kind: Kind) -> str:
    """One code: what it means and what to do."""
    body = (
        f"<p>{escape(kind.advice)}</p><dl><dt>status</dt><dd>{kind.status}</dd><dt>code</dt><dd>{kind.code}</dd>"
        f"<dt>retryable</dt><dd>{_yes(kind)}</dd><dt>outcome</dt><dd>{kind.outcome}</dd></dl>"
        '<p><a href="/errors">All problems</a> · <a href="/docs">API</a></p>'
    )
    return _page(kind.title, body)


def _ordered() -> list[Kind]:
    return sorted(KINDS.values(), key=lambda kind: (kind.status, kind.code))


def _section(kind: Kind) -> str:
    return (
        f"\n### {kind.slug}\n\n{kind.title}. {kind.advice}\n\n"
        f"`{kind.code}` · outcome `{kind.outcome}` · retryable {_yes(kind)}\n"
    )


def _yes(kind: Kind) -> str:
    return "yes" if kind.is_retryable else "no"


def _page(title: str, body: str) -> str:
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{escape(title)}</h1>{body}</html>"
    )
