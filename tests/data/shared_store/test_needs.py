"""Needs: each host of a workspace names its own, and none is passed over."""

import pytest

from data.shared_store.needs import list_needs, write_needs
from data.shared_store.objects import UnreadableRecord


def test_each_host_has_its_own_and_the_last_ones_count(store, monkeypatch):
    for host in ("one", "two words", "one"):
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        write_needs(store, "w", [("views", "b"), ("reports", "a")])
    assert [(needs.host, needs.stages) for needs in list_needs(store)] == [
        (host, (("reports", "a"), ("views", "b"))) for host in ("one", "two words")
    ]


def test_one_that_cannot_be_read_is_named(store):
    write_needs(store, "w", [])
    store.write("needs/w/zz.json", b'{"workspace": 3')
    with pytest.raises(UnreadableRecord, match=r"got needs/w/zz\.json in the store that cannot be read"):
        list(list_needs(store))
