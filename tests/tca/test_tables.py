"""Rows keep numbers as numbers and come back from CSV and Parquet as they went."""

from __future__ import annotations

import csv
import io

import pytest

from app.services.tca import as_csv, as_parquet
from app.tca.dossier import Dossier
from app.tca.tables import columns, fill_rows, group_rows, order_rows, venue_rows

TABLES = [order_rows, venue_rows, group_rows, fill_rows]


@pytest.mark.parametrize("table", TABLES)
def test_csv_reads_back(dossier: Dossier, table) -> None:
    rows = table(dossier)
    read = list(csv.DictReader(io.StringIO(as_csv(rows).decode())))
    assert len(read) == len(rows) > 0
    for ours, theirs in zip(rows, read, strict=True):
        for name, value in ours.items():
            if isinstance(value, float):
                assert float(theirs[name]) == value
            else:
                assert theirs[name] == ("" if value is None else str(value))


@pytest.mark.parametrize("table", TABLES)
def test_parquet_reads_back(dossier: Dossier, table) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    rows = table(dossier)
    read = pq.read_table(io.BytesIO(as_parquet(rows))).to_pylist()
    assert read == [{name: row.get(name) for name in columns(rows)} for row in rows]


def test_the_steps_of_a_row_sum_to_its_total(dossier: Dossier) -> None:
    for row in order_rows(dossier):
        steps = ("delay", "timing", "basis", "spread", "impact", "fee", "gas", "opportunity")
        assert sum(row[f"{step}_bps"] for step in steps) == pytest.approx(row["total_bps"], abs=1e-9)


def test_an_empty_table_is_a_file_all_the_same() -> None:
    assert as_csv([]) == b"\r\n"
    assert as_parquet([])[:4] == b"PAR1"
