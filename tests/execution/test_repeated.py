"""A client id that was used: the first answer again, a conflict, or nothing proven."""

from __future__ import annotations

from dataclasses import replace

from app.domain.enums import Mode
from app.domain.errors import BadRequest, Unavailable
from app.execution import inputs as inp
from app.execution.context import Context
from app.execution.inputs import Accepted, Failed, Turn
from app.execution.leg_orders import next_client_id
from app.execution.repeated import repeated_definition, repeated_order
from app.execution.working_set import put_away, put_definition_away
from tests.conditionals import oco, taken
from tests.worlds import Desk, make_desk, make_order


def context(desk: Desk) -> Context:
    return Context(desk.core.world, desk.core.ledger, desk.core.memory, desk.now_ns, Turn())


def error_of(reply: inp.Reply | None) -> Exception:
    assert isinstance(reply, Failed)
    return reply.error


def test_an_order_in_memory_answers_itself() -> None:
    desk = make_desk()
    order = make_order()
    assert repeated_order(context(desk), order) is None
    reply, _ = desk.submit(order)
    assert isinstance(reply, Accepted)
    assert repeated_order(context(desk), order) == replace(reply, is_replay=True)
    assert isinstance(error_of(repeated_order(context(desk), replace(order, body_hash="other"))), BadRequest)


def test_of_an_order_that_left_nothing_is_proven() -> None:
    desk = make_desk()
    order = make_order()
    parent, children = desk.accepted(order)
    for child in children:
        desk.fill(child)
    put_away(desk.core.ledger, parent)
    error = error_of(repeated_order(context(desk), order))
    assert isinstance(error, Unavailable)
    assert error.code == "history_unavailable"
    n_before = len(desk.facts)
    reply, sent = desk.submit(order)
    assert isinstance(reply, Failed)
    assert not sent
    assert len(desk.facts) == n_before
    assert repeated_order(context(desk), make_order()) is None


def test_a_definition_likewise() -> None:
    desk = make_desk()
    asked = oco()
    assert repeated_definition(context(desk), asked) is None
    record, _ = taken(desk, asked)
    found = repeated_definition(context(desk), asked)
    assert isinstance(found, inp.ConditionalTaken)
    assert found.is_replay
    assert isinstance(error_of(repeated_definition(context(desk), replace(asked, body_hash="other"))), BadRequest)
    desk.turn(inp.CancelConditional("desk", record.conditional_id, "test"))
    assert record.is_done
    put_definition_away(desk.core.ledger, record)
    turn = desk.turn(inp.SubmitConditional(asked, None, Mode.PAPER))
    assert isinstance(error_of(turn.replies[0]), Unavailable)
    assert not turn.facts


def test_a_leg_takes_no_name_that_may_have_been_used() -> None:
    desk = make_desk()
    asked = oco()
    taken_name = f"cnd_x.{asked.legs[0].name}.1"
    parent, children = desk.accepted(make_order(client_order_id=taken_name))
    for child in children:
        desk.fill(child)
    put_away(desk.core.ledger, parent)
    assert next_client_id(context(desk), asked, "cnd_x", 0, 1) == f"cnd_x.{asked.legs[0].name}.2"
