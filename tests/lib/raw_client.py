"""A client that sends exactly what a test says: one socket, frames and headers by hand, chosen versions, no retries.

    with RawClient("127.0.0.1:9092") as client:
        client.create_topic("words", partitions=6, version=5)
        answer = client.produce("words", 0, records.build([(b"key", b"value")]), version=9)

The methods know ApiVersions 0-4, Metadata 0-13, CreateTopics 2-7, DeleteTopics 1-6, Produce 3-13, Fetch 4-18,
ListOffsets 1-10, InitProducerId 0-5 and DescribeProducers 0; topics by id (Fetch and Produce 13+, DeleteTopics 6) where `topic` is a UUID. Answers are dicts with the
fields in snake_case. Whatever else is to be sent: `send` and `receive`.
"""
import socket
import struct
import uuid

from wire import Reader, Writer

PRODUCE, FETCH, LIST_OFFSETS, METADATA, FIND_COORDINATOR = 0, 1, 2, 3, 10
API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID = 18, 19, 20, 22
DESCRIBE_PRODUCERS = 61
FIRST_FLEXIBLE = {
    PRODUCE: 9, FETCH: 12, LIST_OFFSETS: 6, METADATA: 9, FIND_COORDINATOR: 3,
    API_VERSIONS: 3, CREATE_TOPICS: 5, DELETE_TOPICS: 4, INIT_PRODUCER_ID: 2,
    DESCRIBE_PRODUCERS: 0,
}
LATEST, EARLIEST, MAX_TIMESTAMP = -1, -2, -3


