"""What a state directory remembers, opened: store, ledger, and the settings its owner chose.

It exists so that both worlds begin from their directory in one way. It must never change what it
reads, and never go on with settings that would age an open trade wrongly.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple, Protocol

import msgspec

from engine.core.ledger import Ledger
from engine.core.settings import Settings
from engine.core.tuning import FRAME
from engine.errors import ConfigError, StoreError
from engine.live.store import FileStore
from engine.log import Log

NOTHING: Mapping[str, str] = MappingProxyType({})

_log = Log(__name__)


class Load(Protocol):
    """The configuration, with a preset and values put in place; raises `ConfigError`."""

    def __call__(self, preset: str | None, tuned: Mapping[str, str] = ..., /) -> Settings:
        """Read it anew."""
        ...


class Memory(NamedTuple):
    """An opened directory."""

    store: FileStore
    ledger: Ledger
    settings: Settings
    untuned: str = ""  # why values chosen in the chat are not in force


def open_memory(store: FileStore, load: Load, settings: Settings) -> Memory:
    """Fold what the directory holds; raises `StoreError`, and `ConfigError` for another frame."""
    ledger = restore(store)
    settings, untuned = _as_chosen(load, settings, ledger)
    _check_frame(ledger, settings.market.frame_s)
    return Memory(store, ledger, settings, untuned)


def peek(folder: Path, kind: str, load: Load, settings: Settings) -> tuple[Ledger, Settings]:
    """The ledger of a directory nobody runs, and the settings it would run with."""
    store = FileStore(folder, kind)
    try:
        memory = open_memory(store, load, settings)
    finally:
        store.close(is_clean=store.was_clean)
    return memory.ledger, memory.settings


def restore(store: FileStore) -> Ledger:
    """Checkpoint plus newer records."""
    loaded = store.load()
    try:
        ledger = Ledger() if loaded.state is None else Ledger.load(loaded.state)
    except msgspec.ValidationError as problem:
        raise StoreError(
            f"{store.folder}: expected a checkpoint of this version, found: {problem}; "
            f"nothing was changed"
        ) from problem
    for record in loaded.records:
        ledger.apply(record)
    return ledger


def _as_chosen(load: Load, settings: Settings, ledger: Ledger) -> tuple[Settings, str]:
    """The configuration with what a person chose, and why values of it are not followed."""
    settings = _with_preset(load, settings, ledger.state.preset)
    tuned = _timely(ledger)
    if not tuned:
        return settings, ""
    try:
        return load(settings.bot.preset, tuned), ""
    except ConfigError as problem:
        _log.error("settings.refused", chosen=dict(tuned), problem=problem)
        return settings, "; ".join(" ".join(text.split()) for text in problem.problems)


def _with_preset(load: Load, settings: Settings, chosen: str) -> Settings:
    """The configuration with the preset a person chose; one that is gone is not followed."""
    if not chosen or chosen == settings.bot.preset:
        return settings
    try:
        return load(chosen)
    except ConfigError as problem:
        _log.error("preset.refused", chosen=chosen, used=settings.bot.preset, problem=problem)
        return settings


def _timely(ledger: Ledger) -> Mapping[str, str]:
    """What was chosen, but another frame only once no trade of the old one is open."""
    tuned = dict(ledger.state.tuned)
    held = {p.frame_s for p in ledger.positions if p.frame_s}
    if FRAME in tuned and len(held) == 1:
        tuned[FRAME] = str(held.pop())
    return tuned


def _check_frame(ledger: Ledger, frame_s: int) -> None:
    """An open trade counts bars of its own frame: another would age and trail it wrongly."""
    held = [p for p in ledger.positions if p.frame_s not in (0, frame_s)]
    if held:
        names = ", ".join(f"#{p.id} {p.symbol}" for p in held)
        problem = f"expected {held[0].frame_s} while {names} is open, found {frame_s}"
        raise ConfigError("settings", [f"market.frame_s   {problem}; close it before the change"])
