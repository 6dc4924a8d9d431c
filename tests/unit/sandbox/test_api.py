"""bot.sandbox.api: the methods' refusals; what they do, a real client tells in the e2e tests."""

from typing import Any

import pytest

from bot.sandbox import api
from bot.sandbox.people import OWNER_ID, VIEWER_ID
from bot.sandbox.room import Chat, Say
from bot.sandbox.wire import Refused, Upload
from chatroom import PIXEL, Hands, ask

PHOTO = {"photo": Upload("chart.png", "image/png", PIXEL)}
PAPER = {"document": Upload("trades.csv", "text/csv", b"a,b\n")}


def call(room: Chat, method: str, uploads: dict[str, Upload] | None = None, **values: Any) -> Any:  # noqa: ANN401 -- a JSON value, read by each test
    return api.answer(room, ask(method, uploads, **values))


def sent(room: Chat) -> int:
    return int(call(room, "sendMessage", text="card")["message_id"])


def pictured(room: Chat) -> int:
    return int(call(room, "sendPhoto", PHOTO, caption="one")["message_id"])


def test_a_method_that_does_not_exist_is_not_found() -> None:
    with pytest.raises(Refused, match="404 Not Found"):
        call(Chat(), "sendNothing")


def test_the_case_of_a_method_does_not_matter() -> None:
    assert call(Chat(), "GETME")["is_bot"] is True


EDITS: dict[str, tuple[str, dict[str, object], str]] = {
    "no text": ("editMessageText", {"text": "x"}, "there is no text in the message to edit"),
    "unknown media": (
        "editMessageMedia",
        {"media": {"type": "video", "media": "x"}},
        "can't parse media: expected a photo or a document",
    ),
    "no media": ("editMessageMedia", {}, "can't parse media: expected a photo or a document"),
    "unknown file": (
        "editMessageMedia",
        {"media": {"type": "photo", "media": "nothing"}},
        "wrong remote file identifier specified: expected a photo sent before",
    ),
    "unknown paper": (
        "editMessageMedia",
        {"media": {"type": "document", "media": "nothing"}},
        "wrong remote file identifier specified: expected a file sent before",
    ),
    "reactions": (
        "setMessageReaction",
        {"reaction": [{"type": "emoji", "emoji": "\N{EYES}"}] * 2},
        "REACTIONS_TOO_MANY",
    ),
    "reaction": (
        "setMessageReaction",
        {"reaction": [{"type": "emoji", "emoji": "\N{WHITE HEAVY CHECK MARK}"}]},
        "REACTION_INVALID",
    ),
    "action": ("sendChatAction", {"action": "dancing"}, "wrong parameter action in request"),
    "file": ("getFile", {"file_id": "nothing"}, "invalid file_id"),
    "answer": (
        "answerCallbackQuery",
        {"callback_query_id": "1", "text": "x" * 201},
        "MESSAGE_TOO_LONG",
    ),
    "unpin": ("unpinChatMessage", {}, "message to unpin not found"),
}


@pytest.mark.parametrize("name", EDITS)
def test_refusals_on_a_photo(name: str) -> None:
    method, values, expected = EDITS[name]
    room = Chat()
    message_id = pictured(room)

    with pytest.raises(Refused) as caught:
        call(room, method, None, message_id=message_id, **values)

    assert caught.value.description == f"Bad Request: {expected}"


@pytest.mark.parametrize(
    ("method", "values", "expected"),
    [
        ("editMessageText", {"text": "x" * 4097}, "MESSAGE_TOO_LONG"),
        ("editMessageCaption", {"caption": "x" * 1025}, "MEDIA_CAPTION_TOO_LONG"),
    ],
)
def test_an_edit_that_is_too_long_is_refused_in_its_own_words(
    method: str, values: dict[str, object], expected: str
) -> None:
    room = Chat()
    message_id = sent(room) if method == "editMessageText" else pictured(room)

    with pytest.raises(Refused, match=f"Bad Request: {expected}"):
        call(room, method, None, message_id=message_id, **values)


def test_all_pins_can_be_taken_off_at_once() -> None:
    room = Chat()
    for message_id in (sent(room), sent(room)):
        call(room, "pinChatMessage", message_id=message_id)

    assert call(room, "unpinAllChatMessages") is True

    assert room.history.pinned(OWNER_ID) == []


def test_a_private_chat_cannot_be_left() -> None:
    with pytest.raises(Refused, match="chat member status can't be changed in private chats"):
        call(Chat(), "leaveChat")


MENU = [{"command": "/scan", "description": "Rank the market"}]


