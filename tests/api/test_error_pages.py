"""Every type leads to a page and to a section, from the one catalogue."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from app.api.error_pages import index_html, markdown, page_html
from app.api.errors import KINDS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "errors.md"


def test_the_document_is_the_catalogue():
    remedy = "python -c 'from app.api.error_pages import markdown; print(markdown(), end=str())' > docs/errors.md"
    assert DOCUMENT.read_text() == markdown(), remedy


def test_every_code_has_one_section():
    headings = re.findall(r"^### (.+)$", markdown(), re.M)
    assert sorted(headings) == sorted(kind.slug for kind in KINDS.values())


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.code)
def test_a_page_says_what_to_do(kind):
    page = page_html(kind)
    HTMLParser().feed(page)
    assert kind.code in page
    assert f"<dd>{kind.status}</dd>" in page
    assert f'href="/errors/{kind.slug}"' in index_html()
