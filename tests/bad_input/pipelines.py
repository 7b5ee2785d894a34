"""Rows XP19 to XP25: pipelining, readers that do not read, fragments, resets, urgent bytes, requests of brokers."""
import pathlib
import socket
import struct
import time

import records
from raw_client import LATEST, RawClient
from suite import check, check_equal, wait_until
from target import IDLE_SECONDS, METADATA_NONE, STALL_SECONDS, TOPIC, Connection, is_gregor, request

METADATA = 3
WIDE, WIDE_PARTITIONS = "wide", 200
LARGE, LARGE_BYTES = "large", 56 << 20
GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"


def run(target):
    pipelined(target)
    slow_readers(target)
    fragments(target)
    segments(target)
    resets(target)
    urgent_byte(target)
    broker_requests(target)


def make_topic(target, name, partitions):
    with target.broker.client() as client:
        check_equal(client.create_topic(name, partitions)["error"], 0, "error of CreateTopics")
    target.broker.wait_for_topic(name, partitions)
    target.accept_open_files()


def correlations(count):
    return [struct.pack(">i", i) for i in range(count)]


def pipelined(target):
    make_topic(target, WIDE, WIDE_PARTITIONS)
    name = WIDE.encode()
    wide = struct.pack(">ih", 1, len(name)) + name
    with target.row("XP19 1,000 requests before the first answer is read: answered in order, memory bounded"):
        with target.memory_stays(24 << 20), target.connect() as connection:
            for i in range(1000):
                connection.send(request(METADATA, 1, wide, correlation=i))
            time.sleep(STALL_SECONDS * 0.3)
            found = []
            for _ in range(1000):
                answer = connection.receive_frame()
                check(answer is not None and len(answer) > 10 * WIDE_PARTITIONS, f"answer {len(found)}")
                found.append(answer[:4])
            check_equal(found, correlations(1000), "the order of the answers")
    with target.row("XP19 requests without end whose answers are not read: the broker stops reading, memory bounded"):
        with target.memory_stays(24 << 20), target.connect(receive_buffer=1 << 16) as connection:
            sent = send_until_blocked(connection, request(METADATA, 1, wide) * 100, limit=64 << 20, seconds=0.5)
            check(sent < 64 << 20, "the broker reads without end")


def send_until_blocked(connection, piece, limit, seconds):
    """Sends `piece` again and again until nothing has gone for `seconds`; gives the bytes sent."""
    connection.socket.settimeout(seconds)
    sent = 0
    try:
        while sent < limit:
            sent += connection.socket.send(piece)
    except OSError:
        pass
    return sent


def slow_readers(target):
    make_topic(target, LARGE, 1)
    fill(target, LARGE, LARGE_BYTES)
    with target.row("XP20 100 fetches of 50 MB whose answers are never read: bounded, closed after the stall time-out"):
        with target.memory_stays(64 << 20):
            clients = []
            for _ in range(20):
                client = RawClient(target.broker.address)
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
                for _ in range(5):
                    client.send_fetch(LARGE, 0, 0, max_bytes=50 << 20)
                clients.append(client)
            target.good_client_works()
            time.sleep(STALL_SECONDS * 0.5)
            target.good_client_works()
        # The client's side can't tell: the end of the connection waits behind what is not read.
        limit = STALL_SECONDS if is_gregor() else IDLE_SECONDS
        wait_until(lambda: target.open_files() <= target.files, limit + 4, "the slow readers closed")
        for client in clients:
            client.close()
    with target.row("XP20 a reader that is slow but reads gets everything"):
        with RawClient(target.broker.address) as client:
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            client.send_fetch(LARGE, 0, 0, max_bytes=8 << 20)
            size = struct.unpack(">i", client._read(4))[0]
            read = 0
            while read < size:
                read += len(client._read(min(size - read, 1 << 20)))
                time.sleep(STALL_SECONDS * 0.3)
            check(size > 6 << 20, f"only {size} bytes")


