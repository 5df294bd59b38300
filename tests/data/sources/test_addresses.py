"""Addresses that downloads may connect to."""

import socket
import threading

import pytest

from data.sources.addresses import AddressRefused, is_public_address, public_only


def connect(address: str) -> None:
    with socket.create_connection((address, 9), timeout=2):
        pass


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("192.168.1.1", False),
        ("172.16.0.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("2002:7f00:1::", False),
    ],
)
def test_public_addresses_are_told_from_others(address: str, public: bool) -> None:
    assert is_public_address(address) == public


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "169.254.169.254", "::1"])
def test_public_source_leads_nowhere_inside(address: str) -> None:
    with (
        public_only("http://8.8.8.8/x.zip", ""),
        pytest.raises(AddressRefused, match="give that address as the source"),
    ):
        connect(address)


def test_what_the_source_or_a_proxy_names_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    with public_only("http://127.0.0.1/x.zip", ""), pytest.raises(OSError, match="refused"):
        connect("127.0.0.1")
    with public_only("http://8.8.8.8/x.zip", "http://user:secret@127.0.0.1:1"), pytest.raises(OSError, match="refused"):
        connect("127.0.0.1")
    monkeypatch.setenv("https_proxy", "127.0.0.1:1")
    with public_only("http://8.8.8.8/x.zip", ""):
        with pytest.raises(OSError, match="refused"):
            connect("127.0.0.1")
        with pytest.raises(AddressRefused):
            connect("127.0.0.2")


def test_a_host_that_needs_no_proxy_is_not_allowed_for_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with public_only("http://8.8.8.8/x.zip", ""), pytest.raises(AddressRefused):
        connect("127.0.0.1")


def test_other_threads_and_later_connections_are_free() -> None:
    errors: list[BaseException] = []

    def call() -> None:
        try:
            connect("127.0.0.1")
        except OSError as error:
            errors.append(error)

    with public_only("http://8.8.8.8/x.zip", ""):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    call()
    assert len(errors) == 2
