"""A law's text gives it back, and a text that is not what its hash says is refused."""

from __future__ import annotations

import pytest

from app.domain.errors import BadRequest
from app.learning.pretrade_artifact import parse_pretrade, pretrade_text, sealed
from tests.learning.costs import made_law


def test_a_text_gives_the_law_back():
    law = made_law()
    assert parse_pretrade(pretrade_text(law)) == law
    assert sealed(law) == law
    assert law.name == f"pretrade-simulated-{law.digest[:12]}"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('basis = "simulated"', 'basis = "own"'),
        ("version = 1", "version = 2"),
        ("n_parents = ", "n_people = "),
        ('digest = "', 'digest = "0'),
        ("mean_coefs = [", "mean_coefs = [-"),
        ("size_edges = [", "size_edges = [9.0, "),
    ],
)
def test_a_changed_text_is_refused(old, new):
    text = pretrade_text(made_law())
    assert old in text
    with pytest.raises(BadRequest):
        parse_pretrade(text.replace(old, new, 1))
