"""A program of somebody else that loads a model, in a process that does not have this repository."""

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any


def run_consumer(script: str, directory: Path) -> Any:
    """Run a script in a directory, and return what its last line says, which is JSON."""
    outcome = subprocess.run(
        [sys.executable, "-P", "-c", textwrap.dedent(script)],
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", "HOME": str(directory), "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    return json.loads(outcome.stdout.splitlines()[-1])
