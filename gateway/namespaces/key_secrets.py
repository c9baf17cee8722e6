"""The secrets of API keys: what they look like, and what is kept of them."""

from __future__ import annotations

import re
import secrets
import string
from hashlib import sha256

# Letters and digits only, so that a double click selects all of it.
_ALPHABET = string.ascii_letters + string.digits
_LENGTH = 43  # 62 ** 43 is just above 2 ** 256
_SHAPE = re.compile(rf"sk_[A-Za-z0-9]{{{_LENGTH}}}")
_SHOWN = 10


def new_secret() -> str:
    """Return a new secret of over 256 random bits."""
    return "sk_" + "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))


def is_secret(text: str) -> bool:
    """Tell whether the text has the shape of a secret."""
    return _SHAPE.fullmatch(text) is not None


def digest(secret: str) -> bytes:
    """Return what the database keeps and finds a key by.

    A plain SHA-256: a secret cannot be guessed, so nothing is won by a slow hash, and a look-up by
    the hash tells by its time nothing about the secret.
    """
    return sha256(secret.encode()).digest()


def prefix(secret: str) -> str:
    """Return the first characters, by which people recognize a key."""
    return secret[:_SHOWN]
