"""What a person typed, turned into symbols, shares and durations, or refused with an example.

It exists because `1,5` means two different numbers to two people: reads are forgiving, money is
exact. It must never guess a number and never match money commands by likeness.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.core.values import Ms
from engine.core.view import PositionView

LONGEST = 40  # characters of anything that could name a symbol
_SYMBOL = re.compile(r"([A-Z0-9]+)(?:[/_-]([A-Z0-9]+)(?::([A-Z0-9]+))?)?")
_SHARE = re.compile(r"(\d{1,3})%?", re.ASCII)
_NUMBER = re.compile(r"#(\d{1,9})", re.ASCII)
_SIGNAL = re.compile(r"[sS](\d{1,12})", re.ASCII)
_COUNT = re.compile(r"\d{1,3}", re.ASCII)
_PERIOD = re.compile(r"(\d{1,3})(m|h|d)", re.ASCII)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PAUSE_MAX_MS = 30 * 86_400_000


class Unclear(ValueError):
    """The words do not say one thing; the message tells how to write it."""


def split(words: str) -> tuple[str, str, tuple[str, ...]]:
    """A message as verb, bot name and arguments; the verb is empty when it is no command."""
    first, *rest = words.split()[:20] or [""]
    if not first.startswith("/") or first == "/":
        return "", "", ()
    verb, _, name = first[1:].partition("@")
    # Lowering would make ASCII of a Kelvin sign: what is not typed in ASCII is no verb of ours.
    return verb.lower() if verb.isascii() else verb, name, tuple(rest)


def canonical(raw: str) -> str | None:
    """`sol/usdt:usdt`, `SOL-USDT` as `SOLUSDT`; None when it cannot be a symbol."""
    if not raw.isascii() or len(raw) > LONGEST:  # before upper(), which makes ASCII of others
        return None
    found = _SYMBOL.fullmatch(raw.upper())
    if found is None:
        return None
    base, quote, settle = found.groups(default="")
    return base + quote if settle in ("", quote) else None


def find_symbols(raw: str, known: Iterable[str]) -> list[str]:
    """The known symbols a person may mean, best first; exactly one when it is clear."""
    name = canonical(raw)
    if name is None:
        return []
    symbols = sorted(set(known))
    exact = [s for s in symbols if s in (name, f"{name}USDT")]
    if exact:
        return exact[:1]
    bases = [s for s in symbols if s.lstrip("0123456789") in (name, f"{name}USDT")]
    if bases:
        return bases
    starts = [s for s in symbols if s.startswith(name)]
    return starts[:6] or difflib.get_close_matches(f"{name}USDT", symbols, 3, 0.75)


def exact_symbol(raw: str, known: Iterable[str]) -> str:
    """The symbol that is named, of these or of none; raises Unclear for what cannot be one."""
    name = canonical(raw)
    if name is None:
        raise Unclear("a market is written SOL, SOLUSDT or SOL/USDT")
    found = next((s for s in sorted(set(known)) if s in (name, f"{name}USDT")), None)
    return found or (name if name.endswith("USDT") else f"{name}USDT")


def period(raw: str) -> Ms | None:
    """The length of `30m`, `4h`, `7d`; None for anything else."""
    found = _PERIOD.fullmatch(raw.lower())
    return int(found[1]) * _UNIT_MS[found[2]] or None if found else None


def find_position(raw: str, positions: Sequence[PositionView]) -> PositionView | None:
    """The open position named exactly: `#17`, the symbol, or its base; None for anything else."""
    number = _NUMBER.fullmatch(raw)
    if number:
        return next((p for p in positions if p.id == int(number[1])), None)
    name = canonical(raw)
    if name is None:
        return None
    found = [p for p in positions if p.symbol in (name, f"{name}USDT")]
    return found[0] if len(found) == 1 else None


def position_number(raw: str) -> int | None:
    """The number in `#17`."""
    found = _NUMBER.fullmatch(raw)
    return int(found[1]) if found else None


def signal_number(raw: str) -> int | None:
    """The number in `s1234`; it may also be the beginning of a symbol."""
    found = _SIGNAL.fullmatch(raw)
    return int(found[1]) if found else None


def is_count(raw: str) -> bool:
    """Whether it reads as a number: no symbol is one."""
    return raw.isdecimal()


def share(raw: str) -> Decimal:
    """`50` or `50%` as 0.5; raises Unclear for anything but a whole percentage 1 to 100."""
    found = _SHARE.fullmatch(raw)
    if not found or not 1 <= int(found[1]) <= 100:  # noqa: PLR2004 -- per cent
        raise Unclear("a share is a whole percentage from 1 to 100, for example 50")
    return Decimal(found[1]) / 100


def count(raw: str, most: int) -> int:
    """A whole number from 1 to `most`."""
    if not _COUNT.fullmatch(raw) or not 1 <= int(raw) <= most:
        raise Unclear(f"a count is a whole number from 1 to {most}, for example 10")
    return int(raw)


def pause_end(words: Sequence[str], now_ms: Ms, zone: str) -> Ms | None:
    """When a pause ends: `30m`, `4h`, `until 08:00`; None for no words. Raises Unclear."""
    if not words:
        return None
    period, time = _PERIOD.fullmatch(words[0]), None
    if len(words) == 2 and words[0].lower() == "until":  # noqa: PLR2004 -- "until" and a time
        time = _CLOCK.fullmatch(words[1])
    if period and len(words) == 1:
        length_ms = int(period[1]) * _UNIT_MS[period[2]]
        if 0 < length_ms <= _PAUSE_MAX_MS:
            return now_ms + length_ms
    if time:
        return _next(int(time[1]), int(time[2]), now_ms, ZoneInfo(zone))
    raise Unclear("a pause is written 30m, 4h, 2d (30 days at most) or until 08:00")


def _next(hour: int, minute: int, now_ms: Ms, zone: ZoneInfo) -> Ms:
    """The next time a wall clock in `zone` shows this."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(zone)
    then = now.replace(hour=hour, minute=minute, second=0, microsecond=0)
    if then <= now:
        then += timedelta(days=1)
    return int(then.timestamp() * 1000)
