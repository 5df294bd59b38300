"""Clients that ask a web service again and again.

`python -m benchmarks.champion.serve_load URL CLIENTS REQUESTS FILE TYPE`.

Each client is a thread with one connection. It runs in a process of its own, apart from the service.
It prints one JSON line with seconds, statuses, and percentiles of the latency.
"""

import json
import statistics
import sys
import threading
import time
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60


class Client(threading.Thread):
    """One client.

    Args:
        url: asked with POST.
        requests: number of requests.
        body: sent each time.
        kind: media type of the body.
    """

    def __init__(self, url: str, requests: int, body: bytes, kind: str) -> None:
        super().__init__()
        self.url, self.requests, self.body, self.headers = urlsplit(url), requests, body, {"Content-Type": kind}
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()

    def run(self) -> None:
        """Send the requests one after the other."""
        connection = HTTPConnection(self.url.netloc, timeout=TIMEOUT_SECONDS)
        for _ in range(self.requests):
            started = time.perf_counter()
            connection.request("POST", self.url.path, self.body, self.headers)
            answer = connection.getresponse()
            answer.read()
            self.seconds.append(time.perf_counter() - started)
            self.statuses[answer.status] += 1
        connection.close()


def main() -> None:
    """Run the clients and print what they measured."""
    url, clients, requests, file, kind = sys.argv[1:]
    body = Path(file).read_bytes()
    running = [Client(url, int(requests) // int(clients), body, kind) for _ in range(int(clients))]
    started = time.perf_counter()
    for client in running:
        client.start()
    for client in running:
        client.join()
    seconds = time.perf_counter() - started
    latencies = sorted(1000 * one for client in running for one in client.seconds)
    percentiles = statistics.quantiles(latencies, n=100)
    statuses = sum((client.statuses for client in running), Counter())
    print(
        json.dumps(
            {
                "clients": int(clients),
                "requests": len(latencies),
                "a second": len(latencies) / seconds,
                "p50": percentiles[49],
                "p95": percentiles[94],
                "p99": percentiles[98],
                "statuses": {str(status): count for status, count in statuses.items()},
            }
        )
    )


if __name__ == "__main__":
    main()
