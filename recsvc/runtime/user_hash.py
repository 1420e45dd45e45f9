"""Keyed hashes of user ids for logs: one user's lines can be followed, and no user is named.

The key is random and stays in HOME, so the hashes of guessed ids cannot be compared with a log.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path
from urllib.parse import unquote_to_bytes

from recsvc.runtime import private_files

FILE = "log-secret"
KEY_BYTES = 32
N_DIGITS = 12
USERS = b"users"  # the segment of a path before a user id


class UserHash:
    """Replaces user ids by the first hexadecimal digits of their HMAC-SHA256."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    @classmethod
    def open(cls, home: Path) -> "UserHash":
        """Read the key of a home, or create it. Raises OSError."""
        private_files.create_folder(home)
        path = home / FILE
        if not path.exists():
            incomplete = path.with_name(f".{FILE}-{secrets.token_hex(8)}")
            private_files.create_file(incomplete)
            incomplete.write_text(secrets.token_hex(KEY_BYTES))
            try:
                os.link(incomplete, path)  # of several processes, one creates the key
            except FileExistsError:
                pass
            finally:
                incomplete.unlink()
        return cls(bytes.fromhex(path.read_text()))

    def digest(self, user_id: bytes) -> str:
        """Return the hash of an id in UTF-8."""
        return hmac.new(self._key, user_id, hashlib.sha256).hexdigest()[:N_DIGITS]

    def redact(self, raw_path: bytes) -> str:
        """Return a path in which the segment after `users` is replaced by its hash."""
        parts = raw_path.split(b"/")
        for n, part in enumerate(parts[1:], start=1):
            if parts[n - 1] == USERS and part:
                parts[n] = self.digest(unquote_to_bytes(part)).encode()
        return b"/".join(parts).decode("ascii", "replace")
