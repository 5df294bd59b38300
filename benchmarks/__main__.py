"""Command that measures rows of docs/benchmarks.md: `python -m benchmarks SOURCE [ROW ...]`.

Without ROW it measures all short rows. SOURCE has the same form as in `emotion run`. Each finished row immediately
replaces its section of the page; the other sections stay.
"""

import argparse
from pathlib import Path

from benchmarks.page import replace_section
from benchmarks.rows import ROWS
from data.base.paths import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "benchmarks.md"


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a folder, an archive's path or URL, or a Google Drive id or URL")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument("--page", type=Path, default=PAGE, help="the Markdown page to write the figures into")
    options = parser.parse_args()
    unknown = set(options.rows) - set(ROWS)
    if unknown:
        parser.error(f"got row {', '.join(sorted(unknown))}; expected some of {', '.join(ROWS)}")
    for name in options.rows or [name for name, row in ROWS.items() if row.short]:
        print(f"{name}: {ROWS[name].title} ...", flush=True)
        outcome = ROWS[name].measure(options.source)
        print(f"{name}: {outcome.summary}", flush=True)
        replace_section(options.page, name, ROWS[name], outcome)


if __name__ == "__main__":
    main()
