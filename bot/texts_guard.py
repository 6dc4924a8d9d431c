"""The sentences of the guard: who knocked, who else listens, why a command must wait.

They exist apart because they are said unasked, to the owner alone. Names of strangers enter them
escaped and cut; they must never repeat what a stranger wrote.
"""

from bot.knocks import Knock
from bot.views.layout import Text, esc, keyboard, read, short, span
from bot.watchdog import Alarm

STARTING = (
    "the exchange does not answer yet",
    "the account is being compared with the exchange",
)
_RAISED = {
    Alarm.DEAF: (
        "❗ <b>I could not hear you</b>",
        "Telegram gave no answer. Trading and protection go on; commands wait.",
    ),
    Alarm.CONTESTED: (
        "❗ <b>Another program is reading my commands</b>",
        "If it is not yours, revoke the token in BotFather. Trading and protection go on.",
    ),
    Alarm.WEBHOOK: (
        "❗ <b>A webhook was set for this bot</b>",
        "I remove it. If it is not yours, revoke the token in BotFather. Trading goes on.",
    ),
    Alarm.REFUSED: (
        "❗ <b>Telegram refused my token</b>",
        "Trading and protection go on; nobody can steer until the token works.",
    ),
}
_OVER = {
    Alarm.DEAF: "I hear you again",
    Alarm.CONTESTED: "Nobody else reads my commands any more",
    Alarm.WEBHOOK: "The webhook is gone",
    Alarm.REFUSED: "Telegram takes my token again",
}
NOT_KEPT = "You are the owner until the next start only; it could not be written down: {why}"


def alarm(kind: Alarm, since_s: float) -> Text:
    """Nobody can steer, or somebody else may."""
    head, words = _RAISED[kind]
    return Text(f"{head} · for {span(since_s)}\n{words}", keyboard((read("Health", "health"),)))


def over(kind: Alarm, lasted_s: float, *, is_paused: bool) -> Text:
    """An alarm that ended."""
    more = "\nEntries were paused for it and stay so." if is_paused else ""
    buttons = (read("Status", "status"), *((read("Resume", "resume"),) if is_paused else ()))
    return Text(f"✅ <b>{_OVER[kind]}</b> after {span(lasted_s)}.{more}", keyboard(buttons))


def hooked(host: str) -> Text:
    """A webhook was there when this process began."""
    words = (
        f"It leads to {short(host, 60)} and may have taken commands since I was last here. "
        "I remove it. If it is not yours, revoke the token in BotFather."
    )
    head = "❗ <b>A webhook was set while I was away</b>"
    return Text(f"{head}\n{words}", keyboard((read("Health", "health"),)))


def knocked(knock: Knock, count: int) -> Text:
    """Somebody who is on no list wrote; they got no answer."""
    name, place = short(knock.name, 40), esc(knock.place)
    others = f" And {count - 1} more." if count > 1 else ""
    return Text(f"🚪 Not let in: <code>{knock.user_id}</code> {name} ({place}).{others}")


def left(name: str, chat_id: int, place: str) -> Text:
    """Somebody put the bot into a place that is not listed."""
    words = f"I was added to {short(name, 40)} <code>{chat_id}</code> ({esc(place)}) and left it."
    return Text(f"🚪 {words} Groups are listed in <code>TELEGRAM_ALLOWED_CHATS</code>.")


def starting(step: int) -> Text:
    """A command has to wait until this start knows what is open."""
    words = (
        f"Starting, {step} of 3: {STARTING[step - 1]}. Nothing was done; say it again in a moment."
    )
    return Text(words, keyboard((read("Status", "status"),)))
