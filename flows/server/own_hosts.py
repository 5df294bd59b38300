"""Host names and addresses by which the parts of `emotion up` may be reached."""

import socket
from collections.abc import Sequence

import psutil

from flows.server.environment import LOOPBACK

LOCAL_NAMES = (LOOPBACK, "localhost", "[::1]")
ANY_ADDRESS = ("0.0.0.0", "::")


def own_hosts(host: str, names: Sequence[str]) -> list[str]:
    """Return the host names and addresses by which a part may be reached.

    Args:
        host: address on which it listens.
        names: further host names, of EMOTION_HOST_NAMES.

    Example:
        >>> own_hosts("10.0.0.7", ["gpu-box"])
        ['127.0.0.1', 'localhost', '[::1]', '10.0.0.7', 'gpu-box']
    """
    addresses = _addresses_of_this_machine() if host in ANY_ADDRESS else [host]
    return list(dict.fromkeys([*LOCAL_NAMES, *map(_as_in_url, addresses), *names]))


def _addresses_of_this_machine() -> list[str]:
    internet = (socket.AF_INET, socket.AF_INET6)
    found = [one for addresses in psutil.net_if_addrs().values() for one in addresses if one.family in internet]
    return [one.address.partition("%")[0] for one in found]


def _as_in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
