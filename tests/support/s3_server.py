"""A store with the protocol of S3 on this machine: moto's server, in a thread, which keeps everything in memory.

It checks neither signatures nor permissions, and answers every request in order: what many writers at once do to a
real store it does not show.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "faces"

ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


@contextmanager
def s3_server(host: str = "127.0.0.1", port: int = 0) -> Iterator[dict[str, str]]:
    """Serve a bucket; yield the variables by which clients reach it."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = ThreadedMotoServer(ip_address=host, port=port, verbose=False)
    server.start()
    try:
        address, found = server.get_host_and_port()
        endpoint = f"http://{address}:{found}"
        client = boto3.client(
            "s3",
            endpoint_url=endpoint,
            aws_access_key_id=ACCESS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ACCESS["AWS_SECRET_ACCESS_KEY"],
            region_name=ACCESS["AWS_REGION"],
        )
        client.create_bucket(Bucket=BUCKET)
        yield {**ACCESS, "AWS_ENDPOINT_URL": endpoint}
    finally:
        server.stop()
