"""The page for people: one file that loads nothing, and the policy that holds it to that."""

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

INLINE = re.compile(r"<(style|script)>(.*?)</\1>", re.DOTALL)


class Page(NamedTuple):
    """The page and the headers that go with it."""

    html: str
    headers: dict[str, str]


@cache
def read_page(package: str = "serving.web", pictures: str = "blob: data:") -> Page:
    """Read the page of a package, and allow its own style and script, by their hashes, and nothing else.

    Args:
        package: has page.html.
        pictures: where the page may load pictures from, as a policy writes it.
    """
    html = files(package).joinpath("page.html").read_text(encoding="utf-8")
    allowed = {kind: _hash(text) for kind, text in INLINE.findall(html)}
    policy = (
        f"default-src 'none'; script-src '{allowed['script']}'; style-src '{allowed['style']}'; img-src {pictures}; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Page(html, {"Content-Security-Policy": policy, "Permissions-Policy": "camera=(self), microphone=()"})


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
