"""Base64url as JOSE has it: no padding, and one text only for the same bytes (RFC 7515, 2)."""

from __future__ import annotations

import base64


def encode(data: bytes) -> str:
    """Write bytes."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Read bytes.

    Raises:
        ValueError: padding, other characters, or bits left over; the message repeats nothing.
    """
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:  # binascii.Error too
        data = b""
    if encode(data) != text:
        raise ValueError("no base64url")
    return data
