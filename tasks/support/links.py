"""Addresses of a run's report and of its run in MLflow; known if `emotion up` serves them."""

import os
from pathlib import Path

from data.workspace.store import Produced

REPORTS_URL_VARIABLE = "EMOTION_REPORTS_URL"
"""Environment variable that tells runs of the worker where reports are served."""

MLFLOW_PAGE_VARIABLE = "EMOTION_MLFLOW_URL"
"""Environment variable that tells them the address of MLflow's pages."""

MLFLOW_PATH = "/mlflow/"
"""Path on the server of the reports; followed by a report's key, it leads to the run in MLflow."""


def page_address(page: Path) -> str:
    """Return the address of a page in the directory of a stage, or its path if nobody serves it."""
    base = os.environ.get(REPORTS_URL_VARIABLE)
    return f"{base}/{page.relative_to(page.parents[2]).as_posix()}" if base else str(page)


def report_page(report: Produced) -> str:
    """Return the address of a report's page, or its path if nobody serves it."""
    return page_address(report.path / "index.html")


def mlflow_page(report_key: str) -> str:
    """Return the address that leads to a report's run in MLflow once it is there; empty if no pages are served."""
    base = os.environ.get(REPORTS_URL_VARIABLE)
    return f"{base}{MLFLOW_PATH}{report_key}" if base and os.environ.get(MLFLOW_PAGE_VARIABLE) else ""


def link_report(report: Produced) -> None:
    """Put a link to a report's page on the running flow, if it is served."""
    link_page(report.path / "index.html", "report-page", "the whole report")


def link_page(page: Path, key: str, text: str) -> None:
    """Put a link to a page on the running flow, if it is served.

    Args:
        page: in the directory of a stage, or of scores.
        key: of the artifact.
        text: of the link.
    """
    from prefect.artifacts import create_link_artifact

    if os.environ.get(REPORTS_URL_VARIABLE):
        create_link_artifact(key=key, link=page_address(page), link_text=text)


def link_mlflow_run(experiment_id: str, run_id: str) -> None:
    """Put a link to a run's page in MLflow on the running flow, if there is one."""
    from prefect.artifacts import create_link_artifact

    page = mlflow_run_page(experiment_id, run_id)
    if page:
        create_link_artifact(key="mlflow-run", link=page, link_text="the run in MLflow")


def mlflow_run_page(experiment_id: str, run_id: str) -> str:
    """Return the address of a run's page in MLflow, empty if nobody serves it."""
    base = os.environ.get(MLFLOW_PAGE_VARIABLE)
    return f"{base}/#/experiments/{experiment_id}/runs/{run_id}" if base else ""
