"""The HTTP port of a broker as the rows here use it: raw bytes, pages, metrics by name."""
import contextlib
import http.client
import json
import re
import socket
import time

import records
from raw_client import RawClient
from suite import check, check_equal
from target import Connection

TOPIC = "good"
REQUEST_SECONDS, IDLE_SECONDS, CONNECTIONS_MAX = 1.0, 3.0, 16
SETTINGS = {
    "gregor.http.request.timeout.ms": str(int(REQUEST_SECONDS * 1000)),
    "gregor.http.idle.timeout.ms": str(int(IDLE_SECONDS * 1000)),
    "gregor.http.max.connections": str(CONNECTIONS_MAX),
}
SAMPLE = re.compile(r'^(\w+)(?:\{(.*)\})? (\S+)$')


class Port:
    def __init__(self, broker, address):
        self.broker = broker
        self.address = address
        self._sent = 0

    def connect(self, **options):
        return Connection(self.address, **options)

    def get(self, path, method="GET", headers=None, timeout=10):
        """(status, headers, body)"""
        client = http.client.HTTPConnection(self.address, timeout=timeout)
        try:
            client.request(method, path, headers=headers or {})
            answer = client.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode()
        finally:
            client.close()

    def json(self, path, status=200):
        found, headers, body = self.get(path)
        check_equal(found, status, f"status of {path}: {body[:200]}")
        check_equal(headers["Content-Type"], "application/json", "type")
        return json.loads(body)

    def metrics(self, level="basic"):
        """{'name{labels}': value}"""
        status, headers, body = self.get(f"/metrics?level={level}")
        check_equal(status, 200, "status of /metrics")
        check(headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers["Content-Type"])
        values = {}
        for line in body.splitlines():
            if line.startswith("#"):
                continue
            found = SAMPLE.match(line)
            check(found, f"not a sample: {line}")
            key = found[1] + ("{" + found[2] + "}" if found[2] else "")
            check(key not in values, f"twice: {key}")
            values[key] = float(found[3])
        return values

    def statuses(self, data, within=REQUEST_SECONDS + 2.5):
        """The statuses of all that comes for `data` until the connection is closed; closing by itself is required."""
        with self.connect() as connection:
            connection.send_if_open(data)
            # (a refused client's bytes are read for a second, or until it has no more to say)
            with contextlib.suppress(OSError):
                connection.socket.shutdown(socket.SHUT_WR)
            found = connection.receive_to_end(within)
            check(found is not None, f"still open after {within} s")
            return [int(status) for status in re.findall(rb"(?:^|\n)HTTP/1\.1 (\d{3}) ", found)]

    def kafka_works(self):
        """A well-behaved Kafka client is served; gives the seconds that took."""
        self._sent += 1
        value = b"%d" % self._sent
        began = time.monotonic()
        with RawClient(self.broker.address, timeout=10, client_id="good") as client:
            answer = client.produce(TOPIC, 0, records.build([(None, value)]))
            check_equal(answer["error"], 0, "error of Produce")
            found = client.fetch(TOPIC, 0, answer["base_offset"])
            check_equal(records.parse(found["records"])[-1].records[-1].value, value, "what was read back")
        return time.monotonic() - began

    def works(self):
        began = time.monotonic()
        check_equal(self.get("/livez")[0], 200, "status of /livez")
        return time.monotonic() - began
