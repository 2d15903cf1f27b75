"""Identities are BSON ObjectIds, in the API as in the documents (MRQ 0.9)."""

from __future__ import annotations

from bson import ObjectId
from bson.errors import InvalidId

from mrq.exceptions import InvalidJobIdError


def new_id() -> ObjectId:
    """A new identity."""
    return ObjectId()


def parse_id(value: object) -> ObjectId:
    """An ObjectId, or what is one when it is read as 24 hexadecimal digits (text or bytes) or 12 bytes.

    Raises:
        InvalidJobIdError: it is none of these.
    """
    if isinstance(value, ObjectId):
        return value
    if isinstance(value, bytes) and len(value) == 24:
        value = value.decode("ascii", "replace")
    if isinstance(value, (str, bytes)):
        try:
            return ObjectId(value)
        except (InvalidId, TypeError):  # TypeError: bytes of another length
            pass
    raise InvalidJobIdError(f"{value!r} is not a job id: 24 hexadecimal digits, or an ObjectId")
