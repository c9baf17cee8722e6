"""Takes secrets out of what is logged."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from urllib.parse import quote

_GONE = "[redacted]"
_SHORTEST = 6  # a shorter value would be found in ordinary words

# Between a name and its value: of a header, in a mapping, in a list of pairs.
_IS = r"['\"]?\s*[=:,]\s*(?:b(?=['\"]))?['\"]?"
_VALUE = r"[^\s'\",;&)]+"
_PATTERNS: Mapping[str, str] = {
    # API keys; ten characters are how people recognize one, and are shown to them.
    r"\bsk_[A-Za-z0-9]{8,}": f"sk_{_GONE}",
    rf"(?i)(\bauthorization{_IS})[^\r\n'\"]+": rf"\1{_GONE}",
    r"(?i)\bbearer\s+[^\s'\",]+": f"Bearer {_GONE}",
    # All of a query that has a signature: it is a key to the bytes until it expires.
    r"(?i)\?[^\s'\"<>?]*?\b(?:x-amz-signature|x-goog-signature|signature|sig)=[^\s'\"<>]*": (
        f"?{_GONE}"
    ),
    rf"(?i)(\b(?:x-(?:amz|goog)-)?(?:signature|security-token)=){_VALUE}": rf"\1{_GONE}",
    rf"(?i)(\bx-(?:amz|goog)-(?:signature|security-token){_IS}){_VALUE}": rf"\1{_GONE}",
    # The password of a URL ends at its last @.
    r"(://[^\s:/@]*:)\S+@": rf"\1{_GONE}@",
    r"(?i)(\b\w*(?:password|passwd|secret_?(?:access_?)?key|session_?token)"
    rf"{_IS}){_VALUE}": rf"\1{_GONE}",
}


class Redactor:
    """Replaces what looks like a secret, and what is known to be one.

    Args:
        secrets: Values that must not be shown, wherever they turn up.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for each in secrets for form in (each, quote(each, safe=""))}
        long_enough = sorted((each for each in known if len(each) >= _SHORTEST), key=len)
        exact = "|".join(re.escape(each) for each in reversed(long_enough))
        patterns = ({exact: _GONE} if exact else {}) | dict(_PATTERNS)
        self._replace: list[Callable[[str], str]] = [
            partial(re.compile(pattern).sub, put) for pattern, put in patterns.items()
        ]

    def __call__(self, text: str) -> str:
        """Return the text without them."""
        for replace in self._replace:
            text = replace(text)
        return text


class Redaction(logging.Filter):
    """Takes the secrets out of a record's message, exception and stack before anyone writes it."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._redact = Redactor(secrets)
        self._formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; let it pass."""
        try:
            message = record.getMessage()
        except Exception:  # arguments that do not fit the text; logging would print them all
            message = str(record.msg)
        record.msg, record.args = self._redact(message), None
        if record.exc_info:
            record.exc_text = self._redact(self._formatter.formatException(record.exc_info))
        if record.stack_info:
            record.stack_info = self._redact(record.stack_info)
        return True
