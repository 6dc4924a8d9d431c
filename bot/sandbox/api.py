"""The Bot API methods, as far as python-telegram-bot and a trading bot use them.

They exist so that an unmodified client meets Telegram's answers and refusals, in Telegram's words.
Each method reads its parameters by shape and acts on the room; none does I/O. `getUpdates` alone is
missing here, because it waits (`poll.py`).
"""

from collections.abc import Callable
from types import MappingProxyType

import msgspec
from telegram.constants import ChatAction, ReactionEmoji

from bot.sandbox import asks
from bot.sandbox.keyboard import checked
from bot.sandbox.markup import Formatted, utf16_len, written
from bot.sandbox.menu import CHAT_SCOPES, OPEN_SCOPES, Scope
from bot.sandbox.message import Content, Kind, Message
from bot.sandbox.room import CAPTION_MAX, TEXT_MAX, Chat
from bot.sandbox.wire import Ask, Refused, Upload, bad_request

DELETE_WITHIN_S = 48 * 3600
ANSWER_MAX = 200

_REACTIONS = frozenset(str(emoji) for emoji in ReactionEmoji)
_ACTIONS = frozenset(str(action) for action in ChatAction)


def answer(room: Chat, ask: Ask) -> object:
    """The `result` of a call; raises `Refused`, 404 for a method that does not exist."""
    method = METHODS.get(ask.method.lower())
    if method is None:
        raise Refused(404, "Not Found: method not found")
    return method(room, ask)


