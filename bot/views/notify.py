"""The card of notifications: what is told, how loudly, when not at all.

It exists so that the whole matrix is one message whose buttons change it in place. It must never
offer to silence what is a matter of safety.
"""

from bot.preferences import MUTED, Kind, Preferences, Volume
from bot.views.layout import badge, esc, pre, row, short, when
from engine.core.values import Ms
from engine.core.view import View

ICONS = {Volume.ON: "🔔", Volume.SILENT: "🔕", Volume.OFF: "✖"}
ABOUT = {
    Kind.SAFETY: "stops, locks",
    Kind.FILL: "fills and closes",
    Kind.SIGNAL: "entries taken",
    Kind.SKIPPED: "signals refused",
    Kind.ALERT: "watched markets",
    Kind.WARNING: "slow, reconnected",
    Kind.ERROR: "orders refused",
    Kind.STEER: "pause, settings",
    Kind.PROCESS: "start and stop",
    Kind.REPORT: "daily report",
}


def matrix(preferences: Preferences, view: View, zone: str) -> str:
    """Every kind with its volume, and the hours."""
    lines = [
        row((kind.value, 8), (preferences.volume(kind).value, 7), (ABOUT[kind], 17))
        for kind in Kind
    ]
    quiet = preferences.quiet
    hours = "off" if quiet is None else f"{quiet[0]:%H:%M}-{quiet[1]:%H:%M}"
    muted = [_muted(code, until_ms) for code, until_ms in _active(preferences, view.at_ms)]
    words = [
        f"🔔 <b>Notifications</b> · {badge(view.mode)}",
        pre(lines),
        f"Quiet hours {hours} · report {preferences.digest:%H:%M} · {esc(zone)}",
        *muted,
        "A tap changes a row. Safety is always loud.",
        "<code>/notify quiet 22:00-07:00</code> or <code>quiet off</code>",
        "<code>/notify digest 00:05</code>, <code>/notify mute CODE</code>",
    ]
    return "\n".join(words)


def _active(preferences: Preferences, at_ms: Ms) -> list[tuple[str, Ms]]:
    return [(code, until) for code, until in preferences.mutes.items() if until > at_ms]


def _muted(code: str, until_ms: Ms) -> str:
    return f"Muted <b>{esc(code)}</b> until {when(until_ms)}"


def question(key: str, value: str) -> str:
    """Asked when a button was the one who spoke."""
    if key.startswith(MUTED):
        return f"🔕 <b>Mute {short(key.removeprefix(MUTED), 40)}</b> for an hour?"
    return f"🔔 <b>{short(key, 40)}</b> {short(value, 40) or 'off'}?"


def cell(kind: Kind, volume: Volume) -> str:
    """The label of one cell."""
    return f"{ICONS[volume]} {kind.value}: {volume.value}"
