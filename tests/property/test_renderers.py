"""Every renderer with hostile strings: it parses as Telegram HTML and stays inside every limit."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec
import pytest
from desks import (
    CHECKS,
    HEALTH,
    PULSE,
    candles,
    gate,
    position,
    skipped,
    taken,
    trade,
    verdict,
    view,
)
from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from mode_doors import PROSPECT

from bot import preferences, texts, texts_help, texts_notices
from bot.complaints import Complaint
from bot.sandbox.markup import written
from bot.signals import Heard, Page
from bot.trades import Trade, TradeBook
from bot.views import (
    alerts,
    chart,
    health,
    layout,
    life,
    market,
    markets,
    money,
    notify,
    pnl,
    positions,
    presets,
    status,
    strangers,
)
from bot.views import mode as modes
from bot.views import settings as choices
from bot.views import signals as listing
from bot.views import why as reasons
from bot.views.layout import Text
from builders import T0, D, fill, signal
from engine.core import facts as f
from engine.core.checks import BOTH
from engine.core.settings import Exchange, Levels, Settings, Universe
from engine.core.terms import Risk
from engine.core.values import (
    Arm,
    Check,
    CheckStatus,
    Funding,
    GateName,
    OrderState,
    Purpose,
    Side,
    StopKind,
    Target,
)
from engine.core.view import (
    BarredView,
    ForeignView,
    PositionView,
    SkippedView,
    View,
    WatchedView,
    ranked,
)
from engine.core.wish_facts import AlertRaised, SymbolBarred, Tuned
from engine.preset import Change

NASTIEST = [
    "",
    " ",
    "<b>&_*[]()~`",
    "</pre><a href='x'>",
    "\u202eabc\u2066",
    "\ud800",
    "x" * 200,
    "\U0001f680" * 60,
    "\x00\x1b[31m\n\t",
    "USDT",
    "&lt;&amp;",
]
NASTY = st.one_of(
    st.text(max_size=40),
    st.sampled_from(NASTIEST),
    st.text(alphabet="<>&\"'/_*[]()~\U0001f680\u041f\n\t\x00", max_size=30),
)


@dataclass(frozen=True)
class Bad:
    """Strings from outside, each as hostile as the others."""

    symbol: str
    reason: str
    name: str


BAD = st.builds(Bad, NASTY, NASTY, NASTY)


def views(bad: Bad) -> Iterator[tuple[Text, int]]:
    """Every renderer, fed with them; with the limit of its kind of message."""
    sym, why, name = bad.symbol, bad.reason, bad.name
    checks = (*CHECKS, Check(name, why, CheckStatus.UNKNOWN, None, None, why)) * 8
    claim = signal(symbol=sym, checks=checks)
    one = verdict(sym, checks=checks, blocked_by=name, outcome=why)
    trails = {"stop_kind": StopKind.TRAILING, "funding": D("-1.3")}
    held = tuple(position(n, symbol=sym, **trails) for n in range(10**6, 10**6 + 10))
    shown = view(
        gates=tuple(gate(g, why, name) for g in GateName),
        positions=held,
        verdicts={f"{sym}{n}": msgspec.structs.replace(one, symbol=f"{sym}{n}") for n in range(40)},
        skipped=(SkippedView(T0, sym, why),) * 5,
        instance=name,
        mode=name,
        trades=(trade(1, "5", T0),),
        losing_streak=4,
        risk_mult=0.5,
        risk_reduced_why=why,
        refused={name: 3, why: 2},
    )
    sick = msgspec.structs.replace(
        HEALTH, version=name, source=why, stream_state=why, errors=((T0, why),) * 9
    )
    pulse = msgspec.structs.replace(PULSE, trouble=why)
    done = _trade(signal=claim, targets=(Target(1.5, D(105), D(5)),) * 6)
    many = msgspec.structs.replace(candles(), symbol=sym)
    texts_of: list[Callable[[], Text]] = [
        lambda: status.status(shown, sick, Risk(), may_pin=True),
        lambda: texts.panic_open([why] * 9, name),
        *_held(held, shown, done),
        lambda: health.health_card(shown, sick, pulse),
        *_looks(bad, shown, done),
        lambda: pnl.pnl(shown, pnl.Span("all"), "UTC"),
        lambda: Text(money.close_question(held[0], money.cut_of(held[0], D(1), None), None)),
        lambda: texts.welcome(status.status(shown, sick, Risk()), name, "owner"),
        lambda: Text(texts.resume_question(status.header(shown, sick), why)),
        lambda: texts.which_position(held, is_named=True),
        *_answers(bad),
        *_wishes(bad),
        *_notices(bad, done),
    ]
    yield from ((make(), layout.TEXT_MAX) for make in texts_of)
    yield money.signal_taken(done, name), layout.CAPTION_MAX
    yield money.signal_taken(done, name, life.life(done, held[0], T0)), layout.CAPTION_MAX
    for which in (None, done):
        scene = chart.Scene(many, name, Levels(), 300, held[0] if which else None, which)
        yield chart.caption(scene, chart.chart(scene)), layout.CAPTION_MAX


def _held(held: tuple[PositionView, ...], shown: View, done: Trade) -> list[Callable[[], Text]]:
    """The cards about open positions."""
    return [
        lambda: positions.which(held),
        lambda: positions.not_open(positions.positions(shown, 2)),
        lambda: positions.positions(shown),
        lambda: positions.position_card(held[0], shown, done),
        lambda: Text(texts.move_question(held[0], D(183), 30)),
    ]


def _looks(bad: Bad, shown: View, done: Trade) -> list[Callable[[], Text]]:
    """The cards about markets and signals."""
    sym, why, name = bad.symbol, bad.reason, bad.name
    many = msgspec.structs.replace(candles(), symbol=sym, levels=candles().levels * 30)
    missed = f.SignalSkipped(done.taken.signal, why, name)
    heard = Heard(10**12, T0 - 10**9, missed)
    one = next(iter(shown.verdicts.values()))
    return [
        lambda: market.scan(ranked(shown.verdicts.values())[:30], shown, 30),
        lambda: market.levels(many, shown),
        lambda: reasons.why_symbol(one, shown, BOTH),
        lambda: reasons.why_overview(shown),
        lambda: reasons.why_signal(done.taken, shown),
        lambda: reasons.why_signal(missed, shown),
        lambda: listing.signals(Page((heard,) * 20, 10**12), shown, (sym,)),
    ]


def _answers(bad: Bad) -> list[Callable[[], Text]]:
    sym, why, name = bad.symbol, bad.reason, bad.name
    odd = view(
        mode=name, foreign=(ForeignView(sym, Side.LONG, D(5)),) * 20, ignored=(why, name) * 15
    )
    changes = [Change(f"signals.key_{n}", why, name, "1/min") for n in range(20)]
    return [
        lambda: texts.not_judged(sym),
        lambda: texts.which_symbol([sym] * 6, "why"),
        lambda: texts.unclear(why, "/why [SYM]"),
        lambda: texts.not_done(why),
        lambda: texts.doubtful(why),
        lambda: texts.closing_all(1, [why] * 5),
        lambda: texts.resumed([status.gate_line(gate(GateName.DISK_BAD, why, name))]),
        lambda: Text(texts.reason_question(why, 120)),
        lambda: Text(texts.paused(why, T0)),
        lambda: Text(texts.stale_act(why[:60], 99.0, "Now: nothing open.")),
        lambda: texts.given_up(texts.panic([why], (name, T0), name, "")),
        lambda: texts.panic(status.panic_rows([(why, T0)]), (name, None), name, ""),
        lambda: texts.rescanned(why),
        lambda: texts.stale_refused("preset", 99.0),
        lambda: Text(presets.used(why)),
        *_modes(bad, odd),
        lambda: strangers.strangers(odd),
        lambda: Text(strangers.question(sym, odd.foreign[0], odd, is_on=True)),
        lambda: Text(strangers.question(sym, None, odd, is_on=False)),
        lambda: strangers.done(why),
        lambda: presets.unknown(why * 5),
        lambda: presets.in_force(name),
        lambda: presets.refused(name, [why] * 30),
        lambda: presets.presets(dict.fromkeys([name, sym, "x"], why), view(preset=name)),
        lambda: Text(presets.question(name, why, changes, view(preset=name))),
        lambda: texts_help.help_verb("/x", why, (name,), "owner", name),
    ]


def _wishes(bad: Bad) -> list[Callable[[], Text]]:
    """The cards about settings, markets nobody trades, and alerts."""
    sym, why, name = bad.symbol, bad.reason, bad.name
    odd = view(
        mode=name,
        tuned=dict.fromkeys([f"risk.{n}" for n in range(30)] + ["risk.day_zone"], why),
        barred=(BarredView(sym, name, why, T0, T0),) * 50,
        alerts=(WatchedView(sym, None, name, T0, T0), WatchedView(sym, D(1), name, T0, None)) * 25,
        positions=(position(1, symbol=sym),),
    )
    legal = tuple(x.encode("utf-8", "replace").decode() for x in (sym, why, name))
    settings = Settings(universe=Universe(whitelist=legal))  # TOML knows no half characters
    changes = [Change(f"signals.key_{n}", why, name, "1/min") for n in range(30)]
    return [
        lambda: choices.picker(odd),
        lambda: choices.section("risk", settings, odd),
        lambda: choices.key("universe.whitelist", settings, odd),
        lambda: choices.key("caps.leverage", settings, odd),
        lambda: Text(choices.question(changes, [why], odd)),
        lambda: Text(choices.done(why)),
        lambda: choices.same([sym, why, name]),
        lambda: choices.refused([why] * 30),
        lambda: choices.overview(settings, odd),
        lambda: choices.configuration("universe", settings, odd),
        lambda: choices.exported(odd),
        lambda: Text(markets.blacklist(odd, (sym, why))),
        lambda: Text(markets.bar_question(sym, odd)),
        lambda: markets.why_barred(odd.barred[0], odd),
        lambda: Text(markets.watchlist(odd, {sym: (1.0, None)})),
        lambda: Text(markets.watch_question([sym, why], odd)),
        lambda: Text(markets.done(why)),
        lambda: Text(notify.matrix(preferences.read({f"mute.{why}": "1" * 15}), odd, "UTC")),
        lambda: Text(notify.question(f"mute.{why}", name)),
        lambda: Text(notify.question("quiet", name)),
        lambda: alerts.wished(AlertRaised(sym, name, 1.0, 2.0), name),
        lambda: alerts.wished(Tuned(((why, name),), name), name),
        lambda: alerts.wished(SymbolBarred(sym, name, why, T0), name),
    ]


def _modes(bad: Bad, shown: View) -> list[Callable[[], Text]]:
    why, name = bad.reason, bad.name
    worst = msgspec.structs.replace(PROSPECT, preset=name, warnings=(why,) * 20)
    settings = Settings(exchange=Exchange(rest_url=why))
    return [
        lambda: modes.standing(shown, [why] * 20),
        lambda: modes.refused([why] * 20),
        lambda: Text(modes.question(worst, settings, name, 60)),
        lambda: Text(modes.wrong(1, name, 60)),
        lambda: modes.gone(why),
        lambda: modes.changing(name),
    ]


def _trade(**changes: object) -> Trade:
    book = TradeBook()
    book.fold(f.Record(1, T0, taken(17, **changes)))
    return book.trades[17]


def _notices(bad: Bad, done: Trade) -> list[Callable[[], Text]]:
    sym, why, name = bad.symbol, bad.reason, bad.name
    seen = f.OrderFilled(17, fill(symbol=sym))
    error = Complaint(9, T0, T0, 3, f.Incident(name, why * 20, sym))
    forced = f.OrderFilled(17, fill(Purpose.EXIT, symbol=sym, cause=why))
    result = f.PositionClosed(
        position_id=17, symbol=sym, side=Side.LONG, rule=why, gross=D(1), fees=D(1), net=D(0),
        result_r=0.0, mfe_r=0.0, mae_r=0.0, opened_ms=T0,
    )  # fmt: skip
    return [
        lambda: texts_notices.filled(seen, done),
        lambda: texts_notices.filled(seen, None),
        lambda: texts_notices.filled(forced, done),
        lambda: texts_notices.unfilled(f.OrderEnded("x", OrderState.REFUSED, why), done),
        lambda: texts_notices.stop_moved(
            f.StopMoved(17, D(1), StopKind.BREAKEVEN), done, is_back=False
        ),
        lambda: texts_notices.stop_missing(f.StopMissing(17, why), None, 9),
        lambda: texts_notices.adopted(f.OrderAdopted(why, 17), done, 9),
        lambda: texts_notices.no_result(
            f.FundingPaid(None, Funding(why, sym, D("-1.3"), T0)), name
        ),
        lambda: texts_notices.no_result(f.Transferred(why, D(10) ** 12), name),
        lambda: texts_notices.incident(error, name, is_safety=False, over_ms=T0),
        lambda: texts_notices.incident(error, name, is_safety=True),
        lambda: texts_notices.skipped(skipped(why, symbol=sym)),
        lambda: texts_notices.fills([texts_notices.filled(seen, done)] * 3),
        lambda: texts_notices.morning([(T0, texts_notices.filled(seen, done))] * 3),
        lambda: texts_notices.seen(2, name),
        lambda: texts_notices.gate_closed(
            f.GateClosed(GateName.KILL_SWITCH, name, why, T0, flatten=True), name
        ),
        lambda: texts_notices.gate_opened(f.GateOpened(GateName.DISK_BAD, name, why), name),
        lambda: texts_notices.live_armed(f.LiveArmed(Arm(name, why, 1))),
        lambda: texts_notices.symbol_ignored(f.SymbolIgnored(sym, why), name),
        lambda: texts_notices.preset_chosen(f.PresetChosen(name, why), name),
        lambda: texts_notices.condition(f.GateClosed(GateName.STALE_DATA, name, why), T0),
        lambda: texts_notices.recovered(f.GateOpened(GateName.STALE_DATA, name, why), 90_000),
        lambda: texts_notices.booted(f.Booted(1, why, name, was_clean=False), name, [done] * 20),
        lambda: texts_notices.stopping(name, [done]),
        lambda: texts.sold([seen.fill], done, (name, T0)),
        lambda: texts.sold([seen.fill], None, (name, T0)),
        lambda: texts.ended(result, T0, name),
        lambda: money.closed(result, name, T0),
    ]


def check(bad: Bad) -> None:
    for text, limit in views(bad):
        fits(text, limit)


def fits(text: Text, limit: int) -> None:
    """Telegram takes the message, and a phone shows it."""
    formatted = written(text.html, "HTML")  # raises what Telegram would refuse
    assert layout.units(formatted.text) <= limit, text.html
    assert len(formatted.entities) <= 90
    assert all(len(line) <= layout.WIDTH and line.isascii() for line in _shown(text))
    for line in text.buttons:
        assert 1 <= len(line) <= layout.ROW_MAX
        assert all(1 <= len(b.data.encode()) <= layout.DATA_MAX for b in line)
        assert all(b.label.strip() for b in line)


def _shown(text: Text) -> list[str]:
    blocks = re.findall(r"<pre>(.*?)</pre>", text.html, re.DOTALL)
    return [layout.plain(line) for block in blocks for line in block.split("\n")]


@pytest.mark.parametrize("words", NASTIEST, ids=range(len(NASTIEST)))
def test_the_nastiest_strings(words: str) -> None:
    check(Bad(words, words, words))


@effort(max_examples=25)
@given(BAD)
def test_any_strings(bad: Bad) -> None:
    check(bad)
