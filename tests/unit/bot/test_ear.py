"""bot.ear and bot.watchdog: when nobody can steer, or somebody else may; without a network."""

from contextlib import suppress
from types import SimpleNamespace

import pytest
from desks import Clock
from telegram.error import NetworkError, TimedOut
from telegram_wire import Fault, Wire, no_network, refuse

from bot.ear import CALM_S, CONFLICT, REFUSED, WEBHOOK, Dial, Ear
from bot.watchdog import (
    AGAIN_S,
    CONTESTED_S,
    DEAF_S,
    LOST_S,
    REFUSED_S,
    TIDY_WEBHOOK_S,
    Alarm,
    News,
    Watchdog,
)

OTHER = refuse(409, "Conflict: terminated by other getUpdates request")
HOOK = refuse(409, "Conflict: can't use getUpdates method while webhook is active")
ADDRESS = "https://x/bot1:a/getUpdates"


def heard() -> tuple[int, object]:
    return 200, {"ok": True, "result": []}


def hangs() -> tuple[int, object]:
    raise TimedOut


class Listening:
    """An ear on a wire, a watchdog, and a clock that a test moves."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.wire = Wire()
        self.ear = Ear(self.wire, self.clock)
        self.dog = Watchdog(self.ear, self.clock)

    async def poll(self, fault: Fault = heard, after_s: float = 0.0) -> None:
        """Some time passes, and a poll meets this."""
        self.clock.now += after_s
        self.wire.faults["getUpdates"].append(fault)
        with suppress(NetworkError):  # the ear passes on what it takes note of
            await self.ear.do_request(ADDRESS, "POST")

    def later(self, seconds: float) -> list[tuple[Alarm, bool]]:
        """Some time passes; the news then."""
        self.clock.now += seconds
        return [(news.alarm, news.is_over) for news in self.dog.look()]


async def test_an_answered_poll_is_no_news() -> None:
    listening = Listening()
    await listening.poll()
    assert listening.dog.deaf_s == 0
    assert listening.later(DEAF_S) == []
    assert not listening.dog.wants_restart()
    assert listening.ear.read_timeout == 1.0


@pytest.mark.parametrize("fault", [no_network, hangs, refuse(502, "Bad Gateway")])
async def test_a_poll_without_an_answer_is_started_anew_and_told_after_five_minutes(
    fault: Fault,
) -> None:
    listening = Listening()
    await listening.poll()
    await listening.poll(fault, DEAF_S + 1)
    assert listening.ear.trouble.startswith("polling: ")
    assert listening.dog.wants_restart()
    assert not listening.dog.wants_restart()  # it waits for the effect
    assert listening.later(0) == []
    await listening.poll(fault, DEAF_S + 1)
    assert listening.dog.wants_restart()
    assert listening.later(LOST_S - 2 * DEAF_S) == [(Alarm.DEAF, False)]
    assert listening.later(AGAIN_S - 1) == []
    assert listening.later(1) == [(Alarm.DEAF, False)]
    await listening.poll()
    assert listening.later(0) == [(Alarm.DEAF, True)]
    assert (listening.dog.raised, listening.ear.trouble) == ((), "")


async def test_the_silence_before_the_first_poll_counts_too() -> None:
    listening = Listening()
    began_s = listening.clock.now
    listening.clock.now += LOST_S + 1
    assert listening.dog.look() == [News(Alarm.DEAF, began_s)]
    assert listening.dog.raised == (Alarm.DEAF,)


async def test_another_poller_is_told_after_two_minutes_and_when_it_is_gone() -> None:
    listening = Listening()
    for _ in range(int(CONTESTED_S / 10)):
        await listening.poll(OTHER, 10)
        assert listening.later(0) == []
    assert listening.ear.trouble == CONFLICT
    await listening.poll(OTHER, 11)
    assert listening.later(0) == [(Alarm.CONTESTED, False)]
    await listening.poll(heard, 10)  # two pollers take turns
    assert listening.later(0) == []
    await listening.poll(heard, CALM_S)
    assert listening.later(0) == [(Alarm.CONTESTED, True)]


async def test_an_old_container_that_ends_is_no_news() -> None:
    listening = Listening()
    await listening.poll(OTHER)
    await listening.poll(heard, CALM_S + 1)
    assert listening.later(CONTESTED_S) == []


async def test_a_webhook_is_told_at_once_and_removed_now_and_then() -> None:
    listening = Listening()
    await listening.poll()
    await listening.poll(HOOK, TIDY_WEBHOOK_S + 1)
    assert listening.ear.trouble == WEBHOOK
    assert listening.later(0) == [(Alarm.WEBHOOK, False)]
    assert listening.dog.wants_restart()  # which deletes it
    await listening.poll(HOOK, 5)
    assert not listening.dog.wants_restart()
    await listening.poll(heard, 5)
    assert not listening.dog.wants_restart()
    await listening.poll(heard, CALM_S)
    assert listening.later(0) == [(Alarm.WEBHOOK, True)]


@pytest.mark.parametrize("status", [401, 404])
async def test_a_refused_token_is_told_soon_and_does_not_kill_the_loop(status: int) -> None:
    listening = Listening()
    await listening.poll(refuse(status, "Unauthorized"))
    assert listening.ear.trouble == REFUSED
    assert listening.later(REFUSED_S - 1) == []
    await listening.poll(refuse(status, "Unauthorized"), 1)
    assert listening.later(0) == [(Alarm.REFUSED, False)]
    await listening.poll()
    assert listening.later(0) == [(Alarm.REFUSED, True)]


@pytest.mark.parametrize(
    ("header", "ahead_s"),
    [
        ({"date": "Thu, 09 Oct 2025 08:53:20 GMT"}, 0.0),  # the desk's own time
        ({"date": "Thu, 09 Oct 2025 08:53:22 GMT"}, 0.0),
        ({"date": "Thu, 09 Oct 2025 09:53:20 GMT"}, 3600.0),
        ({"date": "Thu, 09 Oct 2025 07:53:20 GMT"}, -3600.0),
        ({"date": "yesterday"}, 7.0),
        ({}, 7.0),
    ],
)
async def test_telegrams_clock_is_read_from_its_answers(
    header: dict[str, str], ahead_s: float
) -> None:
    dial = Dial(Clock())
    dial.ahead_s = 7.0
    await dial.hear(SimpleNamespace(headers=header))
    assert dial.ahead_s == ahead_s
