"""The remembered service: written when one is ready, read by the next command, harmless when damaged."""

from __future__ import annotations

import pytest

from app.cli.session import DEFAULT_URL, FILE_NAME, Role, Session, recall, remember


def test_a_session_is_recalled_as_it_was_remembered(tmp_path):
    session = Session("http://127.0.0.1:9", tmp_path / "demo")
    remember(tmp_path, session)
    assert recall(tmp_path) == session


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"url": 1}', "null"])
def test_a_damaged_file_falls_back_to_the_default(tmp_path, damage):
    (tmp_path / FILE_NAME).write_text(damage)
    assert recall(tmp_path) == Session(DEFAULT_URL, tmp_path)


def test_a_missing_key_is_empty_not_an_error(tmp_path):
    assert Session(DEFAULT_URL, tmp_path).key(Role.OPERATOR) == ""
