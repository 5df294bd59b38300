"""Conversion of a page to PDF by an installed browser of the Chromium family."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from data.base.errors import PipelineError

BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "microsoft-edge",
    "msedge",
)
APPLICATIONS = (
    Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
    Path("/Applications/Chromium.app/Contents/MacOS/Chromium"),
    Path("/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge"),
)
PRINT_SECONDS = 120.0


def find_browser() -> Path:
    """Return a browser that prints.

    Raises:
        PipelineError: no such browser is installed.
    """
    found = [Path(path) for name in BROWSERS if (path := shutil.which(name))]
    found += [path for path in APPLICATIONS if path.is_file()]
    if not found:
        raise PipelineError(
            f"got no browser that prints, expected one of {', '.join(BROWSERS)} on the PATH: install Chromium (Debian: "
            "apt install chromium), or open index.html in any browser and print it from there"
        )
    return found[0]


def print_pdf(page: Path, pdf: Path, browser: Path) -> None:
    """Print a page as A4 by its print style, with bookmarks for its headings; nothing is loaded from elsewhere.

    Args:
        page: HTML file.
        pdf: to write; an older one is removed first, so that it cannot be taken for the new one.
        browser: see `find_browser`.

    Raises:
        PipelineError: the browser wrote none.
    """
    pdf.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="emotion-pdf-", ignore_cleanup_errors=True) as profile:
        command = [
            str(browser),
            "--headless",
            "--disable-gpu",
            "--disable-extensions",
            "--no-first-run",
            f"--user-data-dir={profile}",
            "--no-pdf-header-footer",
            "--generate-pdf-document-outline",
            f"--print-to-pdf={pdf.resolve()}",
            page.resolve().as_uri(),
        ]
        if os.name == "posix" and os.geteuid() == 0:  # in a container; as root the browser has no sandbox
            command.insert(1, "--no-sandbox")
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PRINT_SECONDS, check=False)
            said = done.stderr.strip()[-500:]
        except (OSError, subprocess.SubprocessError) as error:
            said = str(error)
    if not _is_pdf(pdf):
        raise PipelineError(
            f"got no {pdf} from {browser} ({said}), expected it to print {page}: open the page in a browser and print "
            "it from there"
        )


def _is_pdf(path: Path) -> bool:
    """Check that a file is there and begins and ends as a PDF does: a browser that is killed leaves a part."""
    if not path.is_file():
        return False
    content = path.read_bytes()
    return content.startswith(b"%PDF-") and b"%%EOF" in content[-1024:]