class RawClient:
    def __init__(self, address, timeout=30, client_id="raw"):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client_id = client_id
        self._correlation = 0
        self._waiting = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # Frames

    def send(self, key, version, body, expects_answer=True, flexible=None):
        """Sends one request; answers come by `receive`, in the same order. `flexible` is for APIs that this file does not know."""
        if flexible is None:
            flexible = version >= FIRST_FLEXIBLE.get(key, 1 << 15)
        self._correlation += 1
        head = Writer().int16(key).int16(version).int32(self._correlation).string(self._client_id)
        if flexible:
            head.raw(b"\x00")
        frame = head.bytes() + body
        if expects_answer:
            self._waiting.append((self._correlation, key, flexible))
        self.socket.sendall(struct.pack(">i", len(frame)) + frame)

    def receive(self):
        """The next answer: a Reader that stands at the body."""
        size = struct.unpack(">i", self._read(4))[0]
        correlation, key, flexible = self._waiting.pop(0)
        reader = Reader(memoryview(self._read(size)), flexible)
        found = reader.int32()
        if found != correlation:
            raise ValueError(f"correlation id {found} instead of {correlation}")
        if flexible and key != API_VERSIONS:
            reader.tags()
        return reader

    def request(self, key, version, body, flexible=None):
        self.send(key, version, body, flexible=flexible)
        return self.receive()

    def _read(self, size):
        data = bytearray()
        while len(data) < size:
            piece = self.socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise ConnectionError(f"closed by the broker after {len(data)} of {size} bytes")
            data += piece
        return bytes(data)

    @staticmethod
    def _writer(key, version):
        return Writer(version >= FIRST_FLEXIBLE[key])

    # Requests

    def api_versions(self, version=0):
        """{key: (min, max)}; "error" holds the error code."""
        body = self._writer(API_VERSIONS, version)
        if version >= 3:
            body.string("raw").string("1").tags()
        reader = self.request(API_VERSIONS, version, body.bytes())
        answer = {"error": reader.int16()}

        def one():
            key = reader.int16()
            answer[key] = (reader.int16(), reader.int16())
            reader.tags()
        reader.array(one)
        return answer

    def metadata(self, topics=None, version=1, auto_create=False):
        """topics: names (from version 10 on also UUIDs), None = all."""
        body = self._writer(METADATA, version)

        def topic(name):
            by_id = isinstance(name, uuid.UUID)
            if version >= 10:
                body.uuid(name if by_id else None)
            body.string(None if by_id else name).tags()
        body.array([] if topics is None and version == 0 else topics, topic)
        if version >= 4:
            body.boolean(auto_create)
        if 8 <= version <= 10:
            body.boolean(False)
        if version >= 8:
            body.boolean(False)
        return _read_metadata(self.request(METADATA, version, body.tags().bytes()), version)

    def create_topic(self, name, partitions=1, replication=1, configs=None, version=5, timeout_ms=10000):
        body = self._writer(CREATE_TOPICS, version)

        def config(item):
            body.string(item[0]).string(str(item[1])).tags()

        def topic(_):
            body.string(name).int32(partitions).int16(replication).array([], None)
            body.array(list((configs or {}).items()), config).tags()
        body.array([name], topic).int32(timeout_ms).boolean(False).tags()
        reader = self.request(CREATE_TOPICS, version, body.bytes())
        reader.int32()

        def one():
            found = {"name": reader.string()}
            found["id"] = reader.uuid() if version >= 7 else None
            found["error"] = reader.int16()
            found["message"] = reader.string()
            if version >= 5:
                found["partitions"], found["replication"] = reader.int32(), reader.int16()
                found["configs"] = reader.array(lambda: _read_config(reader))
            reader.tags()
            return found
        return reader.array(one)[0]

    def delete_topic(self, topic, version=4, timeout_ms=10000):
        """Gives the error code."""
        body = self._writer(DELETE_TOPICS, version)
        by_id = isinstance(topic, uuid.UUID)
        if version >= 6:
            body.array([topic], lambda t: body.string(None if by_id else t).uuid(t if by_id else None).tags())
        else:
            body.array([topic], body.string)
        reader = self.request(DELETE_TOPICS, version, body.int32(timeout_ms).tags().bytes())
        reader.int32()
        count = reader.length(wide=True)
        if count != 1:
            raise ValueError(f"{count} topics in the answer")
        reader.string()
        if version >= 6:
            reader.uuid()
        return reader.int16()

    def send_produce(self, topic, partition, batch, acks=-1, version=8, transactional_id=None):
        self._send_produce(topic, [(partition, batch)], acks, version, transactional_id)

    def _send_produce(self, topic, batches, acks, version, transactional_id):
        body = self._writer(PRODUCE, version)

        def one(item):
            body.int32(item[0]).blob(item[1]).tags()

        def write_topic(_):
            (body.uuid if version >= 13 else body.string)(topic)
            body.array(batches, one).tags()
        body.string(transactional_id).int16(acks).int32(30000).array([topic], write_topic).tags()
        self.send(PRODUCE, version, body.bytes(), expects_answer=acks != 0)

    def produce(self, topic, partition, batch, acks=-1, version=8, transactional_id=None):
        """The answer of the one partition; None with acks=0."""
        self.send_produce(topic, partition, batch, acks, version, transactional_id)
        return None if acks == 0 else self.receive_produce(version)

    def produce_many(self, topic, batches, version=8):
        """batches: (partition, bytes). Gives {partition: its answer}."""
        self._send_produce(topic, batches, -1, version, None)
        return {found["partition"]: found for found in self._receive_produced(version)}

    def receive_produce(self, version):
        return self._receive_produced(version)[0]

    def _receive_produced(self, version):
        reader = self.receive()

        def one():
            found = {"partition": reader.int32(), "error": reader.int16(), "base_offset": reader.int64(),
                     "log_append_time": reader.int64()}
            found["log_start"] = reader.int64() if version >= 5 else -1
            if version >= 8:
                reader.array(lambda: (reader.int32(), reader.string(), reader.tags()))
                found["message"] = reader.string()
            reader.tags()
            return found
        topics = reader.array(lambda: _read_topic(reader, version >= 13, one))
        return topics[0]["partitions"]

    def init_producer_id(self, version=4, transactional_id=None, timeout_ms=60000, producer_id=-1, producer_epoch=-1):
        body = self._writer(INIT_PRODUCER_ID, version).string(transactional_id).int32(timeout_ms)
        if version >= 3:
            body.int64(producer_id).int16(producer_epoch)
        reader = self.request(INIT_PRODUCER_ID, version, body.tags().bytes())
        reader.int32()
        found = {"error": reader.int16(), "id": reader.int64(), "epoch": reader.int16()}
        reader.tags()
        return found

    def describe_producers(self, topic, partitions):
        """One dict per partition of the answer."""
        body = self._writer(DESCRIBE_PRODUCERS, 0)
        body.array([topic], lambda t: body.string(t).array(partitions, body.int32).tags()).tags()
        reader = self.request(DESCRIBE_PRODUCERS, 0, body.bytes())
        reader.int32()

        def producer():
            found = {"id": reader.int64(), "epoch": reader.int32(), "last_sequence": reader.int32(),
                     "last_timestamp": reader.int64(), "coordinator_epoch": reader.int32(), "transaction_start": reader.int64()}
            reader.tags()
            return found

        def partition():
            found = {"partition": reader.int32(), "error": reader.int16(), "message": reader.string(),
                     "producers": reader.array(producer)}
            reader.tags()
            return found
        return reader.array(lambda: _read_topic(reader, False, partition))[0]["partitions"]

    def send_fetch(self, topic, partition, offset, version=11, max_wait_ms=500, min_bytes=1, max_bytes=1 << 26, isolation=0):
        body = self._writer(FETCH, version)

        def one(_):
            body.int32(partition)
            if version >= 9:
                body.int32(-1)
            body.int64(offset)
            if version >= 12:
                body.int32(-1)
            if version >= 5:
                body.int64(-1)
            body.int32(max_bytes).tags()

        def write_topic(_):
            (body.uuid if version >= 13 else body.string)(topic)
            body.array([partition], one).tags()
        if version < 15:
            body.int32(-1)
        body.int32(max_wait_ms).int32(min_bytes).int32(max_bytes).int8(isolation)
        if version >= 7:
            body.int32(0).int32(-1)
        body.array([topic], write_topic)
        if version >= 7:
            body.array([], None)
        if version >= 11:
            body.string("")
        self.send(FETCH, version, body.tags().bytes())

    def receive_fetch(self, version):
        """The answer of the one partition; "records" holds the bytes."""
        reader = self.receive()
        reader.int32()
        error = 0
        if version >= 7:
            error = reader.int16()
            reader.int32()

        def one():
            found = {"partition": reader.int32(), "error": reader.int16(), "high_watermark": reader.int64(),
                     "last_stable": reader.int64()}
            found["log_start"] = reader.int64() if version >= 5 else -1
            found["aborted"] = reader.array(lambda: (reader.int64(), reader.int64(), reader.tags())[:2])
            if version >= 11:
                reader.int32()
            found["records"] = reader.blob() or b""
            reader.tags()
            return found
        topics = reader.array(lambda: _read_topic(reader, version >= 13, one))
        if error or not topics:
            return {"error": error, "records": b"", "high_watermark": -1, "last_stable": -1, "log_start": -1}
        return topics[0]["partitions"][0]

    def fetch(self, topic, partition, offset, version=11, **options):
        self.send_fetch(topic, partition, offset, version, **options)
        return self.receive_fetch(version)

    def list_offsets(self, topic, partition, timestamp, version=5, isolation=0):
        body = self._writer(LIST_OFFSETS, version)

        def one(_):
            body.int32(partition)
            if version >= 4:
                body.int32(-1)
            body.int64(timestamp).tags()
        body.int32(-1)
        if version >= 2:
            body.int8(isolation)
        body.array([topic], lambda t: body.string(t).array([partition], one).tags())
        if version >= 10:
            body.int32(30000)
        reader = self.request(LIST_OFFSETS, version, body.tags().bytes())
        if version >= 2:
            reader.int32()

        def found():
            answer = {"partition": reader.int32(), "error": reader.int16(), "timestamp": reader.int64(),
                      "offset": reader.int64()}
            answer["leader_epoch"] = reader.int32() if version >= 4 else -1
            reader.tags()
            return answer
        return reader.array(lambda: _read_topic(reader, False, found))[0]["partitions"][0]


