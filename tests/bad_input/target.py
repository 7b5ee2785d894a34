"""The broker under attack, the well-behaved client beside it, and what may not grow. The rows of the catalogue are in the
other files of this folder; docs/bad-input.md lists what is expected of each."""
import contextlib
import os
import pathlib
import random
import socket
import struct
import time

import records
from broker import make_broker
from raw_client import FIND_COORDINATOR, RawClient
from suite import check, check_equal, wait_until
from wire import Writer

TOPIC = "good"
MARKER = b"not-for-the-log-7f3a"
IDLE_SECONDS, STALL_SECONDS = 3.0, 1.0
FRAME_BYTES_MAX = 100 * 1024 * 1024
RSS_GROWTH_MAX = 32 << 20

REQUEST = struct.Struct(">hhi")


def is_gregor():
    return os.environ.get("SUITE_BROKER", "gregor") == "gregor"


def sized(data):
    return struct.pack(">i", len(data)) + data


def request(key, version, body=b"", client_id=b"bad", correlation=7, tags=None):
    """A whole frame. client_id: bytes, or None = null; tags: the tagged section of a flexible header, as bytes."""
    name = struct.pack(">h", -1) if client_id is None else struct.pack(">h", len(client_id)) + client_id
    return sized(REQUEST.pack(key, version, correlation) + name + (tags or b"") + body)


METADATA_NONE = struct.pack(">i", 0)  # body of Metadata 1: no topics


class Connection:
    """A socket without manners."""

    def __init__(self, address, receive_buffer=None):
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(10)
        self.socket.connect((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = self.socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_if_open(self, data):
        """False if the broker has closed the connection meanwhile."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def receive_to_end(self, timeout):
        """What comes until the broker closes; None if it does not within `timeout` seconds."""
        end = time.monotonic() + timeout
        data = bytearray()
        while True:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                piece = self.socket.recv(1 << 20)
            except TimeoutError:
                return None
            except OSError:
                return bytes(data)  # a reset is an end too
            if not piece:
                return bytes(data)
            data += piece

    def receive_frame(self, timeout=10):
        """One answer without its size; None if the connection ended."""
        self.socket.settimeout(timeout)
        head = self._exactly(4)
        return None if head is None else self._exactly(struct.unpack(">i", head)[0])

    def _exactly(self, size):
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(size - len(data))
            if not piece:
                return None
            data += piece
        return bytes(data)

    def finish(self):
        """Sends no more; still reads."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # closed by the broker

    def reset(self):
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class Target:
    def __init__(self, suite, settings=None):
        self.random = random.Random(20)
        self._suite = suite
        limits = {
            "connections.max.idle.ms": str(int(IDLE_SECONDS * 1000)),
            "gregor.frame.stall.timeout.ms": str(int(STALL_SECONDS * 1000)),
        }
        self.broker = make_broker(suite.folder("broker"), limits if settings is None else settings)
        suite.at_end(self.broker.stop)
        self.broker.start()
        with self.broker.client() as client:
            check_equal(client.create_topic(TOPIC, 1)["error"], 0, "error of CreateTopics")
        self.broker.wait_for_topic(TOPIC, 1)
        self._make_coordinator()
        self._sent = 0
        for _ in range(20):
            self.good_client_works()
        self._rss = self.rss()
        self.most_grown = 0
        self.files = self.open_files()

    def _make_coordinator(self):
        """Whoever looks for a coordinator makes its topic: better now than in a row."""
        with self.broker.client() as client:
            wait_until(lambda: client.request(FIND_COORDINATOR, 0, Writer().string("group").bytes()).int16() == 0, 30, "a coordinator")
            partitions = len(client.metadata(["__consumer_offsets"])["topics"][0]["partitions"])
        self.broker.wait_for_topic("__consumer_offsets", partitions)

    # The rows

    @contextlib.contextmanager
    def row(self, name):
        """One row: the block, then a good client works, and memory and descriptors are as before."""
        with self._suite.case(name):
            yield
            self.good_client_works()
            self._check_resources()

    def _check_resources(self):
        wait_until(lambda: self.open_files() <= self.files, 10, f"open files back at {self.files}")
        if is_gregor():  # (a Java heap says nothing)
            grown = self.rss() - self._rss
            self.most_grown = max(self.most_grown, grown)
            check(grown <= RSS_GROWTH_MAX, f"resident memory has grown by {grown >> 20} MiB")

    def accept_open_files(self):
        """What is open now is the new normal: a topic was made."""
        self.files = self.open_files()

    def connect(self, **options):
        return Connection(self.broker.address, **options)

    def expect_close(self, data, within=2.0, answer=b""):
        """Sends `data`; the broker must close within so many seconds and send nothing but `answer` (None: whatever).
        Gives what it sent."""
        with self.connect() as connection:
            connection.send_if_open(data)
            found = connection.receive_to_end(within)
            check(found is not None, f"still open after {within} s")
            if answer is not None:
                check_equal(found, answer, "what it sent before closing")
            return found

    def expect_answer(self, data, correlation=7):
        """Sends `data`; one answer must come and the connection must still work. Gives the answer."""
        with self.connect() as connection:
            connection.send(data)
            found = connection.receive_frame()
            check(found is not None, "closed instead of answered")
            check_equal(struct.unpack(">i", found[:4])[0], correlation, "correlation id")
            connection.send(request(3, 1, METADATA_NONE, correlation=99))
            after = connection.receive_frame()
            check(after is not None and after[:4] == struct.pack(">i", 99), "the connection is out of step")
            return found

    def expect_close_or_answer(self, data):
        """Either is fine; the connection must not hang."""
        with self.connect() as connection:
            connection.send_if_open(data + request(3, 1, METADATA_NONE, correlation=99))
            try:
                return connection.receive_frame(timeout=5)
            except OSError as end:
                check(not isinstance(end, TimeoutError), "neither answered nor closed")
                return None

    # The good client

    def good_client_works(self):
        self._sent += 1
        value = b"%d" % self._sent
        with RawClient(self.broker.address, timeout=10, client_id="good") as client:
            answer = client.produce(TOPIC, 0, records.build([(None, value)]))
            check_equal(answer["error"], 0, "error of the good client's Produce")
            found = client.fetch(TOPIC, 0, answer["base_offset"])
            check_equal(found["error"], 0, "error of the good client's Fetch")
            check_equal(records.parse(found["records"])[-1].records[-1].value, value, "what the good client read back")

    # The process

    def rss(self, name="VmRSS"):
        for line in pathlib.Path(f"/proc/{self.broker.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1]) << 10
        raise ValueError(f"no {name}")

    def peak_rss(self):
        """The most since forget_peak()."""
        return self.rss("VmHWM")

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.broker.process.pid}/clear_refs").write_text("5")

    def open_files(self):
        return len(os.listdir(f"/proc/{self.broker.process.pid}/fd"))

    @contextlib.contextmanager
    def memory_stays(self, limit):
        """Resident memory grows by no more than `limit` bytes at any time in the block."""
        self.forget_peak()
        before = self.rss()
        yield
        grown = self.peak_rss() - before
        print(f"        resident memory {grown >> 10:+} KiB", flush=True)
        check(grown <= limit or not is_gregor(), f"resident memory grew by {grown >> 10} KiB, more than {limit >> 10}")

    # The log

    def log_lines(self, port):
        """The lines about the client at that port."""
        return [line for line in self.broker.log_text().splitlines() if f":{port} " in line]


def quiet_second():
    """Until the log's rate limit has forgotten what was before."""
    time.sleep(1.1)
