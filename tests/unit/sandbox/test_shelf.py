"""bot.sandbox.shelf: files by content, within a budget."""

import struct

import pytest

from bot.sandbox.shelf import PHOTO_BYTES, Shelf, image_size
from bot.sandbox.wire import Refused, Upload
from chatroom import PIXEL

JPEG = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x08\x08" + struct.pack(">HH", 480, 640) + b"\x00"


def png(width: int, height: int) -> bytes:
    return PIXEL[:16] + struct.pack(">II", width, height) + PIXEL[24:]


def upload(content: bytes, name: str = "chart.png") -> Upload:
    return Upload(name, "text/html", content)


def test_a_photo_has_a_size_and_a_type_of_its_own() -> None:
    stored = Shelf().put_photo(upload(png(640, 480)))

    assert (stored.name, stored.content_type) == ("photo.png", "image/png")
    assert stored.photo() == [
        {
            "file_id": stored.id,
            "file_unique_id": stored.id[:16],
            "file_size": len(PIXEL),
            "width": 640,
            "height": 480,
        }
    ]
    assert stored.url == f"/chat/files/{stored.id}"


def test_a_jpeg_is_measured_at_its_frame_header() -> None:
    stored = Shelf().put_photo(upload(JPEG))

    assert (stored.content_type, stored.width, stored.height) == ("image/jpeg", 640, 480)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"<svg/>", "IMAGE_PROCESS_FAILED"),
        (b"", "IMAGE_PROCESS_FAILED"),
        (PIXEL[:20], "IMAGE_PROCESS_FAILED"),
        (JPEG[:12], "IMAGE_PROCESS_FAILED"),
        (png(0, 5), "PHOTO_INVALID_DIMENSIONS"),
        (png(6000, 5000), "PHOTO_INVALID_DIMENSIONS"),
        (png(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
        (PIXEL + bytes(PHOTO_BYTES), "file is too big for a photo"),
    ],
)
def test_what_telegram_would_not_show_is_refused(content: bytes, expected: str) -> None:
    with pytest.raises(Refused, match=expected):
        Shelf().put_photo(upload(content))


def test_a_size_is_read_from_the_header_alone() -> None:
    assert image_size(png(3, 2)) == (3, 2)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("trades.csv", "trades.csv"), ("../a b\r\n.csv", "a_b_.csv"), ("", "file"), ("é", "file")],
)
def test_a_document_has_a_safe_name_and_no_type(name: str, expected: str) -> None:
    stored = Shelf().put_document(upload(b"<script>", name))

    assert (stored.name, stored.content_type) == (expected, "application/octet-stream")
    assert stored.document()["file_name"] == expected


def test_an_empty_document_is_refused() -> None:
    with pytest.raises(Refused, match="file must be non-empty"):
        Shelf().put_document(upload(b""))


def test_the_oldest_files_make_room_and_the_same_file_counts_once() -> None:
    shelf = Shelf(budget=10)
    first = shelf.put_document(upload(b"12345", "a"))
    second = shelf.put_document(upload(b"12345", "b"))
    again = shelf.put_document(upload(b"12345", "a"))
    third = shelf.put_document(upload(b"123", "c"))
    large = shelf.put_document(upload(b"x" * 11, "d"))

    assert again is first
    assert [shelf.get(file.id) for file in (first, second, third)] == [None, None, None]
    assert shelf.get(large.id) == large
