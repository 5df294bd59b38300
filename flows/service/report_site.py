"""Web server of a workspace's pages as a child command: `python -m flows.service.report_site HOST PORT WORKSPACE`.

Reports link to verdicts, datasheets and Data Docs in other folders. Only the pages in these folders are served:
no checkpoint, no database, no image of the data set. MLflow gets a run after the report on it is written, so the
report's link to MLflow leads through this server.
"""

import sys
from collections.abc import Sequence
from os import PathLike, stat_result
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from data.workspace.layout import RENDERED_FOLDER, SCORES_FOLDER
from flows.server.connections import make_impatient_server
from flows.server.gate import guard
from flows.server.password import server_login
from flows.settings import load_settings
from models.registry.tracking import find_tracked
from reports.common.templates import TABLES_SCRIPT, hash_script
from reports.site.index import write_index
from serving.web.token import TokenGate
from tasks.support.links import MLFLOW_PATH, mlflow_run_page

SERVED_FOLDERS = ("reports", RENDERED_FOLDER, "verdicts", "audits", "searches", "datasets", "data_docs", SCORES_FOLDER)
PAGES = {".html", ".css", ".js", ".md", ".json", ".csv", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".ico"}
FONTS = {".woff", ".woff2", ".ttf", ".eot"}
SHOWN_AS_TEXT = {".md", ".csv"}
"""Browsers would download these under their own media types."""

REPORTS_PATH = "/reports/"
POLICY = (
    f"default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; font-src 'self'; "
    f"script-src '{hash_script(TABLES_SCRIPT)}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What a page may load and run: pictures and styles of its own, and of all scripts the one that sorts our tables."""

HEADERS = [
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
STOP_SECONDS = 1


class Pages(StaticFiles):
    """Files below the served folders of a workspace.

    Args:
        workspace: root of the workspace.
    """

    def __init__(self, workspace: Path) -> None:
        super().__init__(directory=workspace, html=True)
        self.workspace = workspace

    def lookup_path(self, path: str) -> tuple[str, stat_result | None]:
        """Find the file of a URL, unless it may not be seen."""
        found, status = super().lookup_path(path)
        return (found, status) if status and is_served(Path(found), self.workspace) else ("", None)

    def file_response(
        self, full_path: str | PathLike[str], stat_result: stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Send a file, or only confirm that the browser's copy of it is up to date."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        if Path(full_path).suffix.lower() in SHOWN_AS_TEXT:
            response.headers["Content-Type"] = "text/plain; charset=utf-8"
        return response


def make_site(workspace: Path) -> Starlette:
    """Return the web application that serves the pages of a workspace.

    Args:
        workspace: root of the workspace.
    """

    def show_reports(request: Request) -> Response:
        return RedirectResponse(REPORTS_PATH, status_code=302)

    def show_mlflow_run(request: Request) -> Response:
        page = find_mlflow_page(workspace, request.path_params["key"])
        if not page:
            raise HTTPException(404, "MLflow does not have this run. If it was unreachable, the next run writes it.")
        return RedirectResponse(page, status_code=302)

    routes = [Route("/", show_reports), Route(f"{MLFLOW_PATH}{{key:path}}", show_mlflow_run)]
    return Starlette(routes=[*routes, Mount("/", Pages(workspace))])


def make_server(host: str, port: int, workspace: Path, login: str, names: Sequence[str] = ()) -> uvicorn.Server:
    """Return the server of a workspace's pages; its `run` serves until it is told to stop.

    Args:
        host: address to listen on.
        port: TCP port.
        workspace: root of the workspace.
        login: USER:PASSWORD for which it asks.
        names: host names by which it may be reached, besides its address.
    """
    app = guard(TokenGate(make_site(workspace), [login]), host, names)
    return make_impatient_server(app, host, port, HEADERS, STOP_SECONDS)


def find_mlflow_page(workspace: Path, report_key: str) -> str:
    """Return the address of a report's run in MLflow; empty if the run or MLflow's pages do not exist."""
    tracked = find_tracked(workspace, report_key)
    return mlflow_run_page(tracked.experiment_id, tracked.run_id) if tracked else ""


def is_served(path: Path, root: Path) -> bool:
    """Tell whether a page or folder may be seen: not hidden, and below a served folder after links are followed.

    Args:
        path: file or folder.
        root: of the workspace.

    Example:
        >>> is_served(Path("/w/reports/1/index.html"), Path("/w"))
        True
        >>> is_served(Path("/w/reports/../prefect/prefect.db"), Path("/w"))
        False
    """
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
    settings = load_settings()
    login = server_login(settings, Path(workspace))
    write_index(Path(workspace))
    make_server(host, int(port), Path(workspace), login, settings.listed_host_names()).run()


if __name__ == "__main__":
    main()
