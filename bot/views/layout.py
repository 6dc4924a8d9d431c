"""The one place where text becomes Telegram HTML: escaping, fixed-width rows, numbers, buttons.

It exists because one unescaped character makes a message vanish and one row too wide breaks a
phone's screen. Data must never reach a message except through `esc` or `rows`.
"""

import html
import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import msgspec

WIDTH = 34  # columns of a <pre> line that a phone shows without wrapping
TEXT_MAX = 4096  # UTF-16 units after entity parsing (Bot API)
CAPTION_MAX = 1024
DATA_MAX = 64  # bytes of callback data (Bot API)
ROW_MAX = 8  # buttons in a row a client still draws
THIN = "\u2009"  # thin space between thousands
NONE = "-"  # what an unknown value looks like
_MARK_FROM = 5  # narrower cells are cut without a mark
_DAY_S, _HOUR_S, _MINUTE_S = 86_400, 3_600, 60
_COMPACT = ((1e9, "B"), (1e6, "M"), (1e3, "k"))

_MODES = {"paper": "🧪 PAPER", "live": "💵 LIVE"}

_NUMBERED = re.compile(r"^(@\w+) \(\d+\)$")

Style = Literal["primary", "success", "danger"]
Number = int | float | Decimal


class Button(msgspec.Struct, frozen=True):
    """A button under a message; `data` is what a tap sends back."""

    label: str
    data: str
    style: Style | None = None


class Text(msgspec.Struct, frozen=True):
    """A message: HTML and rows of buttons."""

    html: str
    buttons: tuple[tuple[Button, ...], ...] = ()


def esc(words: object) -> str:
    """Data made harmless for HTML; control, bidi and broken characters become `?`."""
    return html.escape("".join(_visible(c) for c in str(words)), quote=False)


def _visible(char: str) -> str:
    kind = unicodedata.category(char)
    if char.isspace():
        return char if char in {" ", THIN} else " "
    return "?" if kind.startswith("C") else char


def clip(words: object, limit: int) -> str:
    """Data as one line of at most `limit` characters, its end marked when cut; not yet escaped."""
    line = " ".join(str(words).split())
    if len(line) <= limit:
        return line
    return line[:limit] if limit < _MARK_FROM else line[: limit - 2] + ".."


def short(words: object, limit: int = 200) -> str:
    """Escaped data of bounded length, for use outside `<pre>`."""
    return esc(clip(words, limit))


def pre(lines: Iterable[str]) -> str:
    """Rows in fixed width: ASCII only, cut at the width of a phone."""
    return "<pre>" + "\n".join(esc(_narrow(line)) for line in lines) + "</pre>"


def _narrow(line: str) -> str:
    plain = "".join(c if " " <= c <= "~" else "?" for c in line.rstrip())
    return plain[:WIDTH]


def row(*cells: tuple[object, int]) -> str:
    """Cells side by side, one space between; a negative width aligns right, excess is cut."""
    done = []
    for words, width in cells:
        size = abs(width)
        plain = clip(words, size)
        done.append(plain.ljust(size) if width > 0 else plain.rjust(size))
    return " ".join(done)


def who(by: str) -> str:
    """A person as the chat names them: without the number that facts keep."""
    return short(_NUMBERED.sub(r"\1", by), 60)


def badge(mode: str) -> str:
    """Which money this is about."""
    return _MODES.get(mode, short(mode, 20))


def icon(mode: str) -> str:
    """The badge without its word, where a line is short."""
    return badge(mode).partition(" ")[0]


def marked(text: Text, mode: str) -> Text:
    """The message with the icon of its money in the first line, where it is not yet."""
    first, *rest = text.html.split("\n", 1)
    if icon(mode) in first:
        return text
    return Text("\n".join([f"{first} · {icon(mode)}", *rest]), text.buttons)


def fold(words: str) -> str:
    """Escaped HTML that opens on a tap."""
    return f"<blockquote expandable>{words}</blockquote>"


def when(at_ms: int, style: str = "t") -> str:
    """A time in the reader's own zone; clients without it show UTC.

    With a `d` in the style the date comes first.
    """
    words = clock(at_ms, with_seconds=style == "T")
    if "d" in style:
        words = f"{datetime.fromtimestamp(at_ms / 1000, UTC):%m-%d} {words}"
    return f'<tg-time unix="{at_ms // 1000}" format="{style}">{words}</tg-time>'


def clock(at_ms: int, *, with_seconds: bool = True) -> str:
    """UTC time of day, for fixed-width rows."""
    stamp = datetime.fromtimestamp(at_ms / 1000, UTC)
    return stamp.strftime("%H:%M:%S" if with_seconds else "%H:%M")


