"""Hostile settings: a wrong value is named with its variable, a secret is never shown, an unsafe file is not obeyed."""

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from flows.settings import PREFIX, load_settings
from tests.faults.limited_child import Case, Handled, Refused

pytestmark = pytest.mark.faults
KIND = "settings"

VARIABLES = "variables.json"
SECRET = "hunter2"


def load(name: str, folder: Path) -> str:
    """Return a setting, with the folder of the case left out of paths."""
    for variable in [variable for variable in os.environ if variable.startswith(PREFIX)]:
        del os.environ[variable]
    os.environ["HOME"] = str(folder / "home")
    os.environ.update(json.loads((folder / VARIABLES).read_text()))
    try:
        return str(getattr(load_settings(), name)).replace(str(folder), "FOLDER")
    except Exception as error:
        if SECRET in str(error):
            raise AssertionError("the message shows the secret") from error
        raise


def write_variables(variables: dict[str, str], folder: Path) -> None:
    (folder / "home").mkdir()
    (folder / VARIABLES).write_text(json.dumps(variables))


def by_variable(name: str, value: str, expected: Refused | Handled) -> Case:
    variables = {PREFIX + name.upper(): value}
    shown = value if len(value) < 30 else f"{value[:20]}... ({len(value)} characters)"
    return Case(f"{name}={shown!r}", partial(write_variables, variables), partial(load, name), expected)


def by_file(what: str, content: bytes, expected: Refused | Handled, name: str = "prefect_port", **made) -> Case:
    """Return a case with a `.env`.

    Args:
        what: name of the case.
        content: of the file.
        expected: how it ends.
        name: setting that is read.
        made: `change`, called with the path of the file.
    """

    def prepare(folder: Path) -> None:
        write_variables({}, folder)
        (folder / ".env").write_bytes(content)
        made.get("change", lambda path: None)(folder / ".env")

    return Case(f".env: {what}", prepare, partial(load, name), expected)


def workspace_at(what: str, make: Callable[[Path], str], expected: Refused | Handled) -> Case:
    """Return a case in which a function makes something in the folder and returns the value of EMOTION_WORKSPACE."""

    def prepare(folder: Path) -> None:
        write_variables({}, folder)
        (folder / VARIABLES).write_text(json.dumps({f"{PREFIX}WORKSPACE": make(folder)}))

    return Case(f"workspace: {what}", prepare, partial(load, "workspace"), expected)


def make_file(folder: Path) -> str:
    (folder / "file").touch()
    return "file"


def make_loop(folder: Path) -> str:
    (folder / "loop").symlink_to("loop")
    return "loop"


def fill_home(folder: Path) -> str:
    (folder / "home/thesis.txt").touch()
    return "~"


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def replace_by_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


NUMBERS = {
    "prefect_port": ["0", "65536", "-1", "eight", "4200.5", "1e3", "9" * 5000, "0x10", "true", "4200 5000"],
    "reports_port": ["NaN", "٤٢٠٠x", "80;rm -rf /"],
    "download_timeout_seconds": ["0", "NaN", "inf", "1e400", "-1", "one minute"],
    "download_deadline_seconds": ["inf", "0"],
    "max_ratio": ["NaN", "0.5"],
    "max_files": ["0", "1e9", "99999999999999999999"],
    "max_total_bytes": ["4 GB", "-1"],
    "keep_reports": ["-1", "all", "10001"],
    "reserve_bytes": ["-1", str(1 << 51)],
    "allow_weight_download": ["maybe", "2"],
}
TEXTS = {
    "host_names": ["*", "a b", "a,,b", "a\nb", "<script>", "é.example"],
    "notify_block": ["slack", "../x", "a/b/c", "Slack/Team"],
}
DEFAULTS = {"workspace": "workspace", "prefect_port": "4200", "host": "127.0.0.1", "max_files": "200000"}
USE_ANOTHER = Refused("EMOTION_WORKSPACE")

CASES = [
    *(
        by_variable(name, value, Refused(f"EMOTION_{name.upper()}=.*correct it in the environment"))
        for name, values in (NUMBERS | TEXTS).items()
        for value in values
    ),
    *(by_variable(name, "", Handled(value)) for name, value in DEFAULTS.items()),
    *(
        by_variable(name, value, Refused(r"\(not shown\): .*expected USER:PASSWORD"))
        for name in ("prefect_auth", "mlflow_auth")
        for value in (SECRET, f":{SECRET}", f"{SECRET}:")
    ),
    by_variable("proxy", f"http://user:{SECRET}@proxy:3128", Handled("**********")),
    workspace_at("home directory with files", fill_home, Refused("thesis.txt.*Nothing was changed")),
    workspace_at("folder in the home directory", lambda _: "~/new", Handled("FOLDER/home/new")),
    workspace_at("home of a user that there is not", lambda _: "~nobody-of-this-name/x", USE_ANOTHER),
    workspace_at("a file", make_file, Refused("got the file")),
    workspace_at("below a file", lambda folder: f"{make_file(folder)}/below", Handled("file/below")),
    workspace_at("a link to itself", make_loop, USE_ANOTHER),
    workspace_at("/dev/null", lambda _: "/dev/null", Refused("got the file /dev/null")),
    workspace_at("/proc/self", lambda _: "/proc/self", Refused("Nothing was changed")),
    workspace_at("a path of 5,000 characters", lambda _: "d/" * 2500, USE_ANOTHER),
    workspace_at("a part of 300 characters", lambda _: "d" * 300, USE_ANOTHER),
    by_file("empty", b"", Handled("4200")),
    by_file("comment and unknown variables", b"# x\nEMOTION_UNKNOWN=1\nPATH=/evil\n", Handled("4200")),
    by_file("text that is no setting", b"\x00\x01 = = [\n{}\n'", Handled("4200")),
    by_file("quote that is never closed", b"EMOTION_PREFECT_PORT='4300\nX=1", Handled("4200")),
    by_file("not UTF-8", b"EMOTION_HOST=\xff\xfe\n", Refused(r"\.env")),
    by_file("UTF-16", "EMOTION_PREFECT_PORT=4300\n".encode("utf-16"), Refused(r"\.env")),
    by_file("NUL in the workspace's path", b"EMOTION_WORKSPACE=a\0b\n", USE_ANOTHER, "workspace"),
    by_file("wrong port", b"EMOTION_PREFECT_PORT=0\n", Refused("EMOTION_PREFECT_PORT=0")),
    by_file("the last line counts", b"EMOTION_PREFECT_PORT=1\nEMOTION_PREFECT_PORT=2\n", Handled("2")),
    by_file(
        "secret that is none", f"EMOTION_MLFLOW_AUTH={SECRET}\n".encode(), Refused(r"\(not shown\)"), "mlflow_auth"
    ),
    by_file("30,000 lines", b"EMOTION_PREFECT_PORT=7\n" * 30_000, Handled("7")),
    by_file("writable by everybody", b"", Refused("chmod o-w"), change=lambda path: path.chmod(0o666)),
    by_file("a folder", b"", Handled("4200"), change=replace_by_folder),
    by_file("a link to itself", b"", Refused(r"\.env"), change=replace_by_loop),
]
if os.geteuid() == 0:
    CASES.append(
        by_file("of another user", b"", Refused("belongs to the user"), change=lambda path: os.chown(path, 1234, 1234))
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_setting_is_read_or_refused(case, check):
    check(case)
