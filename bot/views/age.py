"""How old the numbers of an answer are, where they are old.

It exists so that every command that shows prices says so in one way, while no feed or no exchange
is there. It must never hold an answer back: an old number with its time is better than none.
"""

from bot.views.layout import Text, when
from engine.core.values import GateName, Ms
from engine.core.view import View

OLD_MS: Ms = 60_000  # prices older than this are no longer those of now
NO_PRICE = "no price has come yet"


def dated(text: Text, view: View) -> Text:
    """The same answer, with a last line of how old prices and account are, if they are."""
    said = [words for words in (_prices(view), _account(view)) if words]
    if not said:
        return text
    return Text(f"{text.html}\n<i>⚠️ {'; '.join(said)}</i>", text.buttons)


def _prices(view: View) -> str:
    newest = view.newest_quote_ms
    if newest is None:
        return NO_PRICE
    is_stale = any(gate.name is GateName.STALE_DATA for gate in view.gates)
    if not is_stale and view.at_ms - newest <= OLD_MS:
        return ""
    return f"prices as of {when(newest, _style(view, newest))}"


def _account(view: View) -> str:
    """The exchange gives no reliable answers: what it last said is that old."""
    down = next((g for g in view.gates if g.name is GateName.EXCHANGE_DOWN), None)
    if down is None:
        return ""
    return f"account as of {when(down.since_ms, _style(view, down.since_ms))}"


def _style(view: View, at_ms: Ms) -> str:
    return "T" if view.at_ms - at_ms < 12 * 3_600_000 else "dt"
