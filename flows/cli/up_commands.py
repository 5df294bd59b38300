"""Commands up, down, status, schedule and deploy of `emotion`."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from data.base.errors import PipelineError
from data.sources.source import parse_source
from flows.cli.options import (
    PRESET_HELP,
    CarveTestOption,
    ColorOption,
    FormatOption,
    FormatOptions,
    ImageSizeOption,
    LabelsOption,
    parse_format,
)
from flows.cli.terminal import console

app = typer.Typer()
EXIT_DOWN = 1


@app.command()
def up(
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when everything answers, and keep it running.")
    ] = False,
) -> None:
    """Keep Prefect's server, a worker, MLflow's UI and the pages (reports, champion, review) running, until Ctrl-C."""
    from flows.cli.printing import print_up
    from flows.service.schedule import read_schedule
    from flows.service.up import UpRecord, run_up, start_detached
    from flows.settings import load_settings

    settings = load_settings()
    if detach:
        print_up(start_detached(settings), read_schedule(settings.workspace), settings)
        console.print("It runs until [bold]emotion down[/]; emotion status shows it.", highlight=False)
        return

    def ready(record: UpRecord) -> None:
        print_up(record, read_schedule(settings.workspace), settings)
        console.print("Ctrl-C ends everything. Logs of the parts:", highlight=False)

    run_up(settings, lambda line: console.print(escape(line), highlight=False, soft_wrap=True), ready)


@app.command()
def down() -> None:
    """End everything that emotion up keeps running, including runs."""
    from flows.service.up import end_up
    from flows.settings import load_settings

    settings = load_settings()
    was_up = end_up(settings)
    console.print(
        f"{escape(str(settings.workspace.resolve()))} {'is down' if was_up else 'was not up'}", highlight=False
    )


@app.command()
def status() -> None:
    """Show what emotion up keeps running, the schedule, the notifications and the last run."""
    from flows.cli.printing import print_last_run, print_login, print_notifications, print_parts, print_schedule
    from flows.service.schedule import read_schedule
    from flows.service.up import find_up, part_states
    from flows.settings import load_settings

    settings = load_settings()
    record = find_up(settings.workspace)
    schedule_choice = read_schedule(settings.workspace)
    if not record:
        console.print(
            f"{escape(str(settings.workspace.resolve()))} is not up: run emotion up", highlight=False, soft_wrap=True
        )
        print_schedule(schedule_choice)
        sys.exit(EXIT_DOWN)
    print_parts(record, part_states(record, settings.workspace))
    print_login(settings)
    print_schedule(schedule_choice)
    print_notifications(record)
    _use_server(settings.workspace)
    from flows.cli.last_run import last_run

    print_last_run(last_run())


@app.command()
def schedule(
    switch: Annotated[
        Literal["on", "off"], typer.Argument(help="Whether retrain, ingest and score run on their schedules.")
    ],
    source: Annotated[str, typer.Option(help="Their data set from now on, instead of the deployment's.")] = "",
    preset: Annotated[str, typer.Option(help=f"The preset of retrain from now on: {PRESET_HELP}")] = "",
    photos: Annotated[
        str, typer.Option(help="Photos that are scored every night from now on: a folder, an archive or a list.")
    ] = "",
    format_name: FormatOption = "",
    labels: LabelsOption = "",
    image_size: ImageSizeOption = 0,
    color: ColorOption = "as published",
    carve_test: CarveTestOption = False,
    faces: Annotated[
        Literal["", "given", "find"],
        typer.Option(help="given: their images are cropped faces; find: the face of each photo is found and cropped."),
    ] = "",
) -> None:
    """Switch the weekly retrain, the daily ingest and the nightly score on or off, now and after every deploy."""
    from flows.cli.printing import print_schedule
    from flows.service.schedule import ScheduleChoice, apply_schedule, read_schedule, write_schedule
    from flows.settings import load_settings
    from flows.steps.photos import locate_photos
    from models.catalog.presets import load_preset

    settings = load_settings()
    if source:
        parse_source(source)
    if preset:
        load_preset(preset)
    former = read_schedule(settings.workspace)
    options = FormatOptions(format_name, labels, image_size, color, carve_test)
    is_said = options != FormatOptions(name="")
    choice = ScheduleChoice(
        on=switch == "on",
        source=_absolute(source or former.source),
        preset=_absolute(preset or former.preset),
        data_format=parse_format(options._replace(name=format_name or "seed")) if is_said else former.data_format,
        faces=faces or former.faces,
        photos=locate_photos(photos) if photos else former.photos,
    )
    write_schedule(choice, settings.workspace)
    if _use_server(settings.workspace):
        apply_schedule(choice, settings.schedule_cron)
    else:
        console.print("No server is up; the next [bold]emotion up[/] applies the schedule.", highlight=False)
    print_schedule(choice)


@app.command()
def worker(
    name: Annotated[str, typer.Option(help="Its name in Prefect; by default a new one at each start.")] = "",
    pool: Annotated[
        str,
        typer.Option(
            help="Take trainings of runs with --on POOL instead of whole runs; EMOTION_STORE is the store of all hosts."
        ),
    ] = "",
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Trainings of that pool at the same time.")] = 1,
) -> None:
    """Start runs of the server that is up, or that PREFECT_API_URL names, on this machine too, until Ctrl-C."""
    from flows.settings import load_settings, settings_environment

    settings = load_settings()
    if not _use_server(settings.workspace):
        raise PipelineError("got no server to work for: run emotion up, which has a worker, or set PREFECT_API_URL")
    if pool:
        settings.open_store()  # ends here without one
        settings = settings.model_copy(update={"worker_limit": at_once})
    os.environ.update(settings_environment(settings))
    from flows.service.deploy import offer_pool  # after the environment: prefect reads it when it is imported
    from flows.service.parts import POOL
    from flows.service.worker import work

    if pool:
        offer_pool(pool)
    work(name, pool or POOL, at_once if pool else 0)


@app.command()
def deploy(
    kubernetes: Annotated[
        str,
        typer.Option(
            metavar="POOL",
            help="Deploy only a pool for trainings of runs with --on POOL, as jobs of a Kubernetes cluster.",
        ),
    ] = "",
    image: Annotated[str, typer.Option(help="Image of those jobs.")] = "",
    gpus: Annotated[bool, typer.Option("--gpus", help="Large networks ask for a GPU in that cluster.")] = False,
) -> None:
    """Deploy the flows, the schedule and the automations to the server that is up, or that PREFECT_API_URL names."""
    from flows.service.deploy import deploy_all
    from flows.service.kubernetes_pool import offer_kubernetes_pool
    from flows.settings import load_settings

    if (image or gpus) and not kubernetes:
        raise PipelineError("got --image or --gpus without a pool, expected --kubernetes POOL beside them")
    settings = load_settings()
    if not _use_server(settings.workspace):
        raise PipelineError("got no server to deploy to: run emotion up, which also deploys, or set PREFECT_API_URL")
    if kubernetes:
        offer_kubernetes_pool(kubernetes, image, gpus)
        console.print(f"deployed the pool {escape(kubernetes)}", highlight=False)
        return
    notifications = deploy_all(settings)
    console.print(f"deployed; {len(notifications)} automations notify", highlight=False)


def _use_server(workspace: Path) -> bool:
    """Make prefect use the server in PREFECT_API_URL, or else that of `emotion up`; tell whether there is a server."""
    from flows.server.environment import API_URL_VARIABLE
    from flows.server.shared import client_environment, find_kept_server

    url = os.environ.get(API_URL_VARIABLE) or find_kept_server(workspace)
    if url:
        os.environ.update(client_environment(url, workspace))
    return bool(url)


def _absolute(source: str) -> str:
    """Make a path absolute, because the worker has another directory; return other sources and names unchanged."""
    location, mark, pin = source.partition("#")
    return f"{Path(location).resolve()}{mark}{pin}" if location and Path(location).exists() else source