def fill(target, topic, size):
    batch = records.build([(None, target.random.randbytes(1000)) for _ in range(1000)])
    with RawClient(target.broker.address) as client:
        for _ in range(size // len(batch) + 1):
            check_equal(client.produce(topic, 0, batch)["error"], 0, "error of Produce")


class Recorder(RawClient):
    """Gives the frames that RawClient would send."""

    def __init__(self):  # not connected
        self._client_id = "fragments"
        self._correlation = 6
        self._waiting = []
        self.socket = self
        self.frame = b""

    def sendall(self, data):
        self.frame = data


def valid_requests(target):
    """(name, frame, function that takes what may differ out of an answer) of each API that is served."""
    def recorded(send):
        recorder = Recorder()
        try:
            send(recorder)
        except AttributeError:
            pass  # it waits for the answer, which nobody gives
        return recorder.frame

    def same(answer):
        return answer

    def without_offset(at):  # (it ascends)
        return lambda answer: answer[:at] + answer[at + 8:]

    batch = records.build([(b"k", b"v")], timestamp=1)
    tests = [("ApiVersions 0", lambda c: c.api_versions(0)), ("ApiVersions 3", lambda c: c.api_versions(3)),
             ("Metadata 1", lambda c: c.metadata([TOPIC], 1)), ("Metadata 12", lambda c: c.metadata([TOPIC], 12)),
             ("ListOffsets 5", lambda c: c.list_offsets(LARGE, 0, LATEST, 5)),
             ("ListOffsets 7", lambda c: c.list_offsets(LARGE, 0, LATEST, 7)),
             ("Fetch 11", lambda c: c.send_fetch(LARGE, 0, 0, 11, max_bytes=1)),
             ("Fetch 12", lambda c: c.send_fetch(LARGE, 0, 0, 12, max_bytes=1)),
             ("CreateTopics 5", lambda c: c.create_topic("a/b", 1, version=5)),
             ("DeleteTopics 4", lambda c: c.delete_topic("none-such", 4))]
    found = [(name, recorded(send), same) for name, send in tests]
    # Where the base offset stands: correlation id, array, name "good", array, index, error before it; 9 has shorter lengths.
    for version, at in ((8, 4 + 4 + 6 + 4 + 4 + 2), (9, 5 + 1 + 5 + 1 + 4 + 2)):
        frame = recorded(lambda c, v=version: c.send_produce(TOPIC, 0, batch, version=v))
        found.append((f"Produce {version}", frame, without_offset(at)))
    return found


def fragments(target):
    for name, frame, comparable in valid_requests(target):
        with target.row(f"XP21 {name}, cut at each of its {len(frame) - 1} byte boundaries: the same answer"):
            with target.connect() as connection:
                connection.send(frame)
                expected = comparable(connection.receive_frame())
                for at in range(1, len(frame)):
                    connection.send(frame[:at])
                    time.sleep(0.0005)
                    connection.send(frame[at:])
                    found = connection.receive_frame()
                    check(found is not None, f"closed, cut at {at}")
                    check_equal(comparable(found), expected, f"the answer, cut at {at}")
    with target.row("XP21 all of them one after the other, byte by byte"):
        with target.connect() as connection:
            for name, frame, _ in valid_requests(target):
                for at in range(len(frame)):
                    connection.send(frame[at:at + 1])
                check(connection.receive_frame() is not None, name)


def segments(target):
    for count in (2, 100):
        with target.row(f"XP22 {count} requests in one segment are all answered, in order"):
            with target.connect() as connection:
                connection.send(b"".join(request(METADATA, 1, METADATA_NONE, correlation=i) for i in range(count)))
                check_equal([connection.receive_frame()[:4] for _ in range(count)], correlations(count), "correlation ids")


def resets(target):
    parked = RawClient(target.broker.address)
    parked.send_fetch(TOPIC, 0, 0, max_wait_ms=1)
    parked.close()
    with target.row("XP23 200 resets in the middle of a request leave nothing behind"):
        for _ in range(200):
            connection = target.connect()
            connection.send(request(METADATA, 1, METADATA_NONE)[:target.random.randrange(1, 20)])
            connection.reset()
    with target.row("XP23 200 resets before the answer leave nothing behind"):
        for _ in range(200):
            connection = target.connect()
            connection.send(request(METADATA, 1, METADATA_NONE))
            connection.reset()
    with target.row("XP23 100 resets while a fetch is parked leave nothing behind"):
        end = log_end(target)
        for _ in range(100):
            client = RawClient(target.broker.address)
            client.send_fetch(TOPIC, 0, end, max_wait_ms=60000)
            Connection.reset(client)
    with target.row("XP23 50 resets while a large answer is sent leave nothing behind"):
        for _ in range(50):
            client = RawClient(target.broker.address)
            client.send_fetch(LARGE, 0, 0, max_bytes=20 << 20)
            client.socket.recv(1000)
            Connection.reset(client)


def log_end(target):
    with target.broker.client() as client:
        return client.list_offsets(TOPIC, 0, LATEST)["offset"]


def urgent_byte(target):
    with target.row("XP24 an urgent byte has no effect"):
        with target.connect() as connection:
            connection.socket.send(b"!", socket.MSG_OOB)
            time.sleep(0.05)
            for correlation in (1, 2):
                connection.send(request(METADATA, 1, METADATA_NONE, correlation=correlation))
                check_equal(connection.receive_frame()[:4], struct.pack(">i", correlation), "correlation id")
                connection.socket.send(b"!", socket.MSG_OOB)
                time.sleep(0.05)


BROKER_REQUESTS = {4: ("LeaderAndIsr", 7), 5: ("StopReplica", 4), 6: ("UpdateMetadata", 8), 7: ("ControlledShutdown", 3),
                   56: ("AlterPartition", 3)}
FIRST_FLEXIBLE = {4: 4, 5: 2, 6: 6, 7: 3, 56: 0}


def golden_bodies(name, version):
    text = (GOLDEN / name / f"request-v{version}.txt").read_text()
    return [bytes.fromhex(line[4:]) for line in text.splitlines() if line.startswith("hex ")]


def broker_requests(target):
    with target.broker.client() as client:
        before = client.metadata([TOPIC], version=7)["topics"]
    for key, (name, highest) in BROKER_REQUESTS.items():
        with target.row(f"XP25 {name} from a client: closed, nothing is applied"):
            for version in range(2 if key == 56 else 0, highest + 1):
                tags = b"\x00" if version >= FIRST_FLEXIBLE[key] else b""
                for body in golden_bodies(name, version):
                    target.expect_close(request(key, version, body, tags=tags))
            with target.broker.client() as client:
                check_equal(client.metadata([TOPIC], version=7)["topics"], before, "the topic")
