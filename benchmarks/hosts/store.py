"""A store with the protocol of S3, in memory: `python -m benchmarks.hosts.store HOST PORT BUCKET`.

It is moto's server. It checks no signatures, and its content is gone when it ends; an outage is a cut link or a stopped
process.
"""

import sys
import time

import boto3
from moto.server import ThreadedMotoServer


def main() -> None:
    """Serve a bucket until the process is killed."""
    host, port, bucket = sys.argv[1:]
    ThreadedMotoServer(ip_address=host, port=int(port), verbose=False).start()
    boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    ).create_bucket(Bucket=bucket)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
