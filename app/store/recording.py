"""Our Parquet recording: books, raw frames, children sent, reports received, and a manifest. docs/recording.md.

A folder of numbered segments, each complete before its name appears and named in the manifest with its SHA-256, so
that a killed recorder loses at most its open segment and never leaves a torn file behind a good name.
Columns are the fields of the domain's own values; the files of a folder are read as one table per kind.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import Any, Final, get_type_hints

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from app.domain.book import BookDelta, BookSnapshot, Level
from app.domain.enums import ContractKind, Mode
from app.domain.errors import BadRequest
from app.domain.fees import FeeTier
from app.domain.fills import ExecutionReport
from app.domain.instrument import FungibilityClass, Instrument, Symbol
from app.domain.orders import ChildOrder
from app.domain.recorded import (
    RawFrame,
    RecordedBatch,
    RecordedMarket,
    RecordedTrade,
    Recording,
    RecordingGap,
    SentChild,
)
from app.domain.universe import Universe
from app.domain.venue import Evidence, EvidenceLevel, Venue, VenueKind
from app.domain.venue_stops import VenueStop
from app.store.recording_l2 import L2Set

FORMAT: Final = "bestex-recording"
VERSION: Final = 1
MANIFEST: Final = "manifest.json"
_STOP: Final = VenueStop | None
_SNAPSHOT, _DELTA = 0, 1
_BID, _ASK, _NO_LEVEL = 0, 1, 2

_BOOKS_SCHEMA: Final = pa.schema(
    [
        ("message", pa.int64()),
        ("kind", pa.int8()),
        ("venue", pa.string()),
        ("symbol", pa.string()),
        ("prev_book_seq", pa.int64()),
        ("book_seq", pa.int64()),
        ("venue_ts_ns", pa.int64()),
        ("received_ts_ns", pa.int64()),
        ("side", pa.int8()),
        ("price_units", pa.int64()),
        ("qty_units", pa.int64()),
    ]
)


def open_recording(path: Path) -> Recording:
    """A folder in our format (it has a manifest) or an event-level L2 set; raises BadRequest for anything else."""
    if not path.is_dir():
        raise BadRequest("not_a_recording", f"{path} is not a folder")
    return ParquetRecording(path) if (path / MANIFEST).exists() else L2Set(path)


class RecordingWriter:
    """Writes one recording; the folder must not hold one already. One thread at a time."""

    def __init__(self, folder: Path, universe: Universe, started_ts_ns: int, release: str) -> None:
        """Raises BadRequest where `folder` already has a manifest."""
        if (folder / MANIFEST).exists():
            raise BadRequest("recording_exists", f"{folder} already holds a recording")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._n_segments = 0
        self._n_messages = 0
        self._manifest: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "release": release,
            "started_ts_ns": started_ts_ns,
            "ended_ts_ns": 0,
            "universe": _universe_json(universe),
            "segments": [],
            "gaps": [],
        }
        self._write_manifest(())

    def write(self, batch: RecordedBatch, gaps: Sequence[RecordingGap], flushed_ts_ns: int) -> None:
        """One file per kind that has something, then the manifest; durable on return."""
        self._n_segments += 1
        tables = {
            "books": self._books_table(batch.books),
            "frames": _values_table(RawFrame, batch.frames),
            "sent": _sent_table(batch.sent),
            "reports": _values_table(ExecutionReport, batch.reports),
        }
        for kind, table in tables.items():
            if table.num_rows:
                name = f"{kind}-{self._n_segments:06d}.parquet"
                digest = self._write_file(name, _parquet_bytes(table))
                self._manifest["segments"].append(
                    {"file": name, "kind": kind, "n_rows": table.num_rows, "sha256": digest}
                )
        self._manifest["flushed_ts_ns"] = flushed_ts_ns
        self._write_manifest(gaps)

    def close(self, gaps: Sequence[RecordingGap], ended_ts_ns: int) -> None:
        """Marks the recording as ended; without it a reader sees `ended_ts_ns` 0: the recorder was killed."""
        self._manifest["ended_ts_ns"] = ended_ts_ns
        self._write_manifest(gaps)

    def _write_manifest(self, gaps: Sequence[RecordingGap]) -> None:
        self._manifest["gaps"] = [asdict(gap) for gap in gaps]
        text = json.dumps(self._manifest, indent=1, ensure_ascii=True) + "\n"
        self._write_file(MANIFEST, text.encode())

    def _write_file(self, name: str, content: bytes) -> str:
        """Temporary file, fsync, rename, fsync of the folder. Gives the content's SHA-256."""
        temporary = self._folder / f".{name}.tmp"
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._folder / name)
        folder_fd = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder_fd)
        finally:
            os.close(folder_fd)
        return hashlib.sha256(content).hexdigest()

    def _books_table(self, books: Iterable[BookSnapshot | BookDelta]) -> Any:
        rows: list[tuple[object, ...]] = []
        for event in books:
            self._n_messages += 1
            is_delta = isinstance(event, BookDelta)
            head = (
                self._n_messages,
                _DELTA if is_delta else _SNAPSHOT,
                event.venue,
                event.symbol,
                event.prev_book_seq if isinstance(event, BookDelta) else 0,
                event.book_seq,
                event.venue_ts_ns,
                event.received_ts_ns,
            )
            levels = [(_BID, *level) for level in event.bids] + [(_ASK, *level) for level in event.asks]
            rows.extend(head + level for level in levels or [(_NO_LEVEL, 0, 0)])
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(_BOOKS_SCHEMA)
        return pa.table(
            [pa.array(column, field.type) for column, field in zip(columns, _BOOKS_SCHEMA, strict=True)],
            schema=_BOOKS_SCHEMA,
        )


