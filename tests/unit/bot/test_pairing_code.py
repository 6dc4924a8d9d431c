"""bot.pairing: one code, ten minutes, five attempts, one use."""

import re

import pytest
from desks import Clock, FakeDesk
from telegram_wire import OWNER, STRANGER, T_S, message, tap, update, user

from bot.pairing import ATTEMPTS, VALID_S, Pairing, binding, claimed, new_code, remembered


def opened() -> tuple[Pairing, Clock, str]:
    clock = Clock()
    pairing = Pairing(clock)
    return pairing, clock, pairing.open()


def test_a_code_is_easy_to_type_and_never_the_same() -> None:
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    assert all(re.fullmatch(r"[2-9A-HJKMNP-Z]{4}-[2-9A-HJKMNP-Z]{2}", code) for code in codes)


def test_nothing_is_taken_before_a_code_was_made() -> None:
    pairing = Pairing(Clock())
    assert not pairing.is_open
    assert not pairing.take("")


@pytest.mark.parametrize("change", [str, str.lower, lambda c: c.replace("-", "")])
def test_the_code_is_taken_once_however_it_is_typed(change: type[str]) -> None:
    pairing, _, code = opened()
    assert pairing.take(change(code))
    assert not pairing.take(code)
    assert not pairing.is_open


def test_five_wrong_ones_close_it() -> None:
    pairing, _, code = opened()
    assert not any(pairing.take("2222-22Ä") for _ in range(ATTEMPTS))
    assert not pairing.take(code)


def test_ten_minutes_later_it_is_closed() -> None:
    pairing, clock, code = opened()
    clock.now += VALID_S
    assert not pairing.take(code)
    assert pairing.take(pairing.open())


def test_only_a_person_in_private_with_words_of_their_own_claims() -> None:
    said = "/start 7F3K-Q2"
    origin = {"type": "user", "date": T_S, "sender_user": user(OWNER)}
    assert claimed(update(message(said, STRANGER))) == (STRANGER, "7F3K-Q2")
    assert claimed(update(message("/start@break_bot  7F3K-Q2 ", STRANGER))) is not None
    robot = {"from": {**user(STRANGER), "is_bot": True}}
    channel = {"sender_chat": {"id": -1, "type": "channel", "title": "x"}}
    for raw in (
        message("/start", STRANGER),
        message("start 7F3K-Q2", STRANGER),
        message(None, STRANGER),
        message(said, STRANGER, chat=-500),
        message(said, STRANGER, forward_origin=origin),
        message(said, STRANGER, **robot),
        message(said, STRANGER, **channel),
        tap("x", 1, STRANGER),
    ):
        assert claimed(update(raw)) is None


def test_the_owner_is_kept_as_a_note() -> None:
    note = binding("tg:5:pair", OWNER)
    assert (note.command_id, note.by, note.key, note.value) == (
        "tg:5:pair",
        "pairing",
        "owner",
        str(OWNER),
    )
    desk = FakeDesk()
    assert remembered(desk) is None
    desk.show(notes={note.key: note.value})
    assert remembered(desk) == OWNER
