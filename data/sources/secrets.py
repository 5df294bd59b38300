"""Secrets in URLs: recognising and masking them before a URL is shown or stored."""

import re

MASK = "***"

_USER_INFO = re.compile(r"(?<=://)[^/?#\s\"'<>]+@")
_SECRET_NAME = r"[\w.~%\[\]-]*(?:token|key|secret|sig|pass|pwd|auth|credential|session|code)[\w.~%\[\]-]*"
_FIELD = re.compile(rf"(?P<name>[?&;](?:{_SECRET_NAME})=)(?P<value>[^&;#\s\"'<>)]+)", re.IGNORECASE)
_LONG_FIELD = re.compile(r"(?P<name>[?&;][\w.~%\[\]-]+=)(?P<value>[^&;#\s\"'<>)]{24,})")


def mask_secrets(text: str) -> str:
    """Return a text with what is secret in its URLs replaced: user names, passwords, and tokens of queries.

    A field of a query is taken for secret if its name says so (token, key, signature, password, ...) or if its value
    has 24 or more characters.

    Args:
        text: a URL, or a message with URLs or requested paths in it.

    Examples:
        >>> mask_secrets("http://user:secret@host/x.zip?token=abc&download=1")
        'http://***@host/x.zip?token=***&download=1'
    """
    text = _USER_INFO.sub(f"{MASK}@", text)
    text = _FIELD.sub(rf"\g<name>{MASK}", text)
    return _LONG_FIELD.sub(rf"\g<name>{MASK}", text)


def has_secrets(text: str) -> bool:
    """Return whether `mask_secrets` would change a text."""
    return mask_secrets(text) != text
