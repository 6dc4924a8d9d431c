"""Files of the chat, by content, within a budget of bytes.

It exists so that photos and documents have an address without a token, and so that a chart sent
every minute cannot fill the memory: the oldest files go first. It must never trust a name or a type
that came with a file.
"""

import hashlib
import re
import struct
from collections import OrderedDict

import msgspec

from bot.sandbox.wire import Upload, bad_request

SHELF_BYTES = 64_000_000
PHOTO_BYTES = 10_000_000
PHOTO_SIDES = 10_000
PHOTO_RATIO = 20

_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG, T.81 table B.1
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png", "png"),
    (b"\xff\xd8\xff", "image/jpeg", "jpg"),
)


class Stored(msgspec.Struct, frozen=True):
    """One file; equal content and name make equal ids."""

    id: str
    name: str
    content_type: str
    content: bytes
    width: int = 0  # photos only
    height: int = 0

    @property
    def url(self) -> str:
        """Where the page finds it."""
        return f"/chat/files/{self.id}"

    def photo(self) -> list[dict[str, object]]:
        """The one `PhotoSize` of a photo."""
        return [{**self.ref(), "width": self.width, "height": self.height}]

    def document(self) -> dict[str, object]:
        """The `Document` object."""
        return {**self.ref(), "file_name": self.name, "mime_type": self.content_type}

    def ref(self) -> dict[str, object]:
        """What every file object of the Bot API carries."""
        return {
            "file_id": self.id,
            "file_unique_id": self.id[:16],
            "file_size": len(self.content),
        }


class Shelf:
    """At most `budget` bytes of files."""

    def __init__(self, budget: int = SHELF_BYTES) -> None:
        self._budget = budget
        self._files: OrderedDict[str, Stored] = OrderedDict()
        self._size = 0

    def put_photo(self, upload: Upload) -> Stored:
        """Keep a PNG or JPEG; raises `Refused` 400 for what Telegram would not show."""
        if len(upload.content) > PHOTO_BYTES:
            raise bad_request("file is too big for a photo")
        content_type, suffix = _image_type(upload.content)
        width, height = image_size(upload.content)
        if width + height > PHOTO_SIDES or max(width, height) > PHOTO_RATIO * min(width, height):
            raise bad_request("PHOTO_INVALID_DIMENSIONS")
        name = f"photo.{suffix}"
        file_id = _id(upload.content, name)
        return self._keep(Stored(file_id, name, content_type, upload.content, width, height))

    def put_document(self, upload: Upload) -> Stored:
        """Keep any file under a name that is safe in a header and in a path."""
        if not upload.content:
            raise bad_request("file must be non-empty")
        name = re.sub(r"[^\w.-]+", "_", upload.name, flags=re.ASCII).strip("._") or "file"
        file_id = _id(upload.content, name)
        return self._keep(Stored(file_id, name[-100:], "application/octet-stream", upload.content))

    def get(self, file_id: str) -> Stored | None:
        """The file, unless newer ones pushed it out."""
        return self._files.get(file_id)

    def _keep(self, file: Stored) -> Stored:
        if file.id in self._files:
            self._files.move_to_end(file.id)
            return self._files[file.id]
        self._files[file.id] = file
        self._size += len(file.content)
        while self._size > self._budget and len(self._files) > 1:
            _, gone = self._files.popitem(last=False)
            self._size -= len(gone.content)
        return file


def _id(content: bytes, name: str) -> str:
    return hashlib.sha256(name.encode() + b"\0" + content).hexdigest()[:40]


def _image_type(content: bytes) -> tuple[str, str]:
    for magic, content_type, suffix in _MAGIC:
        if content.startswith(magic):
            return content_type, suffix
    raise bad_request("IMAGE_PROCESS_FAILED")


def image_size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG or JPEG from its header; raises `Refused` 400."""
    try:
        found = _png_size(content) if content[:1] == b"\x89" else _jpeg_size(content)
    except (struct.error, IndexError) as e:
        raise bad_request("IMAGE_PROCESS_FAILED") from e
    if min(found) <= 0:
        raise bad_request("PHOTO_INVALID_DIMENSIONS")
    return found


def _png_size(content: bytes) -> tuple[int, int]:
    width, height = struct.unpack_from(">II", content, 16)  # IHDR comes first, always
    return width, height


def _jpeg_size(content: bytes) -> tuple[int, int]:
    at = 2
    while True:
        marker, length = struct.unpack_from(">xBH", content, at)
        if marker in _FRAME_HEADERS:
            height, width = struct.unpack_from(">HH", content, at + 5)
            return width, height
        at += 2 + length