def _get_me(room: Chat, _ask: Ask) -> object:
    return {
        **room.me,
        "can_join_groups": False,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


def _get_webhook_info(room: Chat, _ask: Ask) -> object:
    return {
        "url": "",
        "has_custom_certificate": False,
        "pending_update_count": len(room.updates),
        "allowed_updates": room.updates.allowed,
    }


def _delete_webhook(room: Chat, ask: Ask) -> object:
    if ask.read(asks.DeleteWebhook).drop_pending_updates:
        room.updates.clear()
    return True


def _set_webhook(_room: Chat, _ask: Ask) -> object:
    raise bad_request("bad webhook: this chat is only polled, use getUpdates")


def _send_message(room: Chat, ask: Ask) -> object:
    send = ask.read(asks.Send)
    return _post(room, send, Content(written(send.text, send.parse_mode)))


def _send_photo(room: Chat, ask: Ask) -> object:
    send = ask.read(asks.Send)
    content = _photo(room, ask.file("photo", send.photo), _caption(send))
    return _post(room, send, content)


def _send_document(room: Chat, ask: Ask) -> object:
    send = ask.read(asks.Send)
    content = _document(room, ask.file("document", send.document), _caption(send))
    return _post(room, send, content)


def _post(room: Chat, send: asks.Send, content: Content) -> object:
    person = room.reach(send.chat_id)
    message = Message(
        person=person,
        is_bot=True,
        date=room.now_s,
        content=msgspec.structs.replace(content, keyboard=checked(send.reply_markup)),
        reply_to=_reply_target(room, send, person.id),
        is_silent=send.disable_notification,
    )
    return room.told(room.post(message))


def _reply_target(room: Chat, send: asks.Send, chat_id: int) -> int | None:
    wanted = send.reply_parameters
    if wanted is None and send.reply_to_message_id is not None:
        wanted = asks.ReplyParameters(send.reply_to_message_id, send.allow_sending_without_reply)
    if wanted is None:
        return None
    if room.history.find(wanted.message_id, chat_id) is not None:
        return wanted.message_id
    if wanted.allow_sending_without_reply:
        return None
    raise bad_request("message to be replied not found")


def _caption(send: asks.Send | asks.Media | asks.Edit) -> Formatted:
    return written(send.caption, send.parse_mode)


def _photo(room: Chat, source: Upload | str, caption: Formatted) -> Content:
    if isinstance(source, Upload):
        return Content(caption, photo=room.shelf.put_photo(source))
    stored = room.shelf.get(source)
    if stored is None or not stored.width:
        raise bad_request("wrong remote file identifier specified: expected a photo sent before")
    return Content(caption, photo=stored)


def _document(room: Chat, source: Upload | str, caption: Formatted) -> Content:
    if isinstance(source, Upload):
        return Content(caption, document=room.shelf.put_document(source))
    stored = room.shelf.get(source)
    if stored is None:
        raise bad_request("wrong remote file identifier specified: expected a file sent before")
    return Content(caption, document=stored)


def _edited(room: Chat, edit: asks.Edit) -> Message:
    return _found(room, edit.chat_id, edit.message_id, "edit")


def _found(room: Chat, chat_id: int | str, message_id: int | None, verb: str) -> Message:
    message = room.history.find(message_id, room.reach(chat_id).id)
    if message is None:
        raise bad_request(f"message to {verb} not found")
    return message


def _edit_text(room: Chat, ask: Ask) -> object:
    edit = ask.read(asks.Edit)
    message = _edited(room, edit)
    if message.content.kind is not Kind.TEXT:
        raise bad_request("there is no text in the message to edit")
    body = _fits_edit(written(edit.text, edit.parse_mode), TEXT_MAX, "MESSAGE_TOO_LONG")
    return room.told(room.rewrite(message, Content(body, checked(edit.reply_markup))))


def _fits_edit(body: Formatted, limit: int, refusal: str) -> Formatted:
    """An edit that is too long is refused in other words than a message that is."""
    if utf16_len(body.text) > limit:
        raise bad_request(refusal)
    return body


def _edit_caption(room: Chat, ask: Ask) -> object:
    edit = ask.read(asks.Edit)
    message = _edited(room, edit)
    if message.content.kind is Kind.TEXT:
        raise bad_request("there is no caption in the message to edit")
    body = _fits_edit(_caption(edit), CAPTION_MAX, "MEDIA_CAPTION_TOO_LONG")
    content = msgspec.structs.replace(
        message.content, body=body, keyboard=checked(edit.reply_markup)
    )
    return room.told(room.rewrite(message, content))


def _edit_markup(room: Chat, ask: Ask) -> object:
    edit = ask.read(asks.Edit)
    message = _edited(room, edit)
    content = msgspec.structs.replace(message.content, keyboard=checked(edit.reply_markup))
    return room.told(room.rewrite(message, content))


def _edit_media(room: Chat, ask: Ask) -> object:
    edit = ask.read(asks.Edit)
    message, media = _edited(room, edit), edit.media
    if media is None or media.type not in {"photo", "document"}:
        raise bad_request("can't parse media: expected a photo or a document")
    make = _photo if media.type == "photo" else _document
    content = make(room, ask.file("media", media.media), _caption(media))
    keyboard = checked(edit.reply_markup)
    changed = msgspec.structs.replace(content, keyboard=keyboard)
    return room.told(room.rewrite(message, changed))


def _delete_message(room: Chat, ask: Ask) -> object:
    one = ask.read(asks.OneMessage)
    message = _found(room, one.chat_id, one.message_id, "delete")
    if room.now_s - message.date > DELETE_WITHIN_S:
        raise bad_request("message can't be deleted for everyone")
    room.history.remove(message)
    return True


def _pin(room: Chat, ask: Ask) -> object:
    one = ask.read(asks.OneMessage)
    message = _found(room, one.chat_id, one.message_id, "pin")
    message.is_pinned = True
    room.history.touch(message)
    return True


def _unpin(room: Chat, ask: Ask) -> object:
    one = ask.read(asks.OneMessage)
    pinned = room.history.pinned(room.reach(one.chat_id).id)
    wanted = [m for m in pinned if one.message_id in (None, m.message_id)]
    if not wanted:
        raise bad_request("message to unpin not found")
    wanted[-1].is_pinned = False
    room.history.touch(wanted[-1])
    return True


def _unpin_all(room: Chat, ask: Ask) -> object:
    for message in room.history.pinned(room.reach(ask.read(asks.OneChat).chat_id).id):
        message.is_pinned = False
        room.history.touch(message)
    return True


def _leave(room: Chat, ask: Ask) -> object:
    chat_id = ask.read(asks.OneChat).chat_id
    group = room.groups.find(chat_id)
    if group is not None:
        room.groups.leave(group)
        return True
    room.known(chat_id)
    raise bad_request("chat member status can't be changed in private chats")


def _react(room: Chat, ask: Ask) -> object:
    react = ask.read(asks.React)
    message = _found(room, react.chat_id, react.message_id, "react")
    emojis = tuple(item.emoji for item in react.reaction)
    if len(emojis) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    if not _REACTIONS.issuperset(emojis):
        raise bad_request("REACTION_INVALID")
    message.reactions = emojis
    room.history.touch(message)
    return True


def _answer_query(room: Chat, ask: Ask) -> object:
    said = ask.read(asks.AnswerQuery)
    if len(said.text) > ANSWER_MAX:
        raise bad_request("MESSAGE_TOO_LONG")
    room.taps.answer(said.callback_query_id, said.text, is_alert=said.show_alert)
    return True


def _chat_action(room: Chat, ask: Ask) -> object:
    said = ask.read(asks.ChatAction)
    if said.action not in _ACTIONS:
        raise bad_request("wrong parameter action in request")
    room.history.act(room.reach(said.chat_id).key, said.action)
    return True


def _get_chat(room: Chat, ask: Ask) -> object:
    person = room.reach(ask.read(asks.OneChat).chat_id)
    pinned = room.history.pinned(person.id)
    found = {**person.chat(), "accent_color_id": 0, "max_reaction_count": 11}
    found["accepted_gift_types"] = dict.fromkeys(
        (
            "unlimited_gifts",
            "limited_gifts",
            "unique_gifts",
            "premium_subscription",
            "gifts_from_channels",
        ),
        False,
    )
    return {**found, "pinned_message": room.told(pinned[-1])} if pinned else found


def _get_file(room: Chat, ask: Ask) -> object:
    stored = room.shelf.get(ask.read(asks.OneFile).file_id)
    if stored is None:
        raise bad_request("invalid file_id")
    return {**stored.ref(), "file_path": f"files/{stored.id}"}


def _set_commands(room: Chat, ask: Ask) -> object:
    menu = ask.read(asks.Commands)
    room.menus.put(_scope(room, menu), menu.language_code, menu.commands)
    return True


def _get_commands(room: Chat, ask: Ask) -> object:
    menu = ask.read(asks.Commands)
    return msgspec.to_builtins(room.menus.get(_scope(room, menu), menu.language_code))


def _delete_commands(room: Chat, ask: Ask) -> object:
    menu = ask.read(asks.Commands)
    room.menus.drop(_scope(room, menu), menu.language_code)
    return True


def _scope(room: Chat, menu: asks.Commands) -> Scope:
    """The scope, checked: every chat here is a private one."""
    scope = menu.scope
    if scope.type in OPEN_SCOPES:
        return Scope(scope.type)
    if scope.type not in CHAT_SCOPES:
        raise bad_request("can't parse BotCommandScope: Unsupported type specified")
    person = room.known(scope.chat_id)
    if scope.type != "chat":
        raise bad_request("can't use specified scope in private chats")
    return Scope("chat", person.id)


METHODS: MappingProxyType[str, Callable[[Chat, Ask], object]] = MappingProxyType(
    {
        "getme": _get_me,
        "getwebhookinfo": _get_webhook_info,
        "deletewebhook": _delete_webhook,
        "setwebhook": _set_webhook,
        "sendmessage": _send_message,
        "sendphoto": _send_photo,
        "senddocument": _send_document,
        "editmessagetext": _edit_text,
        "editmessagecaption": _edit_caption,
        "editmessagereplymarkup": _edit_markup,
        "editmessagemedia": _edit_media,
        "deletemessage": _delete_message,
        "pinchatmessage": _pin,
        "unpinchatmessage": _unpin,
        "unpinallchatmessages": _unpin_all,
        "leavechat": _leave,
        "setmessagereaction": _react,
        "answercallbackquery": _answer_query,
        "sendchataction": _chat_action,
        "getchat": _get_chat,
        "getfile": _get_file,
        "setmycommands": _set_commands,
        "getmycommands": _get_commands,
        "deletemycommands": _delete_commands,
    }
)
"""By lower-case name: Telegram does not mind the case."""