def _read_topic(reader, by_id, read_partition):
    name = reader.uuid() if by_id else reader.string()
    topic = {"topic": name, "partitions": reader.array(read_partition)}
    reader.tags()
    return topic


def _read_config(reader):
    found = {"name": reader.string(), "value": reader.string(), "read_only": reader.boolean(),
             "source": reader.int8(), "sensitive": reader.boolean()}
    reader.tags()
    return found


def _read_metadata(reader, version):
    answer = {}
    if version >= 3:
        reader.int32()

    def broker():
        found = {"id": reader.int32(), "host": reader.string(), "port": reader.int32()}
        found["rack"] = reader.string() if version >= 1 else None
        reader.tags()
        return found

    def partition():
        found = {"error": reader.int16(), "partition": reader.int32(), "leader": reader.int32()}
        found["leader_epoch"] = reader.int32() if version >= 7 else -1
        found["replicas"] = reader.array(reader.int32)
        found["isr"] = reader.array(reader.int32)
        found["offline"] = reader.array(reader.int32) if version >= 5 else []
        reader.tags()
        return found

    def topic():
        found = {"error": reader.int16(), "name": reader.string()}
        found["id"] = reader.uuid() if version >= 10 else None
        found["internal"] = reader.boolean() if version >= 1 else False
        found["partitions"] = sorted(reader.array(partition), key=lambda p: p["partition"])
        if version >= 8:
            reader.int32()
        reader.tags()
        return found
    answer["brokers"] = reader.array(broker)
    answer["cluster_id"] = reader.string() if version >= 2 else None
    answer["controller"] = reader.int32() if version >= 1 else -1
    answer["topics"] = reader.array(topic)
    return answer
