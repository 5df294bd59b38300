"""The workspace's password: made once, private, the same for everybody who may read it."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from data.base.errors import PipelineError
from flows.server.password import USER, mlflow_login, password_path, server_login, workspace_login
from flows.settings import Settings


def test_it_is_made_once_and_private(tmp_path):
    former = os.umask(0)
    try:
        login = workspace_login(tmp_path)
    finally:
        os.umask(former)
    user, _, password = login.partition(":")
    assert user == USER
    assert len(password) >= 24
    assert workspace_login(tmp_path) == login != workspace_login(tmp_path / "other")
    assert password_path(tmp_path).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in password_path(tmp_path).parent.iterdir()) == ["password", "password.lock"]


def test_everybody_who_makes_it_at_once_gets_the_same(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(workspace_login, [tmp_path] * 32))) == 1


def test_a_file_that_others_may_read_becomes_private(tmp_path):
    login = workspace_login(tmp_path)
    password_path(tmp_path).chmod(0o644)
    assert workspace_login(tmp_path) == login
    assert password_path(tmp_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "emotion", ":secret", "emotion:"])
def test_a_file_without_a_password_is_named(text, tmp_path):
    workspace_login(tmp_path)
    password_path(tmp_path).write_text(text)
    with pytest.raises(PipelineError, match=r"prefect/password without USER:PASSWORD: delete it"):
        workspace_login(tmp_path)


def test_a_workspace_in_which_nothing_can_be_made_is_named(tmp_path):
    (tmp_path / "prefect").write_text("a file in the place of the folder")
    with pytest.raises(PipelineError, match="cannot be made or read"):
        workspace_login(tmp_path)


def test_a_file_of_another_account_is_not_believed(tmp_path, monkeypatch):
    workspace_login(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(PipelineError, match="belongs to the account with number"):
        workspace_login(tmp_path)


def test_a_setting_replaces_it(tmp_path):
    settings = Settings(workspace=tmp_path, prefect_auth="me:one", mlflow_auth="me:two")
    assert (server_login(settings, tmp_path), mlflow_login(settings)) == ("me:one", "me:two")
    assert list(tmp_path.iterdir()) == []
