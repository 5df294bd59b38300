"""Serve the pages of a workspace as a child command: `python -m flows.service.report_site HOST PORT WORKSPACE`.

Reports link to verdicts, datasheets and Data Docs beside them, so the pages of these folders are served and nothing
else: no checkpoint, no database, no image of the data set. MLflow gets a run after its report is made, so a report's
link to it leads through here.
"""

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

from data.workspace.layout import RENDERED_FOLDER
from models.registry.tracking import find_tracked
from reports.site.index import write_index
from tasks.support.links import MLFLOW_PATH, mlflow_run_page

SERVED_FOLDERS = ("reports", RENDERED_FOLDER, "verdicts", "audits", "searches", "datasets", "data_docs")
PAGES = {".html", ".css", ".js", ".md", ".json", ".csv", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".ico"}
FONTS = {".woff", ".woff2", ".ttf", ".eot"}
REPORTS_PATH = "/reports/"


class Pages(SimpleHTTPRequestHandler):
    """Answer GET and HEAD below the served folders."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".md": "text/plain; charset=utf-8",
        ".csv": "text/plain; charset=utf-8",
        ".html": "text/html; charset=utf-8",
    }

    def translate_path(self, path: str) -> str:
        """Return the file of a URL, or one that there is not where it may not be seen."""
        found, root = Path(super().translate_path(path)), Path(self.directory)
        return str(found if is_served(found, root) else root / ".not-served")

    def list_directory(self, path: Any) -> BytesIO | None:
        """Refuse: a folder is reached from a page, the reports from their index."""
        self.send_error(404, "File not found")
        return None

    def send_head(self) -> Any:
        """Lead to the list of reports where no page is named, and from a report's key to its run in MLflow."""
        if self.path.startswith(MLFLOW_PATH):
            place = find_mlflow_page(Path(self.directory), self.path.removeprefix(MLFLOW_PATH))
        elif self.path == "/":
            place = REPORTS_PATH
        else:
            return super().send_head()
        if place:
            self.send_response(302)
            self.send_header("Location", place)
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send_error(404, "MLflow does not have this run", "Where MLflow was away, the next run writes it.")
        return None

    def end_headers(self) -> None:
        """Add that a page is what it says to be."""
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no page that was sent; errors alone are of interest."""


def find_mlflow_page(workspace: Path, report_key: str) -> str:
    """Return the address of a report's run in MLflow, empty where it is not there or MLflow has no pages."""
    tracked = find_tracked(workspace, report_key)
    return mlflow_run_page(tracked.experiment_id, tracked.run_id) if tracked else ""


def is_served(path: Path, root: Path) -> bool:
    """Return whether a page or folder may be seen: visible, and below a served folder also where a link leads."""
    try:
        parts = path.resolve().relative_to(root.resolve()).parts
    except (OSError, ValueError):
        return False
    if not parts or parts[0] not in SERVED_FOLDERS or any(part.startswith(".") for part in parts):
        return False
    return path.is_dir() or path.suffix.lower() in PAGES | FONTS


def main() -> None:
    """Serve until told to stop."""
    host, port, workspace = sys.argv[1:]
    write_index(Path(workspace))
    ThreadingHTTPServer((host, int(port)), partial(Pages, directory=workspace)).serve_forever()


if __name__ == "__main__":
    main()
