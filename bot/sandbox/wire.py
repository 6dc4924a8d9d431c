"""What a Bot API request says: values, uploads, and the refusal of it.

Telegram takes the same parameters from a query, a form, a multipart body or JSON, and sends objects
inside forms as JSON text; here they become one mapping, and each method states its own shape. This
module must never touch the room.
"""

import json
from collections.abc import Mapping
from typing import TypeVar

import msgspec

T = TypeVar("T")

_NESTED = frozenset(
    {
        "allowed_updates",
        "commands",
        "link_preview_options",
        "media",
        "reaction",
        "reply_markup",
        "reply_parameters",
        "scope",
    }
)


class Refused(Exception):
    """An answer with `ok: false`: HTTP status and error code are the same number."""

    def __init__(self, code: int, description: str) -> None:
        self.code, self.description = code, description
        super().__init__(f"{code} {description}")


def bad_request(what: str) -> Refused:
    """A 400 in Telegram's own words."""
    return Refused(400, f"Bad Request: {what}")


class Upload(msgspec.Struct, frozen=True):
    """A file that came with the request."""

    name: str
    content_type: str
    content: bytes


class Ask(msgspec.Struct, frozen=True):
    """One call: method, values as they came, and files by field name."""

    method: str
    values: Mapping[str, object]
    uploads: Mapping[str, Upload]

    def read(self, shape: type[T]) -> T:
        """The values in the shape a method needs; raises `Refused` 400."""
        try:
            found = msgspec.convert(_plain(self.values), shape, strict=False)
            msgspec.json.encode(found)
        except msgspec.ValidationError as e:
            raise bad_request(f"can't parse parameters of {self.method}: {e}") from e
        except UnicodeEncodeError as e:
            raise bad_request("strings must be encoded in UTF-8") from e
        return found

    def file(self, field: str, value: str | None) -> Upload | str:
        """The upload `field` speaks of, or the file id it names."""
        name = (value or "").removeprefix("attach://") or field
        if not value or value.startswith("attach://"):
            if name not in self.uploads:
                raise bad_request(f"there is no {field} in the request")
            return self.uploads[name]
        return value


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    return {name: _unpack(name, value) for name, value in values.items() if value != ""}


def _unpack(name: str, value: object) -> object:
    if name not in _NESTED or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as e:
        raise bad_request(f"can't parse {name} JSON object") from e
