"""Entry point of the `emotion` command: it makes sure that the project's own packages are imported, and runs it.

Imports nothing of the project at its top: another directory with a package `data` may come first on the import path.
"""

import gc
import sys

from flows.cli.package_origin import find_foreign_package

EXIT_FAILED = 1


def main() -> None:
    """Run the command; print an error that the user can correct as one message, without a traceback."""
    if message := find_foreign_package():
        sys.exit(f"error {message}")
    from data.system.environment import prepare_environment

    try:
        prepare_environment()
    except OSError as error:
        sys.exit(f"error {error}")
    from rich.markup import escape

    from data.base.errors import PipelineError
    from flows.cli.commands import app
    from flows.cli.terminal import error_console

    try:
        app()
    except PipelineError as error:
        error_console.print(f"[bold red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(EXIT_FAILED)
    except Exception as error:
        from flows.cli.full_disk import find_full_disk

        if not (message := find_full_disk(error)):
            raise
        error_console.print(f"[bold red]error[/] {escape(message)}", highlight=False, soft_wrap=True)
        sys.exit(EXIT_FAILED)
    finally:
        gc.freeze()  # otherwise the interpreter looks through all objects as it ends: 1.1 s after a run


if __name__ == "__main__":
    main()
