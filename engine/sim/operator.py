"""People at the chat, drawn from the dice: the right command, the wrong one, twice, and too late.

It exists because a person presses buttons at the worst moment. It must never send what the gate in
front of the chat would not let through: every command has an id and a name.
"""

from collections.abc import Callable
from decimal import Decimal
from random import Random

from engine.core import events as e
from engine.core import wish_events as we
from engine.core.ledger import Ledger
from engine.core.positions import Position
from engine.core.values import Ms
from engine.sim.faults import Faults, Kind, happens

Wish = Callable[[], e.Command]

NAMES = ("@ann", "@bob")
SHARES = ("0.3", "0.5", "0.9", "1")


class Operator:
    """Draws commands; remembers them, so that one can come again."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._sent: list[e.Command] = []

    def command(self, ledger: Ledger, now_ms: Ms) -> e.Command:
        """The next thing somebody wants, of what there is."""
        if self._sent and self._faults.hits(Kind.COMMAND_AGAIN):
            return self._faults.dice.choice(self._sent)
        command = self._draw(ledger, now_ms)
        self._sent.append(command)
        return command

    def _told(self) -> dict[str, str]:
        return {"command_id": f"c{len(self._sent)}", "by": self._faults.dice.choice(NAMES)}

    def _draw(self, ledger: Ledger, now_ms: Ms) -> e.Command:
        dice, told = self._faults.dice, self._told()
        held = ledger.positions
        if self._faults.hits(Kind.COMMAND_LATE):
            return self._about(99 + dice.randint(0, 3), None, told)
        if held and happens(dice, 0.6):
            position = dice.choice(held)
            return self._about(position.id, position, told)
        return dice.choice(_wishes(dice, now_ms, told))()

    def _about(
        self, position_id: int, position: Position | None, told: dict[str, str]
    ) -> e.Command:
        dice = self._faults.dice
        if position is None or position.entry is None or happens(dice, 0.5):
            share = Decimal(dice.choice(SHARES))
            return e.Close(**told, position_id=position_id, share=share)
        if position.rungs and happens(dice, 0.7):
            rank = dice.randint(1, len(position.rungs))
            return we.TakeTarget(**told, position_id=position_id, rank=rank)
        step = position.dist0 * Decimal(dice.choice(("0.2", "0.5", "-0.3", "3"))) / 10
        price = position.asked_stop + position.side.sign * step
        return e.MoveStop(**told, position_id=position_id, price=self._snapped(price, position))

    def _snapped(self, price: Decimal, position: Position) -> Decimal:
        """On the tick of the stop that stands, or at times off it."""
        step = Decimal(1).scaleb(int(position.asked_stop.as_tuple().exponent))
        legal = (price / step).to_integral_value() * step
        return legal if happens(self._faults.dice, 0.9) else legal + step / 3


def _wishes(dice: Random, now_ms: Ms, told: dict[str, str]) -> tuple[Wish, ...]:
    """What somebody may want that is about no position."""
    return (
        lambda: e.Pause(**told, until_ms=dice.choice((None, now_ms + 30_000))),
        lambda: e.Pause(**told, until_ms=now_ms - 1000),
        lambda: e.Resume(**told, reason="calm again"),
        lambda: e.Resume(**told, reason="calm again"),
        lambda: e.Resume(**told, reason="calm again"),
        lambda: e.Resume(**told),
        lambda: e.Stop(**told, close_all=happens(dice, 0.4)),
        lambda: e.Panic(**told),
    )
