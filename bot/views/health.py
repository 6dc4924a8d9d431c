"""The card about the machinery: feed, exchange, clock, timers, chat, the last errors.

It exists so that "can I rely on it now" is answered without a shell. It must never guess: what is
not measured is a dash.
"""

from bot.desk import Health, Pulse
from bot.views.layout import (
    NONE,
    Text,
    badge,
    clock,
    keyboard,
    pre,
    read,
    row,
    short,
    span,
    turn,
    when,
)
from bot.views.status import FAR_MS, gate_line, headline
from engine.core.view import View


def health_card(view: View, health: Health, pulse: Pulse) -> Text:
    """How the machinery is doing."""
    head = f"🩺 <b>{headline(view)}</b> · {badge(view.mode)} · {short(health.source, 60)}"
    parts = [f"{head} · <b>{short(view.instance, 20)}</b>", pre(_health_rows(view, health, pulse))]
    parts += [gate_line(gate) for gate in view.gates]
    if pulse.trouble:
        parts.append(f"Telegram: {short(pulse.trouble)}")
    parts += [f"{when(at_ms)} {short(said)}" for at_ms, said in health.errors[-5:]]
    return Text("\n".join(parts), keyboard((turn("⟳ Refresh", "health"), read("Status", "status"))))


def with_logs(card: Text) -> Text:
    """The same card, with the way to the log for who may read it."""
    return Text(
        card.html,
        (*card.buttons, *keyboard((read("🗒 Logs", "logs"), read("❗ Errors", "logs", "errors")))),
    )


def _health_rows(view: View, health: Health, pulse: Pulse) -> list[str]:
    facts = [
        ("Version", health.version),
        ("Up", f"{span(health.uptime_s)}, start {health.restarts}"),
        ("Stream", health.stream_state),
        ("Feed age", _milliseconds(health.feed_age_ms)),
        ("Stale", f"{len(view.stale_symbols)} of {len(view.universe)} mkts"),
        ("API", _milliseconds(health.api_latency_ms)),
        ("Clock skew", _milliseconds(health.clock_skew_ms)),
        ("Timers", ", ".join(health.failing) + " fail" if health.failing else "all run"),
        ("Chat poll", span(pulse.poll_age_s) if pulse.poll_age_s is not None else NONE),
        ("Outbox", _queue(pulse)),
        *((("Dropped", f"{pulse.outbox_dropped} messages"),) if pulse.outbox_dropped else ()),
        ("Strangers", str(pulse.strangers)),
        ("Market time", clock(view.at_ms)),
    ]
    return [row((name, 11), (said, 22)) for name, said in facts]


def _queue(pulse: Pulse) -> str:
    if not pulse.outbox_depth:
        return "0 waiting"
    return f"{pulse.outbox_depth} waiting, oldest {span(pulse.outbox_oldest_s)}"


def _milliseconds(value: float | None) -> str:
    if value is None:
        return NONE
    return f"{value:.0f} ms" if abs(value) < FAR_MS else span(abs(value) / 1000)
