"""Slots in which problems travel to workers and answers come back; the ring row is only a slot's number.

Laws: a slot has one holder at a time, whoever was given its row last. The engine writes the problem, the worker the
answer. Each is sealed with the ticket and the generation it belongs to, so a torn, flipped or late one is not believed.
A copy is taken first and judged afterwards: what changes in shared memory after the copy changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final

import numpy as np
import numpy.typing as npt

from app.domain.errors import InvariantBroken
from app.kernels.checksum import sum_words
from app.shm.layout import LINE_WORDS, Slot, SlotState

Int64Array = npt.NDArray[np.int64]


@unique
class AnswerStatus(IntEnum):
    """What became of a search."""

    FOUND = 1
    FAILED = 2  # the search broke: the problem is the engine's again
    DAMAGED = 3  # the problem did not fit its seal


@dataclass(frozen=True, slots=True)
class Job:
    """A problem in words of the caller's own format, and by which search it is to be answered."""

    ticket: int
    generation: int
    epoch: int
    search_number: int
    words: Int64Array


@dataclass(frozen=True, slots=True)
class Answer:
    """`words` is empty unless FOUND."""

    ticket: int
    generation: int
    status: AnswerStatus
    words: Int64Array


_NOTHING: Final = np.zeros(0, np.int64)


def slab_words(n_slots: int, n_problem: int, n_answer: int) -> int:
    """Words of a slab whose slots hold problems and answers of up to so many words; both multiples of a cache line."""
    return n_slots * (Slot.PROBLEM + n_problem + n_answer)


class Slab:
    """Slots over int64[slab_words(...)]."""

    def __init__(self, words: Int64Array, n_slots: int, n_problem: int, n_answer: int) -> None:
        if words.size != slab_words(n_slots, n_problem, n_answer) or n_problem % LINE_WORDS or n_answer % LINE_WORDS:
            raise InvariantBroken(reason="no slab fits", n_words=words.size, n_slots=n_slots)
        self._slots = words.reshape(n_slots, -1)
        self.n_slots, self.n_problem, self.n_answer = n_slots, n_problem, n_answer

    def write(self, slot: int, job: Job) -> None:
        """The engine's: puts a problem in. Raises InvariantBroken where it does not fit: ask `n_problem` before."""
        row, n = self._slots[slot], job.words.size
        if n > self.n_problem:
            raise InvariantBroken(reason="problem too long", n_words=n, limit=self.n_problem)
        row[Slot.PROBLEM : Slot.PROBLEM + n] = job.words
        row[Slot.GENERATION], row[Slot.TICKET], row[Slot.EPOCH] = job.generation, job.ticket, job.epoch
        row[Slot.SEARCH], row[Slot.N_PROBLEM] = job.search_number, n
        row[Slot.PROBLEM_SEAL] = sum_words(row[Slot.GENERATION : Slot.PROBLEM_SEAL]) ^ sum_words(job.words)
        row[Slot.STATE] = SlotState.WRITTEN

    def take(self, slot: int) -> Job | None:
        """The worker's: a private copy of the problem; None where it does not fit its seal."""
        row = self._slots[slot]
        head = row[: Slot.PROBLEM].copy()
        n = int(head[Slot.N_PROBLEM])
        if not 0 <= n <= self.n_problem:
            return None
        row[Slot.STATE] = SlotState.TAKEN
        words = row[Slot.PROBLEM : Slot.PROBLEM + n].copy()
        seal = sum_words(head[Slot.GENERATION : Slot.PROBLEM_SEAL]) ^ sum_words(words)
        if seal != head[Slot.PROBLEM_SEAL]:
            return None
        _, generation, ticket, epoch, search_number = head[: Slot.N_PROBLEM].tolist()
        return Job(ticket, generation, epoch, search_number, words)

    def answer(self, slot: int, answer: Answer) -> None:
        """The worker's: puts the answer beside the problem. One that does not fit becomes FAILED."""
        row, words, status = self._slots[slot], answer.words, answer.status
        if words.size > self.n_answer:
            words, status = _NOTHING, AnswerStatus.FAILED
        start = Slot.PROBLEM + self.n_problem
        row[start : start + words.size] = words
        row[Slot.STATUS], row[Slot.N_ANSWER] = int(status), words.size
        row[Slot.ANSWER_SEAL] = _answer_seal(answer.ticket, answer.generation, int(status), words)
        row[Slot.STATE] = SlotState.DONE

    def collect(self, slot: int, ticket: int, generation: int) -> Answer | None:
        """The engine's: a private copy of the answer to this ticket and generation, None where it is not."""
        row = self._slots[slot]
        status, n, seal = row[Slot.STATUS : Slot.ANSWER_SEAL + 1].tolist()
        start = Slot.PROBLEM + self.n_problem
        if not 0 <= n <= self.n_answer:
            return None
        words = row[start : start + n].copy()
        if seal != _answer_seal(ticket, generation, status, words):
            return None
        return Answer(ticket, generation, AnswerStatus(status), words)

    def free(self, slot: int) -> None:
        """The engine's: the slot holds nothing that anyone waits for."""
        self._slots[slot, Slot.STATE] = SlotState.FREE
        self._slots[slot, Slot.ANSWER_SEAL] = 0

    def state(self, slot: int) -> int:
        """A SlotState, for who looks on."""
        return int(self._slots[slot, Slot.STATE])


def _answer_seal(ticket: int, generation: int, status: int, words: Int64Array) -> int:
    return int(sum_words(np.array((ticket, generation, status, words.size), np.int64)) ^ sum_words(words))
