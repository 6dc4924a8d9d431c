"""Telegram's HTML subset: text with tags in, plain text, entities and safe HTML out.

It exists to refuse what Telegram refuses, in its words, and to give the page HTML that was built
anew from checked entities. It must never pass a tag, an attribute or a link through as it came.
"""

import html as html_lib
import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import msgspec

from bot.sandbox.wire import bad_request

ENTITIES_MAX = 100  # Telegram ignores the rest

_TAG = re.compile(r"<(/?)([^\s<>/=\"']*)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*)>")
_ATTRIBUTE = re.compile(r"\s+([a-zA-Z][\w:.-]*)(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s\"'=<>]+))?")
_REFERENCE = re.compile(r"&(#[0-9]{1,7}|#x[0-9a-fA-F]{1,6}|lt|gt|amp|quot);")
_COMMAND = re.compile(r"(?:^|(?<=\s))/[a-zA-Z0-9_]{1,64}(?:@[a-zA-Z0-9_]{3,32})?(?![\w/<>])")
_TIME_FORMAT = re.compile(r"r|w?[dD]?[tT]?")
_SCHEMES = frozenset({"http", "https", "tg", "mailto", "tel"})

_KINDS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "code": "code",
    "pre": "pre",
    "a": "text_link",
    "blockquote": "blockquote",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "tg-time": "date_time",
}
_VERBATIM = frozenset({"code", "pre"})  # nothing is marked up inside
_TAGS = {
    "bold": "b",
    "italic": "i",
    "underline": "u",
    "strikethrough": "s",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "expandable_blockquote": "blockquote",
    "spoiler": "tg-spoiler",
    "date_time": "tg-time",
    "text_link": "a",
}


class Entity(msgspec.Struct, frozen=True, omit_defaults=True):
    """A `MessageEntity`: offset and length in UTF-16 code units."""

    type: str
    offset: int
    length: int
    url: str | None = None
    language: str | None = None
    unix_time: int | None = None
    date_time_format: str | None = None


