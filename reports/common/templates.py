"""Jinja environment of the pages: templates, filters, and the script of the tables."""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from data.workspace.digests import checksum_files, hash_json
from reports.common import formatting

TEMPLATES = Path(__file__).parents[1] / "templates"


TABLES_SCRIPT = (TEMPLATES / "common" / "tables.js").read_text(encoding="utf-8")
"""The only script of a page: it sorts and filters the tables."""


def hash_script(script: str) -> str:
    """Return the hash that allows this inline script, and no other, in a Content-Security-Policy."""
    return f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}"


def digest_templates() -> str:
    """Return a key of the pages' templates and style, for the keys of stages that are drawn with them."""
    return hash_json(checksum_files(TEMPLATES))


def make_environment() -> Environment:
    """Return the templates' environment: everything is escaped, and a name that is missing is an error."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = (
        "percent",
        "percentage_points",
        "number",
        "probability_value",
        "file_size",
        "duration",
        "date_text",
        "plural",
        "observed_text",
    )
    environment.filters.update({name: getattr(formatting, name) for name in names})
    environment.globals.update(
        percent_range=formatting.percent_range, points_range=formatting.points_range, missing_mark=formatting.MISSING
    )
    return environment
