"""The text of a pre-trade law: versioned TOML, parsed strictly, with the hash of its own content."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from math import isfinite
from typing import Any, Final

from app.domain.errors import BadRequest
from app.domain.pretrade import ANY, N_LEVELS, Basis, CostCell, CostLaw, Pace, PretradeLaw
from app.learning.pretrade import N_MEAN, N_SCALE

FORMAT: Final = "bestex-pretrade"
VERSION: Final = 1
_HEAD: Final = "# What orders cost before they are taken. Written by a fit; see docs/pretrade.md."
N_BUCKETS: Final = 3


def pretrade_text(law: PretradeLaw) -> str:
    """TOML of `law` with its digest; `parse_pretrade` gives it back, floats to six significant digits."""
    body = _body(law)
    return f'{_HEAD}\ndigest = "{_digest(body)}"\n{body}'


def parse_pretrade(text: str) -> PretradeLaw:
    """The law that `text` says. Raises BadRequest `bad_calibration` for another format, bad values or another hash."""
    try:
        plain = tomllib.loads(text)
        if (plain["format"], plain["version"]) != (FORMAT, VERSION):
            raise BadRequest("bad_calibration", f"format {plain['format']} {plain['version']}")
        laws = tuple(_law(entry) for entry in plain["laws"])
        law = PretradeLaw(Basis(plain["basis"]), str(plain["source"]), str(plain["as_of"]), str(plain["digest"]), laws)
        _ask(bool(laws) and len({each.pace for each in laws}) == len(laws), "a law for each pace, once")
        _ask(law.digest == _digest(_body(law)), "the digest of its own content")
    except (KeyError, TypeError, ValueError) as error:
        raise BadRequest("bad_calibration", f"{type(error).__name__}: {error}") from error
    return law


def sealed(law: PretradeLaw) -> PretradeLaw:
    """The law as its text gives it back: rounded, with its digest."""
    return parse_pretrade(pretrade_text(replace(law, digest="")))


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _body(law: PretradeLaw) -> str:
    lines = [
        f'format = "{FORMAT}"',
        f"version = {VERSION}",
        *(f"{name} = {_value(value)}" for name, value in (("basis", law.basis), ("source", law.source))),
        f"as_of = {_value(law.as_of)}",
    ]
    for each in law.laws:
        lines += ["", "[[laws]]"]
        for member in fields(each):
            if member.name != "cells":
                lines.append(f"{member.name} = {_value(getattr(each, member.name))}")
        lines.append("cells = [")
        lines += [f"  {_value((c.venue, c.size_i, c.sigma_i, c.n, c.errors))}," for c in each.cells]
        lines.append("]")
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, str):
        return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, float):
        text = f"{value:.6g}"
        return text if "." in text or "e" in text else text + ".0"
    if isinstance(value, tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return str(value)


def _law(plain: Mapping[str, Any]) -> CostLaw:
    names = {member.name for member in fields(CostLaw)}
    if set(plain) != names:
        raise ValueError(f"a law has {sorted(names)}, found {sorted(plain)}")
    cells = tuple(
        CostCell(str(venue), int(size_i), int(sigma_i), int(n), _floats(errors))
        for venue, size_i, sigma_i, n, errors in plain["cells"]
    )
    law = CostLaw(
        pace=Pace(plain["pace"]),
        n_parents=int(plain["n_parents"]),
        sigma_bps_sqrt_s=float(plain["sigma_bps_sqrt_s"]),
        most_used_frac=float(plain["most_used_frac"]),
        size_edges=_floats(plain["size_edges"]),
        sigma_edges=_floats(plain["sigma_edges"]),
        mean_coefs=_floats(plain["mean_coefs"]),
        scale_coefs=_floats(plain["scale_coefs"]),
        intercepts=tuple((str(name), float(value)) for name, value in plain["intercepts"]),
        offsets=tuple((str(name), float(value)) for name, value in plain["offsets"]),
        spreads=tuple((str(name), float(value)) for name, value in plain["spreads"]),
        cells=cells,
    )
    _check(law)
    return law


def _check(law: CostLaw) -> None:
    _ask(
        len(law.mean_coefs) == N_MEAN and min(law.mean_coefs) >= 0.0, f"{N_MEAN} coefficients of the mean, none below 0"
    )
    _ask(len(law.scale_coefs) == N_SCALE and min(law.scale_coefs) >= 0.0, f"{N_SCALE} coefficients of the scale")
    _ask(law.scale_coefs[0] > 0.0 and law.sigma_bps_sqrt_s > 0.0, "a scale and a volatility above 0")
    for edges in (law.size_edges, law.sigma_edges):
        _ask(len(edges) == N_BUCKETS - 1 and list(edges) == sorted(edges), "two edges that rise")
    places = {(cell.venue, cell.size_i, cell.sigma_i) for cell in law.cells}
    whole = {(ANY, i, j) for i in range(N_BUCKETS) for j in range(N_BUCKETS)}
    _ask(whole <= places and len(places) == len(law.cells), "every cell of any venue, each cell once")
    for cell in law.cells:
        _ask(len(cell.errors) == N_LEVELS and list(cell.errors) == sorted(cell.errors), "quantiles that do not cross")
    numbers = [*law.mean_coefs, *law.scale_coefs, *law.size_edges, *law.sigma_edges, law.most_used_frac]
    numbers += [value for _, value in (*law.intercepts, *law.offsets, *law.spreads)]
    _ask(min(value for _, value in law.spreads) > 0.0, "spreads above 0")
    numbers += [value for cell in law.cells for value in cell.errors]
    _ask(all(map(isfinite, numbers)), "finite numbers")


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _ask(is_so: bool, rule: str) -> None:
    if not is_so:
        raise ValueError(f"broken: {rule}")
