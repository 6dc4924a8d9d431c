"""What a section of the configuration is made of: ranges, units and meanings beside each default.

It exists so that the sections themselves read as a list of keys. It must never know a key.
"""

from typing import Any

import msgspec
from msgspec import Meta


def num(low: float, high: float, unit: str, meaning: str) -> Meta:
    """A number within a range."""
    return Meta(ge=low, le=high, description=meaning, extra={"unit": unit})


def text(meaning: str) -> Meta:
    """Anything whose kind says enough."""
    return Meta(description=meaning)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table of config.toml."""


def describe(section: type[Section], key: str) -> Meta:
    """The declaration of a key: range, unit (`extra`), meaning (`description`)."""
    hint: Any = section.__annotations__[key]
    return next(m for m in hint.__metadata__ if isinstance(m, Meta))
