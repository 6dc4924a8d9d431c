"""bot.sandbox.room: who may be written to, and what the bot hears."""

import pytest

from bot.sandbox.markup import Formatted
from bot.sandbox.message import Content, Message
from bot.sandbox.people import OWNER_ID, PEOPLE, STRANGER_ID
from bot.sandbox.room import Chat, Press, Say, check_fits
from bot.sandbox.shelf import Stored
from bot.sandbox.wire import Refused
from chatroom import EPOCH_S, TOKEN, Hands

FILE = Stored("id", "photo.png", "image/png", b"x", 1, 1)


def posted(room: Chat, text: str = "card") -> Message:
    person = PEOPLE["owner"]
    content = Content(Formatted(text))
    return room.post(Message(person=person, is_bot=True, date=room.now_s, content=content))


def test_the_first_good_token_opens_the_room_and_stays() -> None:
    room = Chat()

    nobody = room.me["id"]
    assert [room.admits(token) for token in ("nonsense", TOKEN, TOKEN, "7:" + "x" * 35)] == [
        False,
        True,
        True,
        False,
    ]
    assert (nobody, room.me["id"]) == (0, 1000001)


def test_ids_go_on_where_an_earlier_room_cannot_have_been() -> None:
    clock = Hands()
    early = Chat(clock=clock).say(Say("x"))
    clock.now_s += 3600

    assert early.message_id == 1
    assert Chat(clock=clock).say(Say("x")).message_id == 3600
    assert Chat(clock=lambda: 0.0).say(Say("x")).message_id == 1


def test_what_is_said_becomes_an_update() -> None:
    room = Chat(TOKEN, clock=Hands())
    card = posted(room)

    said = room.say(Say(" /close all ", user="owner", reply_to=card.message_id, forwarded=True))

    (update,) = room.updates.take(0)
    assert update == {
        "update_id": 1,
        "message": {
            "message_id": said.message_id,
            "from": {
                "id": OWNER_ID,
                "is_bot": False,
                "first_name": "Olivia",
                "username": "sandbox_owner",
                "language_code": "en",
            },
            "chat": {
                "id": OWNER_ID,
                "type": "private",
                "first_name": "Olivia",
                "username": "sandbox_owner",
            },
            "date": EPOCH_S,
            "text": "/close all",
            "entities": [{"type": "bot_command", "offset": 0, "length": 6}],
            "reply_to_message": card.api(room.me),
            "forward_origin": {
                "type": "hidden_user",
                "date": EPOCH_S,
                "sender_user_name": "Somebody",
            },
        },
    }


def test_an_edit_by_its_author_is_another_update() -> None:
    clock = Hands()
    room = Chat(clock=clock)
    said = room.say(Say("one"))
    clock.now_s += 5

    again = room.say(Say("two", edit=said.message_id))

    assert again is said
    assert (said.content.body.text, said.edits, said.edit_date) == ("two", 1, EPOCH_S + 5)
    assert [min(update) for update in room.updates.take(0)] == ["message", "edited_message"]


def test_a_person_edits_and_answers_only_what_is_theirs() -> None:
    room = Chat()
    card = posted(room)
    said = room.say(Say("mine"))

    for problem in (
        Say("x", edit=card.message_id),
        Say("x", edit=said.message_id, user="viewer"),
        Say("x", reply_to=said.message_id, user="viewer"),
        Say(" "),
        Say("x" * 4097),
    ):
        with pytest.raises(Refused) as caught:
            room.say(problem)
        assert caught.value.code == 400
    assert len(room.updates) == 1


def test_a_tap_carries_who_tapped_and_what_was_sent() -> None:
    room = Chat(TOKEN)
    card = posted(room)

    tap = room.tap(Press(card.message_id, "forged", "stranger"))

    (update,) = room.updates.take(0)
    assert update["callback_query"] == {
        "id": tap.id,
        "from": PEOPLE["stranger"].user(),
        "chat_instance": str(OWNER_ID),
        "data": "forged",
        "message": card.api(room.me),
    }


@pytest.mark.parametrize("data", ["", "é" * 33])
def test_a_tap_that_cannot_be_is_refused(data: str) -> None:
    room = Chat()
    card, said = posted(room), room.say(Say("x"))

    for problem in (Press(card.message_id, data), Press(said.message_id, "x"), Press(99, "x")):
        with pytest.raises(Refused):
            room.tap(problem)


def test_the_bot_cannot_write_first_to_a_stranger() -> None:
    room = Chat()
    with pytest.raises(Refused, match="403 Forbidden"):
        room.reach(STRANGER_ID)

    room.say(Say("/start", user="stranger"))

    assert room.reach(str(STRANGER_ID)) is PEOPLE["stranger"]
    for nobody in (7, "-1001", "@somebody"):
        with pytest.raises(Refused, match="chat not found"):
            room.reach(nobody)


def test_only_an_answer_to_a_person_counts_as_one() -> None:
    room = Chat()
    said = room.say(Say("x"))
    card = posted(room)

    def reply(to: int) -> bool:
        content = Content(Formatted("y"))
        message = Message(person=PEOPLE["owner"], is_bot=True, date=0, content=content, reply_to=to)
        return room.post(message).is_answer

    assert (reply(said.message_id), reply(card.message_id)) == (True, False)


def test_an_edit_must_change_something_of_the_bots_own() -> None:
    room = Chat()
    card, said = posted(room, "card"), room.say(Say("x"))

    with pytest.raises(Refused, match="message is not modified"):
        room.rewrite(card, Content(Formatted("card")))
    with pytest.raises(Refused, match="message can't be edited"):
        room.rewrite(said, Content(Formatted("y")))
    assert room.rewrite(card, Content(Formatted("new"))).edits == 1


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (Content(), "message text is empty"),
        (Content(Formatted("x" * 4097)), "message is too long"),
        (Content(Formatted("\N{ROCKET}" * 2049)), "message is too long"),
        (Content(Formatted("x" * 1025), photo=FILE), "message caption is too long"),
        (Content(Formatted("x" * 1025), document=FILE), "message caption is too long"),
    ],
)
def test_what_does_not_fit_is_refused(content: Content, expected: str) -> None:
    with pytest.raises(Refused, match=expected):
        check_fits(content)


def test_what_just_fits_is_taken() -> None:
    check_fits(Content(Formatted("x" * 4096)))
    check_fits(Content(Formatted("x" * 1024), photo=FILE))
    check_fits(Content(document=FILE))
