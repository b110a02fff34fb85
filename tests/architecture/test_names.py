"""A number without its unit is a bug that type checkers cannot see: price 5 of what, wait 5 for how long?"""

from __future__ import annotations

import ast
import re

DECIDING = {"domain", "risk", "learning", "routing", "execution", "tca", "shm", "kernels"}

UNITS = "units ticks lots ppm bps ubps ns us ms s days nano upnano wei seq scale version frac bytes bits per_s half"
UNITS += " half_units"
SUFFIX = re.compile(rf"_({'|'.join(UNITS.split())})(_p\d+)?$")
# Counts and places carry their kind in front or behind: n_venues, max_waves, venue_i, child_number.
COUNT = re.compile(r"^(n|max|min)_\w+$|_(i|row|number|count|burst)$")
# Pure numbers, and words that are their own unit.
WORDS = {"seq", "wave", "rank", "scale", "version", "units", "value", "limit", "depth", "size", "row", "start", "index"}
WORDS |= {"burst", "ppm", "numerator", "denominator", "ratio", "side", "sign", "n"}
# Names of things that happen to be numbers.
WORDS |= {"ticket", "generation", "epoch", "slot", "pid", "seed"}
# (file, name): numbers whose unit another argument says. May only shrink.
GRANTED = {
    ("domain/ids.py", "entropy80"),
    ("execution/context.py", "fallback"),
    ("kernels/lots.py", "v"),
    ("routing/exact.py", "price"),
}


def numbers(tree):
    """Names of dataclass fields and of public functions' parameters that are annotated int or float."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and is_number(item.annotation):
                    yield item.lineno, item.target.id
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            yield from ((a.lineno, a.arg) for a in arguments if is_number(a.annotation))


def is_number(annotation) -> bool:
    return annotation is not None and bool(re.fullmatch(r"(int|float)( \| None)?", ast.unparse(annotation)))


def says_its_unit(name: str) -> bool:
    return name in WORDS or bool(SUFFIX.search(name) or COUNT.search(name))


def test_numbers_of_the_deciding_half_say_their_unit(house):
    found = [
        f"app/{source.path}:{line} {name}"
        for source in house
        if source.room in DECIDING
        for line, name in numbers(source.tree)
        if not says_its_unit(name) and (source.path, name) not in GRANTED
    ]
    assert not found


def test_grants_are_used(house):
    """A grant nobody needs is a hole left open."""
    seen = {(source.path, name) for source in house for _, name in numbers(source.tree)}
    assert not {grant for grant in GRANTED if grant not in seen or says_its_unit(grant[1])}


def test_the_rule_can_tell(house):
    assert says_its_unit("price_units")
    assert says_its_unit("latency_ns_p99")
    assert says_its_unit("n_venues")
    assert not says_its_unit("price")
    assert not says_its_unit("latency")
