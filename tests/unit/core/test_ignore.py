"""Positions that are not ours: told with what to do, never touched, ignored on a person's word."""

import msgspec

from builders import D, fill, signal
from engine.core import events as e
from engine.core import facts as f
from engine.core import intents as i
from engine.core.operator import IGNORED_MAX
from engine.core.risk import review
from engine.core.turn import Turn
from engine.core.values import Funding, Side
from world import World, entered, instruments, seen, total

ODD = e.AccountPosition("XRPUSDT", Side.SHORT, D(500), D("0.51"), None)


def strange(world: World, **changes: object) -> e.AccountSeen:
    """The account with a position of somebody else."""
    shown = (*world.matching.account().positions, ODD)
    return seen(world, positions=shown, **changes)


def ignore(world: World, symbol: str = "XRPUSDT", *, is_on: bool = True) -> tuple[bool, str]:
    """What an owner says, and the answer."""
    key = f"c{world.engine.ledger.seq}"
    world.feed(e.Ignore(command_id=key, by="@ann (11)", symbol=symbol, is_on=is_on))
    answer = world.engine.ledger.state.commands[key]
    return answer.is_done, answer.words


def test_a_foreign_position_is_named_with_the_way_out() -> None:
    world = entered()
    world.feed(strange(world), strange(world))
    (told,) = world.facts(f.Incident)
    assert told.detail == (
        "XRPUSDT SHORT 500 is on the exchange and not ours; to leave it alone send /ignore XRPUSDT"
    )
    assert world.gates == {"unreconciled"}
    (shown,) = world.engine.view().foreign
    assert (shown.symbol, shown.side, shown.qty) == ("XRPUSDT", Side.SHORT, D(500))


def test_many_are_named_in_one_sentence_that_no_message_cuts() -> None:
    world = entered()
    odd = [msgspec.structs.replace(ODD, symbol=f"1000COIN{n}USDT") for n in range(25)]
    many = seen(world, positions=(*world.matching.account().positions, *odd))
    world.feed(many, many)
    (told,) = world.facts(f.Incident)
    names = ", ".join(f"1000COIN{n}USDT SHORT 500" for n in range(25))
    assert told.detail == (
        f"{names} are on the exchange and not ours; "
        f"to leave one alone send /ignore and its symbol: /ignore 1000COIN0USDT"
    )


def test_once_ignored_it_neither_counts_nor_is_touched() -> None:
    world = entered()
    world.feed(strange(world))
    orders = len(world.facts(f.OrderPlaced))
    reads = sum(isinstance(x, i.FetchAccount) for x in world.intents)
    assert ignore(world) == (True, "XRPUSDT is left alone, and nothing is entered there")
    assert sum(isinstance(x, i.FetchAccount) for x in world.intents) == reads + 1
    balance = world.engine.ledger.balance
    paid = Funding("f:1", "XRPUSDT", D(3), world.now)
    world.feed(
        strange(
            world,
            funding=(paid,),
            fills=(fill(id="x:1", order_id="x", symbol="XRPUSDT", exchange_ms=world.now),),
        )
    )
    assert world.gates == set()
    assert world.engine.ledger.balance == balance
    assert len(world.facts(f.OrderPlaced)) == orders
    assert len(world.facts(f.Incident)) == 1
    assert world.engine.view().ignored == ("XRPUSDT",)
    again = world.reborn()
    again.start()
    again.feed(strange(again))
    assert again.gates == set()


def test_nothing_is_entered_in_an_ignored_symbol() -> None:
    world = World(instruments=instruments("SOLUSDT", "XRPUSDT"))
    world.start()
    world.feed(strange(world))
    ignore(world)
    world.feed(strange(world))
    turn = Turn(world.now, world.settings, world.engine.ledger, world.engine.market)
    other = msgspec.structs.replace(signal(), symbol="XRPUSDT", expires_ms=world.now)
    assert review(turn, other).refusal == "busy: XRPUSDT is ignored: what is open there is not ours"


def test_taken_back_it_counts_again() -> None:
    world = entered()
    world.feed(strange(world))
    ignore(world)
    world.feed(strange(world))
    assert ignore(world, is_on=False) == (True, "XRPUSDT counts again")
    world.feed(strange(world))
    assert world.gates == {"unreconciled"}
    assert ignore(world, is_on=False) == (False, "XRPUSDT is not ignored")


def test_what_cannot_be_ignored() -> None:
    world = entered()
    world.feed(strange(world))
    assert ignore(world, "SOLUSDT") == (False, "#1 in SOLUSDT is ours")
    assert ignore(world, "BTCUSDT") == (
        False,
        "the exchange shows no position in BTCUSDT that is not ours",
    )
    ignore(world)
    assert ignore(world) == (False, "XRPUSDT is ignored already")
    ignore(world, is_on=False)
    world.engine.ledger.state.ignored |= {f"S{n}": 1 for n in range(IGNORED_MAX)}
    world.feed(strange(world))
    assert ignore(world) == (False, f"{IGNORED_MAX} symbols are ignored already")
    assert total([p.qty for p in world.engine.ledger.positions]) > 0