class ParquetRecording:
    """A recording of ours opened for reading; every file's SHA-256 is checked against the manifest."""

    def __init__(self, folder: Path) -> None:
        """Raises BadRequest for another format or version, a missing file or a changed one."""
        self.name = folder.name
        self._folder = folder
        text = (folder / MANIFEST).read_bytes()
        manifest = json.loads(text)
        if (manifest.get("format"), manifest.get("version")) != (FORMAT, VERSION):
            raise BadRequest("unknown_format", f"{folder.name}: {manifest.get('format')} {manifest.get('version')}")
        for segment in manifest["segments"]:
            path = folder / segment["file"]
            if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != segment["sha256"]:
                raise BadRequest("recording_damaged", f"{segment['file']} is missing or was changed")
        self._segments: list[dict[str, Any]] = manifest["segments"]
        self.digest = hashlib.sha256(text).hexdigest()
        self.gaps = tuple(RecordingGap(**gap) for gap in manifest["gaps"])
        self.ended_ts_ns: int = manifest["ended_ts_ns"]
        self.universe = _universe_of(manifest["universe"])
        self.markets = self._recorded_markets(f"{FORMAT} {VERSION} of bestex {manifest['release']}")

    def span_ns(self, market: RecordedMarket) -> tuple[int, int]:
        """Receive times of the market's first snapshot and last event; raises BadRequest without a snapshot."""
        first_ns = last_ns = 0
        for event in self.events(market):
            if not first_ns and isinstance(event, BookSnapshot):
                first_ns = event.received_ts_ns
            last_ns = event.received_ts_ns
        if not first_ns:
            raise BadRequest("no_snapshot", f"{market.instrument.venue} {market.symbol.name} has no snapshot")
        return first_ns, last_ns

    def events(self, market: RecordedMarket) -> Iterator[BookSnapshot | BookDelta]:
        """The market's book events in order of arrival."""
        for name in self._files("books"):
            table = pq.read_table(
                self._folder / name,
                filters=[("venue", "=", market.instrument.venue), ("symbol", "=", market.symbol.name)],
            )
            yield from _book_events(table)

    def trades(self, market: RecordedMarket) -> Iterator[RecordedTrade]:
        """None: venues' tapes are not part of this format."""
        return iter(())

    def frames(self) -> Iterator[RawFrame]:
        """Raw frames in order of arrival."""
        for row in self._rows("frames"):
            yield RawFrame(**row)

    def sent(self) -> Iterator[SentChild]:
        """Children in the order they were handed to their venues."""
        for row in self._rows("sent"):
            sent_ts_ns = row.pop("sent_ts_ns")
            yield SentChild(sent_ts_ns, _value_of(ChildOrder, row))

    def reports(self) -> Iterator[ExecutionReport]:
        """Execution reports in order of arrival."""
        for row in self._rows("reports"):
            yield _value_of(ExecutionReport, row)

    def _files(self, kind: str) -> list[str]:
        return [segment["file"] for segment in self._segments if segment["kind"] == kind]

    def _rows(self, kind: str) -> Iterator[dict[str, Any]]:
        for name in self._files(kind):
            yield from pq.read_table(self._folder / name).to_pylist()

    def _recorded_markets(self, source: str) -> tuple[RecordedMarket, ...]:
        seen: set[tuple[str, str]] = set()
        for name in self._files("books"):
            table = pq.read_table(self._folder / name, columns=["venue", "symbol"])
            seen.update(
                (row["venue"], row["symbol"]) for row in table.group_by(["venue", "symbol"]).aggregate([]).to_pylist()
            )
        universe = self.universe
        return tuple(
            RecordedMarket(
                symbol=universe.symbols[symbol],
                instrument=universe.instruments[venue, symbol],
                source=source,
                venue=universe.venues[venue],
                fee=universe.fees[venue],
            )
            for venue, symbol in sorted(seen)
        )