def span(seconds: float | None) -> str:
    """A duration as a person says it: 38s, 14m, 2h10, 6d 04h."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    whole = max(int(seconds), 0)
    if whole < _MINUTE_S:
        return f"{whole}s"
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S}h{whole % _HOUR_S // _MINUTE_S:02d}"
    return f"{whole // _DAY_S}d {whole % _DAY_S // _HOUR_S:02d}h"


def money(amount: Number | None, *, signed: bool = True, thin: bool = False) -> str:
    """An amount with two decimals; `thin` separates thousands (outside `<pre>` only)."""
    if amount is None or not math.isfinite(amount):
        return NONE
    words = f"{_rounded(amount, 2):{'+' if signed else ''},.2f}"
    return words.replace(",", THIN if thin else "")


def amount(value: Number | None, width: int) -> str:
    """A signed amount that fits a column: with decimals, without, or shortened."""
    forms = (money(value), money(value).partition(".")[0])
    short_form = NONE if value is None else f"{'+' if value > 0 else ''}{compact(float(value))}"
    return next((form for form in forms if len(form) <= width), short_form)


def percent(value: Number | None, digits: int = 2) -> str:
    """A signed percentage."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{_rounded(value, digits):+.{digits}f}%"


def in_r(value: Number | None) -> str:
    """A signed multiple of initial risk."""
    return NONE if value is None or not math.isfinite(value) else f"{_rounded(value, 2):+.2f}R"


def fixed(value: Number, digits: int) -> str:
    """A number with so many decimals, never a minus zero."""
    return f"{_rounded(value, digits):.{digits}f}"


def _rounded(value: Number, digits: int) -> Number:
    if isinstance(value, Decimal):
        return round(value, digits) + 0  # the sum turns -0 into 0
    return round(value, digits) + 0


def price(value: Number | None, digits: int | None = None) -> str:
    """A price with so many decimals; without them exact, a float to eight significant digits."""
    if value is None or not math.isfinite(value):
        return NONE
    return format(_exact(value), "f") if digits is None else fixed(value, digits)


def decimals(*prices: Number | None) -> int:
    """How many decimals show all these prices in full; legal prices carry those of their tick."""
    known = (_exact(p) for p in prices if p is not None and math.isfinite(p))
    return max([0, *(-int(x.as_tuple().exponent) for x in known)])


def _exact(value: Number) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(f"{value:.8g}").normalize()


def compact(value: float | None) -> str:
    """A statistic in at most six characters: 8.2M, 61k, 1.12."""
    if value is None or not math.isfinite(value):
        return NONE
    for size, unit in _COMPACT:
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value + 0.0:.3g}"


def coin(symbol: str) -> str:
    """The symbol without its quote currency, for narrow tables."""
    return symbol.removesuffix("USDT") or symbol


def read(label: str, *words: str) -> Button:
    """A button that reads or asks, answered by a new message."""
    return Button(label, "r|" + " ".join(words))


def turn(label: str, *words: str) -> Button:
    """A button that reads, answered in place of the message it hangs on."""
    return Button(label, "e|" + " ".join(words))


def keyboard(*lines: Sequence[Button]) -> tuple[tuple[Button, ...], ...]:
    """Rows of buttons; one that Telegram would refuse is left out."""
    kept = (tuple(b for b in line if _is_legal(b)) for line in lines)
    return tuple(line[:ROW_MAX] for line in kept if line)


def _is_legal(button: Button) -> bool:
    data = button.data
    return bool(button.label.strip()) and data.isascii() and 0 < len(data) <= DATA_MAX


def label(words: object, limit: int = 20) -> str:
    """Data as the label of a button: plain words, not HTML."""
    return clip("".join(_visible(c) for c in str(words)), limit)


def plain(markup: str) -> str:
    """The same words without markup, for the case that Telegram rejects the HTML."""
    return html.unescape(re.sub(r"</?[a-z][^<>]*>", "", markup)).strip()


def units(words: str) -> int:
    """Length as Telegram counts it: UTF-16 code units."""
    return len(words.encode("utf-16-le", "surrogatepass")) // 2


def fit(text: Text, limit: int = TEXT_MAX) -> Text:
    """The same message, reduced to cut plain words when it is too long for Telegram."""
    words = plain(text.html)
    if units(words) <= limit:
        return text
    while units(words) > limit - 3:
        words = words[: len(words) - max(1, (units(words) - limit + 3) // 2)]
    return Text(esc(words) + "..", text.buttons)
