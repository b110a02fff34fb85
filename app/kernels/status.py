"""What a kernel answers: a code, never an exception. Higher is worse, so that the worst of two is their maximum."""

from __future__ import annotations

from typing import Final

OK: Final = 0
NORMALISED: Final = 1
GAP: Final = 2
CROSSED: Final = 3
BAD_LEVELS: Final = 4
# The venue's own sum over its book is not ours: the book was not what it said.
BAD_CHECKSUM: Final = 5