@dataclass(slots=True)
class _Building:
    """One message's rows on their way to one event."""

    head: tuple[Any, ...]
    bids: list[Level]
    asks: list[Level]

    def event(self) -> BookSnapshot | BookDelta:
        _, kind, venue, symbol, prev_seq, seq, venue_ts, received_ts = self.head
        bids, asks = tuple(self.bids), tuple(self.asks)
        if kind == _SNAPSHOT:
            return BookSnapshot(venue, symbol, seq, venue_ts, received_ts, bids, asks)
        return BookDelta(venue, symbol, prev_seq, seq, venue_ts, received_ts, bids, asks)


def _book_events(table: Any) -> Iterator[BookSnapshot | BookDelta]:
    columns = [table.column(name).to_pylist() for name in _BOOKS_SCHEMA.names]
    building: _Building | None = None
    for row in zip(*columns, strict=True):
        head, (side, price, qty) = row[:8], row[8:]
        if building is None or building.head[0] != head[0]:
            if building is not None:
                yield building.event()
            building = _Building(head, [], [])
        if side != _NO_LEVEL:
            (building.bids if side == _BID else building.asks).append((price, qty))
    if building is not None:
        yield building.event()


def _arrow_type(hint: Any) -> Any:
    if hint is int:
        return pa.int64()
    if hint is bytes:
        return pa.binary()
    if hint is bool:
        return pa.bool_()
    if hint == _STOP:
        return pa.string()
    assert hint is str or issubclass(hint, Enum), hint
    return pa.string()


def _schema_of(value_type: type) -> Any:
    hints = get_type_hints(value_type)
    return pa.schema([(f.name, _arrow_type(hints[f.name])) for f in fields(value_type)])


def _values_table(value_type: type, values: Sequence[Any]) -> Any:
    schema = _schema_of(value_type)
    columns = [pa.array([_plain(getattr(v, f.name)) for v in values], f.type) for f in schema]
    return pa.table(columns, schema=schema)


def _sent_table(sent: Sequence[SentChild]) -> Any:
    table = _values_table(ChildOrder, [s.child for s in sent])
    return table.add_column(0, "sent_ts_ns", pa.array([s.sent_ts_ns for s in sent], pa.int64()))


def _plain(value: Any) -> Any:
    """A stop is its JSON: few children are any."""
    if isinstance(value, VenueStop):
        return msgspec.json.encode(value).decode()
    return value.value if isinstance(value, Enum) else value


def _value_of(value_type: type, row: dict[str, Any]) -> Any:
    """A domain value from a row of plain values: enums by value."""
    hints = get_type_hints(value_type)
    return value_type(**{k: _told(hints[k], v) for k, v in row.items()})


def _told(hint: Any, value: Any) -> Any:
    if hint == _STOP:
        return None if value is None else msgspec.json.decode(value, type=VenueStop)
    return hint(value) if issubclass(hint, Enum) else value


def _parquet_bytes(table: Any) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", use_dictionary=True)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _universe_json(universe: Universe) -> dict[str, Any]:
    return {
        "venues": [_plain_fields(v) for v in universe.venues.values()],
        "symbols": [_plain_fields(s) for s in universe.symbols.values()],
        "instruments": [_plain_fields(i) for i in universe.instruments.values()],
        "fees": [_plain_fields(f) for f in universe.fees.values()],
    }


def _plain_fields(value: Any) -> dict[str, Any]:
    return asdict(value, dict_factory=lambda pairs: {k: _plain(v) for k, v in pairs})


def _universe_of(plain: dict[str, Any]) -> Universe:
    venues = [
        Venue(
            **{
                **v,
                "mode": Mode(v["mode"]),
                "kind": VenueKind(v.get("kind", "lit")),
                "evidence": _evidence_of(v.get("evidence")),
            }
        )
        for v in plain["venues"]
    ]
    symbols = [Symbol(**{**s, "fungible": _fungible_of(s["fungible"])}) for s in plain["symbols"]]
    instruments = [Instrument(**{**i, "fungible": _fungible_of(i["fungible"])}) for i in plain["instruments"]]
    fees = [FeeTier(**f) for f in plain["fees"]]
    return Universe(
        venues={v.venue_id: v for v in venues},
        symbols={s.name: s for s in symbols},
        instruments={(i.venue, i.symbol): i for i in instruments},
        fees={f.venue: f for f in fees},
    )


def _evidence_of(plain: dict[str, Any] | None) -> Evidence | None:
    return Evidence(**{**plain, "level": EvidenceLevel(plain["level"])}) if plain else None


def _fungible_of(plain: dict[str, Any]) -> FungibilityClass:
    return FungibilityClass(**{**plain, "kind": ContractKind(plain["kind"])})
