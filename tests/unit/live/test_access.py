"""The right to trade: looked at now and then, told when it changes."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from engine.core.events import Event, ExchangeSeen
from engine.errors import Denied, StoreError, Transient
from engine.live.access import ASK_AGAIN_S, ASK_FIRST_S, ASK_S, UNKNOWN, Access
from engine.live.standing import Standing

GOOD = Standing(
    is_hedge=False,
    margin_mode="REGULAR_MARGIN",
    permissions={"ContractTrade": ("Order", "Position")},
    is_read_only=False,
    ips=("127.0.0.1",),
    deadline_days=90,
    equity=Decimal(10_000),
    is_unified=True,
    account="1",
    balance=Decimal(10_000),
)
HEDGE = msgspec.structs.replace(GOOD, is_hedge=True)


class Done(Exception):
    """The scripted time is over."""


class Venue:
    """The private side of a venue, answering by a script; its last word stays."""

    def __init__(self, *words: Standing | Exception) -> None:
        self.problem: str | None = None
        self._words = list(words)
        self.asked = 0

    async def standing(self) -> Standing:
        self.asked += 1
        word = self._words.pop(0) if len(self._words) > 1 else self._words[0]
        if isinstance(word, Exception):
            raise word
        return word


async def live(venue: Venue, seconds: float, told: list[Event], known: str = "") -> None:
    """The watch, for so long."""
    left = seconds

    async def sleep(length: float) -> None:
        nonlocal left
        left -= length
        if left <= 0:
            raise Done

    access = Access(venue, told.append, known, sleep)
    await access.ask()
    try:
        await access.run()
    except Done:
        return


def problems(told: Sequence[Event]) -> list[str | None]:
    return [x.problem for x in told if isinstance(x, ExchangeSeen)]


async def test_a_good_account_is_asked_rarely_and_nothing_is_said() -> None:
    venue, told = Venue(GOOD), list[Event]()
    await live(venue, 2 * ASK_S + 2, told)
    assert (venue.asked, told) == (3, [])


async def test_an_objection_is_told_once_and_its_end() -> None:
    venue, told = Venue(HEDGE, HEDGE, GOOD), list[Event]()
    await live(venue, 2 * ASK_AGAIN_S + 5, told)
    first, last = problems(told)
    assert first == "position mode: expected one-way, found hedge; switch it on the exchange"
    assert last is None


async def test_a_denial_is_one_too() -> None:
    venue, told = Venue(Denied("10003 API key is invalid.")), list[Event]()
    await live(venue, 3, told)
    assert problems(told) == ["10003 API key is invalid."]


async def test_a_denial_the_adapter_knows_of_ends_with_it_and_the_account_is_looked_at() -> None:
    venue, told = Venue(Denied("33004 key expired"), GOOD), list[Event]()
    venue.problem = "33004 key expired"
    access = Access(venue, told.append)
    await access.ask()
    access.tell()
    venue.problem = None
    access.tell()
    await access.ask()
    access.tell()
    assert problems(told) == ["33004 key expired", UNKNOWN, None]


async def test_no_answer_proves_nothing() -> None:
    venue, told = Venue(HEDGE, Transient("late")), list[Event]()
    await live(venue, ASK_AGAIN_S + 5, told)
    assert len(problems(told)) == 1


async def test_a_ledger_of_another_account_ends_the_process() -> None:
    venue, told = Venue(Transient("late"), GOOD), list[Event]()
    with pytest.raises(StoreError, match="expected 2, which the ledger is of, found 1"):
        await live(venue, 2 * ASK_AGAIN_S, told, "2")
    venue = Venue(GOOD)
    await live(venue, 5, told, "1")


async def test_an_account_nobody_saw_is_not_traded_until_it_answers() -> None:
    venue, told = Venue(Transient("late"), Transient("late"), GOOD), list[Event]()
    await live(venue, 2 * ASK_FIRST_S + 2, told)
    assert problems(told) == [f"{UNKNOWN}: late", None]
    venue, told = Venue(Transient("late"), HEDGE), []
    await live(venue, ASK_FIRST_S + 2, told)
    first, second = problems(told)
    assert first == f"{UNKNOWN}: late"
    assert "found hedge" in str(second)


async def test_a_weak_key_is_told_and_what_changes_of_it() -> None:
    short = msgspec.structs.replace(GOOD, deadline_days=3)
    later = msgspec.structs.replace(short, deadline_days=2)
    venue, told = Venue(short, short, later), list[Event]()
    await live(venue, 2 * ASK_S + 2, told)
    days = "API key: expected more than 14 days of life, found {}"
    assert told == [ExchangeSeen(None, (days.format(left),)) for left in (3, 2)]


async def test_what_the_adapter_knows_is_told_within_a_second() -> None:
    venue, told = Venue(GOOD), list[Event]()
    venue.problem = "33004 key expired"
    await live(venue, 3, told)
    assert problems(told) == ["33004 key expired"]
