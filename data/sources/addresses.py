"""Addresses that a download may connect to: a public source must not lead into this machine or its network.

gdown makes its own connections and follows redirects, with no hook for either. An audit hook, the documented way to see
what Python's standard library is about to do, sees the address of every connection after the name was resolved, so that
a name that changes its address between two requests is seen as well. The hook cannot be removed; outside of
`public_only` it returns at once.
"""

import socket
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit
from urllib.request import getproxies

from data.base.errors import PipelineError

_allowed: ContextVar[frozenset[str] | None] = ContextVar("allowed", default=None)
"""Addresses beside public ones to which this thread may connect; None allows every connection."""


class AddressRefused(PipelineError):
    """Report a connection to an address that is not public."""


@contextmanager
def public_only(url: str, proxy: str) -> Iterator[None]:
    """Refuse connections of this thread to loopback, link-local, private and reserved addresses.

    The block has no effect if the URL's own host has such an address: a server of one's own network may redirect
    within it. Proxies are always allowed; what a proxy connects to is decided by the proxy.

    Args:
        url: what is downloaded.
        proxy: URL of the proxy in the settings; empty for none. Those of the environment are added.

    Raises:
        AddressRefused: inside the block, by whatever connects.
    """
    _install_hook()
    # "no" is NO_PROXY: hosts that are reached without a proxy, not proxies.
    proxies = {proxy, *(url for scheme, url in getproxies().items() if scheme != "no")} - {""}
    own = _resolve(_host_of(url))
    # No address: the name is unknown here, and a proxy will resolve it.
    is_public = all(is_public_address(address) for address in own)
    token = _allowed.set(frozenset(_resolve_all(map(_host_of, proxies))) if is_public else None)
    try:
        yield
    finally:
        _allowed.reset(token)


def is_public_url(url: str) -> bool:
    """Return whether the host of a URL is known here and has addresses of the public internet alone."""
    addresses = _resolve(_host_of(url))
    return bool(addresses) and all(map(is_public_address, addresses))


def is_public_address(address: str) -> bool:
    """Return whether an IP address belongs to the public internet."""
    parsed = ip_address(address.partition("%")[0])
    if isinstance(parsed, IPv6Address):
        parsed = parsed.ipv4_mapped or parsed.sixtofour or parsed
    return parsed.is_global and not parsed.is_multicast


def _resolve_all(hosts: Iterable[str]) -> set[str]:
    return {address for host in hosts for address in _resolve(host)}


def _resolve(host: str) -> set[str]:
    try:
        return {str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return set()


def _host_of(url: str) -> str:
    try:
        return urlsplit(url if "://" in url else f"//{url}").hostname or ""
    except ValueError:
        return ""


@cache  # an audit hook stays for the life of the process
def _install_hook() -> None:
    sys.addaudithook(_check_connection)


def _check_connection(event: str, args: tuple) -> None:
    if event != "socket.connect" or (allowed := _allowed.get()) is None or not isinstance(args[1], tuple):
        return
    host = str(args[1][0])
    addresses = _resolve(host)  # a numeric address, from all clients that try the addresses of a name in turn
    refused = sorted(address for address in addresses if address not in allowed and not is_public_address(address))
    if refused:
        raise AddressRefused(
            f"the server leads to {', '.join(refused)}, an address of this machine or its network; expected a "
            "public address: if you trust it, give that address as the source"
        )
