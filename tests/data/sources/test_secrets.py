"""Secrets in URLs and messages."""

import pytest

from data.sources.secrets import has_secrets, mask_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://host/x.zip", "https://host/x.zip"),
        ("https://host/x.zip?download=1&raw=true", "https://host/x.zip?download=1&raw=true"),
        ("http://user:secret@host/x.zip?token=abc", "http://***@host/x.zip?token=***"),
        ("http://user:p@ss@host:80/x", "http://***@host:80/x"),
        ("http://token@host/x", "http://***@host/x"),
        ("https://host/x?X-Amz-Signature=ab&X-Amz-Date=1", "https://host/x?X-Amz-Signature=***&X-Amz-Date=1"),
        ("https://host/x?a=1&SIG=ab#sha256=00", "https://host/x?a=1&SIG=***#sha256=00"),
        ("https://host/x?t=" + "a" * 24, "https://host/x?t=***"),
        ("at host: no answer (url: /x.zip?rlkey=abc)", "at host: no answer (url: /x.zip?rlkey=***)"),
        ("https://host/a@b/x.zip", "https://host/a@b/x.zip"),
    ],
)
def test_secrets_of_urls_are_masked(text: str, shown: str) -> None:
    assert mask_secrets(text) == shown
    assert has_secrets(text) == (text != shown)
    assert mask_secrets(shown) == shown
