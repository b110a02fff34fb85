"""The committed protocol of the arms: what is run, on which worlds, against whom; its hash stands in the result."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PROTOCOL: Final = Path(__file__).with_name("protocol.toml")
NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Protocol:
    """The file's tables as they stand, and the SHA-256 of its bytes. Times in the file are seconds."""

    sha256: str
    metric: Mapping[str, Any]
    worlds: Mapping[str, Any]
    parents: Mapping[str, Any]
    beliefs: Mapping[str, Any]
    arms: Mapping[str, Any]
    terms: Mapping[str, list[str]]
    start: Mapping[str, list[str]]
    uses: Mapping[str, Mapping[str, Mapping[str, list[str]]]]
    tiers: Mapping[str, Mapping[str, float]]
    control: Mapping[str, float]

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(self.metric["families"])

    @property
    def horizon_ns(self) -> int:
        return int(self.parents["horizon_s"] * NS)

    @property
    def slice_ns(self) -> int:
        return int(self.parents["slice_s"] * NS)

    @property
    def warm_ns(self) -> int:
        return int(self.worlds["warm_s"] * NS)


def load_protocol(path: Path = PROTOCOL) -> Protocol:
    """The protocol of `path`; raises KeyError for a file that lacks a table."""
    content = path.read_bytes()
    plain = tomllib.loads(content.decode())
    names = ("metric", "worlds", "parents", "beliefs", "arms", "terms", "start", "uses", "tiers", "control")
    return Protocol(hashlib.sha256(content).hexdigest(), *(plain[name] for name in names))
