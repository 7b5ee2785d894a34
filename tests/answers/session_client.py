"""Fetch by hand, with sessions: what a test says goes on the wire, what came back is a Answer."""
import dataclasses
import uuid

from raw_client import FETCH
from wire import Writer


@dataclasses.dataclass
class Row:
    error: int
    high_watermark: int
    log_start: int
    size: int  # of the records


@dataclasses.dataclass
class Answer:
    error: int
    session: int
    rows: dict  # (topic, partition): Row, in the order of the answer


def send(client, session, epoch, listed=(), forgotten=(), version=12, wait=0, min_bytes=1, **options):
    """listed: [(topic, partition, offset)], forgotten: [(topic, partition)]; topics are names, or UUIDs from version 13 on."""
    body = Writer(version >= 12)
    topic_of = body.uuid if version >= 13 else body.string
    max_bytes = options.get("max_bytes", 1 << 20)

    def one(item):
        body.int32(item[1])
        if version >= 9:
            body.int32(options.get("leader_epoch", -1))
        body.int64(item[2])
        if version >= 12:
            body.int32(-1)
        body.int64(-1).int32(options.get("partition_bytes", max_bytes)).tags()
    if version < 15:
        body.int32(-1)
    body.int32(wait).int32(min_bytes).int32(max_bytes).int8(options.get("isolation", 0)).int32(session).int32(epoch)
    body.array(list(listed), lambda item: (topic_of(item[0]), body.array([item], one).tags()))
    body.array(list(forgotten), lambda item: (topic_of(item[0]), body.array([item[1]], body.int32).tags()))
    if version >= 11:
        body.string("")
    client.send(FETCH, version, body.tags().bytes())


def receive(client, version=12):
    reader = client.receive()
    reader.int32()
    answer = Answer(reader.int16(), reader.int32(), {})

    def one(topic):
        partition, error, high_watermark = reader.int32(), reader.int16(), reader.int64()
        reader.int64()
        log_start = reader.int64()
        reader.array(lambda: (reader.int64(), reader.int64(), reader.tags()))
        if version >= 11:
            reader.int32()
        answer.rows[(topic, partition)] = Row(error, high_watermark, log_start, len(reader.blob() or b""))
        reader.tags()

    def topics():
        topic = uuid.UUID(str(reader.uuid())) if version >= 13 else reader.string()
        reader.array(lambda: one(topic))
        reader.tags()
    reader.array(topics)
    return answer


def fetch(client, session, epoch, listed=(), forgotten=(), version=12, **options):
    send(client, session, epoch, listed, forgotten, version, **options)
    return receive(client, version)
