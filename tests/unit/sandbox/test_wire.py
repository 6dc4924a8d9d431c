"""bot.sandbox.wire: one call, whatever way its parameters came."""

import msgspec
import pytest

from bot.sandbox.wire import Ask, Refused, Upload

FILE = Upload("a.png", "image/png", b"x")


class Shape(msgspec.Struct, frozen=True):
    chat_id: int
    text: str = ""
    is_on: bool = False
    scope: dict[str, str] | None = None


def test_a_form_and_json_say_the_same() -> None:
    form = {"chat_id": "7", "is_on": "true", "scope": '{"type": "chat"}', "text": ""}
    body = {"chat_id": 7, "is_on": True, "scope": {"type": "chat"}, "unread": [1]}

    assert Ask("m", form, {}).read(Shape) == Ask("m", body, {}).read(Shape)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "can't parse parameters of m: Object missing required field `chat_id`"),
        ({"chat_id": 7, "scope": "{"}, "can't parse scope JSON object"),
        (
            {"chat_id": 7, "scope": r'{"type": "\ud800"}'},
            "strings must be encoded in UTF-8",
        ),
    ],
)
def test_a_bad_parameter_is_named(values: dict[str, object], expected: str) -> None:
    with pytest.raises(Refused) as caught:
        Ask("m", values, {}).read(Shape)

    assert (caught.value.code, caught.value.description) == (400, f"Bad Request: {expected}")


@pytest.mark.parametrize("value", [None, "attach://photo"])
def test_a_file_is_found_by_its_field_or_by_the_name_attached(value: str | None) -> None:
    assert Ask("m", {}, {"photo": FILE}).file("photo", value) == FILE


def test_a_file_id_is_left_to_the_shelf() -> None:
    assert Ask("m", {}, {}).file("photo", "abc") == "abc"


def test_a_file_that_did_not_come_is_refused() -> None:
    with pytest.raises(Refused, match="there is no photo in the request"):
        Ask("m", {}, {}).file("photo", "attach://other")
