"""JSON alone on stdout for programs, tables that never invent a value for people."""

from __future__ import annotations

import json

from app.cli.options import Format
from app.cli.output import cell, console, show_fields, show_json, show_rows, table


def test_cells_follow_dots_and_leave_blanks():
    row = {"a": {"b": "1.50"}, "yes": True, "no": False, "many": ["x", "y"], "none": None}
    assert [cell(row, p) for p in ("a.b", "a.c", "z.z", "yes", "no", "many", "none")] == [
        "1.50",
        "",
        "",
        "yes",
        "no",
        "x y",
        "",
    ]


def test_rows_as_json_are_complete(capsys):
    rows = [{"shown": "1", "hidden": "2"}]
    show_rows(Format.JSON, rows, ("shown",))
    assert json.loads(capsys.readouterr().out) == rows


def test_rows_as_a_table_keep_decimals_as_they_came(capsys):
    show_rows(Format.TABLE, [{"price": "64000.10", "cost_bps.fee": ""}], ("price", "cost_bps.fee"), right="price")
    shown = capsys.readouterr().out
    assert "64000.10" in shown
    assert "fee" in shown


def test_fields_skip_what_is_absent(capsys):
    show_fields(Format.TABLE, {"order_id": "ord_1", "qty": None}, ("order_id", "qty"))
    assert capsys.readouterr().out == "order id  ord_1\n"
    show_json({"a": "ü"})
    assert json.loads(capsys.readouterr().out) == {"a": "ü"}


def test_markup_in_values_is_text(capsys):
    show_fields(Format.TABLE, {"text": "[red]no[/red]"}, ("text",))
    assert "[red]no[/red]" in capsys.readouterr().out
    console().print(table([{"text": "[bold]x"}], ("text",)))
    assert "[bold]x" in capsys.readouterr().out