def test_a_menu_is_set_told_and_deleted_for_its_scope_alone() -> None:
    room = Chat()
    scope = {"type": "chat", "chat_id": VIEWER_ID}  # nobody wrote yet: a menu does not mind

    assert call(room, "setMyCommands", commands=MENU, scope=scope) is True

    kept = [{"command": "scan", "description": "Rank the market"}]
    told = call(room, "getMyCommands", scope={"type": "chat", "chat_id": str(VIEWER_ID)})
    assert list(told) == kept
    for other in ({"type": "default"}, {"type": "all_group_chats"}):
        assert list(call(room, "getMyCommands", scope=other)) == []
    assert call(room, "deleteMyCommands", scope=scope) is True
    assert list(call(room, "getMyCommands", scope=scope)) == []


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (
            {"type": "chat_member", "chat_id": OWNER_ID, "user_id": OWNER_ID},
            "can't use specified scope in private chats",
        ),
        (
            {"type": "chat_administrators", "chat_id": OWNER_ID},
            "can't use specified scope in private chats",
        ),
        ({"type": "chat", "chat_id": -1}, "chat not found"),
        ({"type": "chat"}, "chat not found"),
        ({"type": "planet"}, "can't parse BotCommandScope: Unsupported type specified"),
    ],
)
def test_a_scope_that_cannot_be_is_refused(scope: dict[str, object], expected: str) -> None:
    with pytest.raises(Refused) as caught:
        call(Chat(), "setMyCommands", commands=MENU, scope=scope)

    assert caught.value.description == f"Bad Request: {expected}"


def test_a_text_has_no_caption() -> None:
    room = Chat()

    with pytest.raises(Refused, match="there is no caption in the message to edit"):
        call(room, "editMessageCaption", message_id=sent(room), caption="x")


@pytest.mark.parametrize(
    ("method", "verb"),
    [
        ("editMessageText", "edit"),
        ("deleteMessage", "delete"),
        ("pinChatMessage", "pin"),
        ("setMessageReaction", "react"),
    ],
)
def test_a_message_that_is_not_there(method: str, verb: str) -> None:
    with pytest.raises(Refused, match=f"message to {verb} not found"):
        call(Chat(), method, message_id=99)


def test_a_photo_becomes_a_document_and_a_document_is_no_photo() -> None:
    room = Chat()
    message_id = pictured(room)
    paper = call(room, "sendDocument", PAPER)["document"]["file_id"]
    again = call(room, "sendDocument", document=paper)["document"]["file_id"]

    media = {"type": "document", "media": paper, "caption": "csv"}
    edited = call(room, "editMessageMedia", message_id=message_id, media=media)

    assert again == paper
    assert (edited["document"]["file_id"], edited["caption"]) == (paper, "csv")
    assert "photo" not in edited
    with pytest.raises(Refused, match="expected a photo sent before"):
        call(room, "sendPhoto", photo=paper)


def test_a_reply_in_the_old_style_follows_the_same_rules() -> None:
    room = Chat()
    message_id = room.say(Say("x")).message_id

    there = call(room, "sendMessage", text="y", reply_to_message_id=message_id)
    allowed = {"reply_to_message_id": 99, "allow_sending_without_reply": True}
    gone = call(room, "sendMessage", None, text="y", **allowed)

    assert there["reply_to_message"]["message_id"] == message_id
    assert "reply_to_message" not in gone


def test_a_message_older_than_two_days_stays() -> None:
    clock = Hands()
    room = Chat(clock=clock)
    message_id = sent(room)
    clock.now_s += api.DELETE_WITHIN_S + 1

    with pytest.raises(Refused, match="message can't be deleted for everyone"):
        call(room, "deleteMessage", message_id=message_id)


def test_pending_updates_can_be_dropped_or_kept() -> None:
    room = Chat()
    room.say(Say("x"))

    assert call(room, "deleteWebhook") is True
    assert call(room, "getWebhookInfo")["pending_update_count"] == 1
    assert call(room, "deleteWebhook", drop_pending_updates="true") is True
    assert call(room, "getWebhookInfo")["pending_update_count"] == 0


def test_one_of_two_pins_can_be_taken_off_and_a_chat_without_pins_has_none() -> None:
    room = Chat()
    first, second = sent(room), int(call(room, "sendMessage", text="b")["message_id"])
    for message_id in (first, second):
        call(room, "pinChatMessage", message_id=message_id)

    call(room, "unpinChatMessage", message_id=first)

    assert call(room, "getChat")["pinned_message"]["message_id"] == second
    call(room, "unpinChatMessage")
    assert "pinned_message" not in call(room, "getChat", chat_id=OWNER_ID)