class Formatted(msgspec.Struct, frozen=True):
    """A text as Telegram keeps it."""

    text: str
    entities: tuple[Entity, ...] = ()

    @property
    def html(self) -> str:
        """The text as HTML of the same subset, rebuilt from the entities."""
        units = self.text.encode("utf-16-le")
        marked = [entity for entity in self.entities if entity.type in _TAGS]
        return "".join(_render(units, marked, 0, len(units) // 2))


EMPTY = Formatted("")


def utf16_len(text: str) -> int:
    """Length in UTF-16 code units, which is how Telegram counts."""
    return len(text.encode("utf-16-le")) // 2


def spoken(text: str) -> Formatted:
    """What a person typed: plain, with its commands marked."""
    found = tuple(
        Entity("bot_command", utf16_len(text[: m.start()]), utf16_len(m[0]))
        for m in _COMMAND.finditer(text)
    )
    return Formatted(text, found)


def written(text: str, parse_mode: str | None) -> Formatted:
    """What the bot sent; raises `Refused` 400 where Telegram cannot parse it."""
    if not parse_mode:
        return Formatted(text.strip())
    if parse_mode.upper() != "HTML":
        raise bad_request("unsupported parse_mode: this chat speaks HTML only")
    return _Parser(text).run()


class _Open(msgspec.Struct):
    """A start tag that waits for its end."""

    name: str
    offset: int
    entity: Entity | None


class _Parser:
    """One pass over the source."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._text: list[str] = []
        self._offset = 0
        self._stack: list[_Open] = []
        self._found: list[Entity] = []

    def run(self) -> Formatted:
        at = 0
        while at < len(self._source):
            nxt = self._source.find("<", at)
            self._write(self._source[at : nxt if nxt >= 0 else None])
            if nxt < 0:
                break
            at = self._tag(nxt)
        if self._stack:
            raise _cannot(
                f'Can\'t find end tag corresponding to start tag "{self._stack[-1].name}"'
            )
        return _trimmed("".join(self._text), self._found)

    def _write(self, raw: str) -> None:
        text = _REFERENCE.sub(lambda m: _decode(m[0]), raw)
        self._text.append(text)
        self._offset += utf16_len(text)

    def _tag(self, at: int) -> int:
        where = f"at byte offset {len(self._source[:at].encode())}"
        tag = _TAG.match(self._source, at)
        if tag is None:
            raise _cannot(f"Unclosed start tag {where}")
        name = tag[2].lower()
        if tag[1]:
            self._close(name, where)
        else:
            self._open(name, _attributes(name, tag[3], where), where)
        return tag.end()

    def _open(self, name: str, attributes: dict[str, str], where: str) -> None:
        if name not in _KINDS:
            raise _cannot(f'Unsupported start tag "{name}" {where}')
        entity: Entity | None = _entity(name, attributes, self._offset)
        inner = self._stack[-1] if self._stack else None
        if inner is not None and inner.name == "pre" and name == "code" and inner.entity:
            language = attributes.get("class", "").removeprefix("language-")
            inner.entity = msgspec.structs.replace(inner.entity, language=language or None)
        if any(tag.name in _VERBATIM for tag in self._stack):
            entity = None
        self._stack.append(_Open(name, self._offset, entity))

    def _close(self, name: str, where: str) -> None:
        if not self._stack:
            raise _cannot(f"Unexpected end tag {where}")
        tag = self._stack.pop()
        if name not in ("", tag.name):
            raise _cannot(f'Unmatched end tag {where}, expected "</{tag.name}>", found "</{name}>"')
        length = self._offset - tag.offset
        if tag.entity is not None and length:
            self._found.append(msgspec.structs.replace(tag.entity, length=length))


def _cannot(what: str) -> Exception:
    return bad_request(f"can't parse entities: {what}")


def _decode(reference: str) -> str:
    """The character; a reference to none stays as it was written."""
    return html_lib.unescape(reference) or reference


def _attributes(name: str, raw: str, where: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while raw[at:].strip():
        part = _ATTRIBUTE.match(raw, at)
        if part is None:
            raise _cannot(f'Malformed attribute in the tag "{name}" {where}')
        value = (part[2] or "").strip("\"'")
        found[part[1].lower()] = _REFERENCE.sub(lambda m: _decode(m[0]), value)
        at = part.end()
    return found


def _entity(name: str, attributes: dict[str, str], offset: int) -> Entity | None:
    if name == "a":
        url = attributes.get("href", "").strip()
        return Entity("text_link", offset, 0, url=url) if _is_link(url) else None
    if name == "blockquote" and "expandable" in attributes:
        return Entity("expandable_blockquote", offset, 0)
    if name == "span" and attributes.get("class") != "tg-spoiler":
        raise _cannot('Tag "span" must have class "tg-spoiler"')
    return _time(attributes, offset) if name == "tg-time" else Entity(_KINDS[name], offset, 0)


def _time(attributes: dict[str, str], offset: int) -> Entity:
    unix, fmt = attributes.get("unix", ""), attributes.get("format", "")
    if not re.fullmatch(r"[0-9]{1,12}", unix):
        raise _cannot('Tag "tg-time" must have a valid attribute "unix"')
    if not _TIME_FORMAT.fullmatch(fmt):
        raise _cannot(f'Tag "tg-time" has an invalid format "{fmt}"')
    return Entity("date_time", offset, 0, unix_time=int(unix), date_time_format=fmt)


def _is_link(url: str) -> bool:
    """Whether a client would open it; Telegram shows any other as plain text."""
    try:
        return urlsplit(url).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def _trimmed(text: str, found: list[Entity]) -> Formatted:
    """Cut white space at both ends and move the entities with it, outermost first."""
    lead = utf16_len(text) - utf16_len(text.lstrip())
    kept = text.strip()
    size = utf16_len(kept)
    moved = []
    for entity in reversed(found):  # an outer tag closes later
        start = max(0, entity.offset - lead)
        end = min(size, entity.offset + entity.length - lead)
        if end > start:
            moved.append(msgspec.structs.replace(entity, offset=start, length=end - start))
    order = sorted(moved, key=lambda entity: (entity.offset, -entity.length))
    return Formatted(kept, tuple(order[:ENTITIES_MAX]))


def _render(units: bytes, entities: Sequence[Entity], at: int, end: int) -> Iterator[str]:
    """HTML of the UTF-16 range, entities nested as they came."""
    rest = list(entities)
    while rest:
        entity = rest.pop(0)
        stop = entity.offset + entity.length
        inner = [other for other in rest if other.offset < stop]
        rest = rest[len(inner) :]
        yield _escaped(units, at, entity.offset)
        yield _start(entity)
        yield from _render(units, inner, entity.offset, stop)
        yield f"</{_TAGS[entity.type]}>"
        at = stop
    yield _escaped(units, at, end)


def _escaped(units: bytes, start: int, end: int) -> str:
    return html_lib.escape(units[2 * start : 2 * end].decode("utf-16-le", "replace"))


def _start(entity: Entity) -> str:
    attributes = {
        "href": entity.url,
        "expandable": "" if entity.type == "expandable_blockquote" else None,
        "class": f"language-{entity.language}" if entity.language else None,
        "unix": entity.unix_time,
        "format": entity.date_time_format,
    }
    said = (f' {k}="{html_lib.escape(str(v))}"' for k, v in attributes.items() if v is not None)
    return f"<{_TAGS[entity.type]}{''.join(said)}>"
