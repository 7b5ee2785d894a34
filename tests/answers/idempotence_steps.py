"""What idempotent producers send, step by step, and the answers in words: `walk(script)` goes through all of it. The same steps
go to Gregor and to Apache Kafka 4.1.1, whose answers are in idempotence_kafka_4.1.1.txt; suites/test/22-idempotence compares.

Producer ids are chosen by the test where nothing else is said: a broker takes the first batch of a producer that it does not
know with any sequence number."""
import dataclasses
import struct
import time

import records
from raw_client import INIT_PRODUCER_ID, PRODUCE, RawClient
from suite import wait_until

LAST = (1 << 31) - 1
TRANSACTIONAL, CONTROL = 0x10, 0x20
TOPIC, PARTITIONS = "idempotent", 24
ANEW, APPENDED = "anew", "appended"  # topics: compressed by the broker, with its time stamps


@dataclasses.dataclass
class Batch:
    pid: int
    epoch: int
    sequence: int
    count: int = 1
    codec: str = "none"
    attributes: int = 0


class Script:
    """`tell(name, answer)` is called for each step. `broker` can be stopped, killed and started."""

    def __init__(self, broker, tell):
        self.broker = broker
        self.tell = tell
        self.client = broker.client()
        self.began = int(time.time() * 1000)
        self._stamps = 0

    def bytes_of(self, batch):
        """Batches that are equal in the script are equal on the wire: the time stamp follows from what is in them."""
        stamp = self.began - 100_000 + batch.sequence % 1000
        return records.build([(b"k", b"%d.%d" % (batch.sequence, n)) for n in range(batch.count)], batch.codec, timestamp=stamp,
                             producer_id=batch.pid, producer_epoch=batch.epoch, base_sequence=batch.sequence,
                             attributes=batch.attributes)

    def words(self, answer, batch=None):
        """An answer of Produce. Times are told relative to the batch's own."""
        if answer is None:
            return "nothing"
        stamp = answer["log_append_time"]
        sent = self.began - 100_000 + (batch.sequence % 1000 if batch else 0)
        if stamp >= self.began:
            stamp = "of the broker"
        elif stamp >= 0:
            stamp = "as sent" if stamp == sent else f"sent {stamp - sent:+d}"
        return f"error {answer['error']}, offset {answer['base_offset']}, time {stamp}, log start {answer['log_start']}"

    def produce(self, name, partition, batch, topic=TOPIC, **options):
        answer = self.client.produce(topic, partition, self.bytes_of(batch), **options)
        self.tell(name, self.words(answer, batch))
        return answer

    def end(self, name, partition, topic=TOPIC):
        self.tell(name, f"log end {self.client.list_offsets(topic, partition, -1)['offset']}")

    def describe(self, name, topic, partitions):
        self.tell(name, self.describe_words(topic, partitions))

    def describe_words(self, topic, partitions):
        texts = []
        for p in sorted(self.client.describe_producers(topic, partitions), key=lambda p: p["partition"]):
            producers = sorted(p["producers"], key=lambda x: x["id"])
            listed = "; ".join(
                f"id {x['id']} epoch {x['epoch']} sequence {x['last_sequence']} coordinator {x['coordinator_epoch']} "
                f"transaction {x['transaction_start']} time sent {x['last_timestamp'] - self.began + 100_000:+d}"
                for x in producers)
            texts.append(f"{p['partition']}: error {p['error']} {'with' if p['message'] else 'without'} text [{listed}]")
        return ", ".join(texts)

    def reconnect(self):
        self.client.close()
        self.client = self.broker.client()

    def wait_for_topics(self):
        for topic, partitions in ((TOPIC, PARTITIONS), (ANEW, 1), (APPENDED, 1)):
            self.broker.wait_for_topic(topic, partitions)

    def close(self):
        self.client.close()


def make_topics(s):
    for topic, partitions, configs in ((TOPIC, PARTITIONS, {}), (ANEW, 1, {"compression.type": "lz4"}),
                                       (APPENDED, 1, {"message.timestamp.type": "LogAppendTime"})):
        answer = s.client.create_topic(topic, partitions, configs=configs)
        s.tell(f"topic {topic}", f"error {answer['error']}")
    s.wait_for_topics()


def duplicates(s):
    first, second, third = Batch(70, 0, 0, 3), Batch(70, 0, 3, 2), Batch(70, 0, 5)
    s.produce("duplicates: the first batch", 0, first)
    s.produce("duplicates: again", 0, first)
    s.produce("duplicates: again, acks 1", 0, first, acks=1)
    s.produce("duplicates: again, version 3", 0, first, version=3)
    s.produce("duplicates: the second batch", 0, second)
    s.produce("duplicates: the first again", 0, first)
    s.produce("duplicates: a gap", 0, Batch(70, 0, 6))
    s.produce("duplicates: a part of the first", 0, Batch(70, 0, 0, 2))
    s.produce("duplicates: the first and more", 0, Batch(70, 0, 0, 4))
    s.produce("duplicates: the end of the second", 0, Batch(70, 0, 4))
    s.produce("duplicates: the end of the second and more", 0, Batch(70, 0, 4, 2))
    s.produce("duplicates: both in one", 0, Batch(70, 0, 0, 5))
    s.produce("duplicates: the third batch", 0, third)
    s.produce("duplicates: the second again", 0, second)
    s.produce("duplicates: the third again", 0, third)
    s.end("duplicates: log end", 0)


def window(s):
    batches = [Batch(71, 0, n) for n in range(7)]
    for n, batch in enumerate(batches):
        s.produce(f"window: batch {n}", 1, batch)
    for n, batch in enumerate(batches):
        s.produce(f"window: batch {n} of 7 again", 1, batch)
    s.end("window: log end", 1)


def epochs(s):
    s.produce("epochs: 0", 2, Batch(72, 0, 0))
    s.produce("epochs: 0, next", 2, Batch(72, 0, 1))
    s.produce("epochs: 2 with sequence 5", 2, Batch(72, 2, 5))
    s.produce("epochs: 2 with the next sequence of 0", 2, Batch(72, 2, 2))
    s.produce("epochs: 0 after that, next", 2, Batch(72, 0, 2))
    s.produce("epochs: 2 with sequence 0", 2, Batch(72, 2, 0))
    s.produce("epochs: 2 again", 2, Batch(72, 2, 0))
    s.produce("epochs: 0 again", 2, Batch(72, 0, 2))
    s.produce("epochs: 1", 2, Batch(72, 1, 0))
    s.produce("epochs: 2, next", 2, Batch(72, 2, 1))
    s.produce("epochs: 32767", 2, Batch(72, 32767, 0))
    s.produce("epochs: 32767, next", 2, Batch(72, 32767, 1))
    s.produce("epochs: 2 after 32767", 2, Batch(72, 2, 2))
    s.end("epochs: log end", 2)


def wrap(s):
    s.produce("wrap: up to 2^31-1", 3, Batch(73, 0, LAST - 2, 3))
    s.produce("wrap: 1 instead of 0", 3, Batch(73, 0, 1))
    s.produce("wrap: 2^31-1 once more", 3, Batch(73, 0, LAST))
    s.produce("wrap: 0", 3, Batch(73, 0, 0, 2))
    s.produce("wrap: up to 2^31-1 again", 3, Batch(73, 0, LAST - 2, 3))
    s.produce("wrap: 0 again", 3, Batch(73, 0, 0, 2))
    s.produce("wrap: a gap", 3, Batch(73, 0, 3))
    s.produce("wrap: next", 3, Batch(73, 0, 2))
    s.end("wrap: log end", 3)
    s.produce("wrap within a batch: from 2^31-2 on", 4, Batch(74, 0, LAST - 1, 4))
    s.produce("wrap within a batch: again", 4, Batch(74, 0, LAST - 1, 4))
    s.produce("wrap within a batch: 1", 4, Batch(74, 0, 1))
    s.produce("wrap within a batch: 3", 4, Batch(74, 0, 3))
    s.produce("wrap within a batch: next", 4, Batch(74, 0, 2))
    s.produce("wrap within a batch: the first again", 4, Batch(74, 0, LAST - 1, 4))
    s.end("wrap within a batch: log end", 4)


def odd_numbers(s):
    s.produce("odd: epoch -1, sequence 0", 5, Batch(75, -1, 0))
    s.produce("odd: epoch -1, again", 5, Batch(75, -1, 0))
    s.produce("odd: epoch -1, next", 5, Batch(75, -1, 1))
    s.produce("odd: epoch 0 after -1", 5, Batch(75, 0, 0))
    s.produce("odd: epoch -1 after 0", 5, Batch(75, -1, 2))
    s.produce("odd: epoch -2, known producer", 5, Batch(75, -2, 0))
    s.produce("odd: epoch -2, new producer", 6, Batch(76, -2, 0))
    for sequence in (-1, -2, -1 << 31):
        s.produce(f"odd: sequence {sequence}", 6, Batch(76, 0, sequence))
    for pid in (-1, -5):
        for again in ("", ", again"):
            s.produce(f"odd: id {pid} with epoch and sequence{again}", 6, Batch(pid, 3, 5))
    s.produce("odd: id 2^63-1", 6, Batch((1 << 63) - 1, 0, 0))
    s.produce("odd: id 2^63-1, again", 6, Batch((1 << 63) - 1, 0, 0))
    s.end("odd: log end", 5)
    s.end("odd: log end of the other", 6)


def first_seen(s):
    s.produce("first seen: sequence 41", 7, Batch(77, 0, 41, 2))
    s.produce("first seen: again", 7, Batch(77, 0, 41, 2))
    s.produce("first seen: lower", 7, Batch(77, 0, 40))
    s.produce("first seen: next", 7, Batch(77, 0, 43))
    s.produce("first seen: another one with epoch 9", 7, Batch(78, 9, 5))
    s.produce("first seen: that one with epoch 10, sequence 5", 7, Batch(78, 10, 5))
    s.produce("first seen: in another partition too", 8, Batch(77, 0, 0))
    s.produce("first seen: the first one goes on", 7, Batch(77, 0, 44))
    s.end("first seen: log end", 7)


def codecs(s):
    for n, codec in enumerate(records.CODECS):
        s.produce(f"codecs: {codec}", 9, Batch(79, 0, 3 * n, 3, codec))
    for n, codec in enumerate(records.CODECS):
        s.produce(f"codecs: {codec} again", 9, Batch(79, 0, 3 * n, 3, codec))
    s.produce("codecs: the same numbers in another codec", 9, Batch(79, 0, 12, 3, "gzip"))
    for n, codec in enumerate(("none", "gzip", "lz4")):
        s.produce(f"compressed anew: {codec}", 0, Batch(79, 0, 3 * n, 3, codec), ANEW)
    for n, codec in enumerate(("none", "gzip", "lz4")):
        s.produce(f"compressed anew: {codec} again", 0, Batch(79, 0, 3 * n, 3, codec), ANEW)
    s.produce("compressed anew: a gap", 0, Batch(79, 0, 10), ANEW)
    s.produce("compressed anew: next", 0, Batch(79, 0, 9), ANEW)


def append_times(s):
    first = s.produce("LogAppendTime: first", 0, Batch(80, 0, 0, 3), APPENDED)
    time.sleep(0.05)
    second = s.produce("LogAppendTime: second", 0, Batch(80, 0, 3), APPENDED)
    for name, batch, original in (("first", Batch(80, 0, 0, 3), first), ("second", Batch(80, 0, 3), second)):
        again = s.produce(f"LogAppendTime: {name} again", 0, batch, APPENDED)
        is_same = again["log_append_time"] == original["log_append_time"]
        s.tell(f"LogAppendTime: the time of {name} again", "as before" if is_same else "another one")
    s.produce("LogAppendTime: a gap", 0, Batch(80, 0, 7), APPENDED)


def without_answers(s):
    """acks=0: what goes wrong ends the connection."""
    for name, batch in (("first", Batch(81, 0, 0)), ("again", Batch(81, 0, 0)), ("next", Batch(81, 0, 1)), ("gap", Batch(81, 0, 9)),
                        ("old epoch", Batch(81, -2, 0))):
        with RawClient(s.broker.address) as other:
            other.produce(TOPIC, 10, s.bytes_of(batch), acks=0)
            try:
                other.metadata([])
                answer = "the connection goes on"
            except ConnectionError:
                answer = "closed"
        s.tell(f"acks 0: {name}", answer)
    s.end("acks 0: log end", 10)


def interleaved(s):
    for n in range(4):
        for pid in (82, 83):
            s.produce(f"two producers: {pid}, batch {n}", 11, Batch(pid, 0, n))
    for pid in (82, 83):
        s.produce(f"two producers: {pid}, batch 2 again", 11, Batch(pid, 0, 2))
    with s.broker.client() as other:
        answer = other.produce(TOPIC, 11, s.bytes_of(Batch(82, 0, 3)))
        s.tell("two producers: 82, batch 3 again, another connection", s.words(answer, Batch(82, 0, 3)))
        answer = other.produce(TOPIC, 11, s.bytes_of(Batch(82, 0, 4)))
        s.tell("two producers: 82, next, another connection", s.words(answer, Batch(82, 0, 4)))


def many_partitions(s):
    """One request: a duplicate, a gap, a first batch, each in a partition of its own."""
    s.produce("in one request: before", 12, Batch(84, 0, 0))
    s.produce("in one request: before, the other", 13, Batch(84, 0, 0))
    items = [(12, Batch(84, 0, 0)), (13, Batch(84, 0, 5)), (14, Batch(84, 0, 7))]
    found = s.client.produce_many(TOPIC, [(p, s.bytes_of(b)) for p, b in items])
    for partition, batch in items:
        s.tell(f"in one request: partition {partition}", s.words(found[partition], batch))


def pipelined(s):
    """Several requests before the first answer is read: answered in order, as if they came one by one."""
    batches = [Batch(85, 0, n) for n in (0, 1, 2, 0, 2, 3, 5, 4)]
    for batch in batches:
        s.client.send_produce(TOPIC, 15, s.bytes_of(batch))
    for n, batch in enumerate(batches):
        s.tell(f"pipelined: number {n}, sequence {batch.sequence}", s.words(s.client.receive_produce(8), batch))
    s.end("pipelined: log end", 15)


def refused_between(s):
    """A batch that is refused leaves the producer where it was."""
    s.produce("refused: before", 16, Batch(86, 0, 0))
    wrong = bytearray(s.bytes_of(Batch(86, 0, 1, 2)))
    struct.pack_into(">I", wrong, 17, 1)
    s.tell("refused: wrong CRC", s.words(s.client.produce(TOPIC, 16, bytes(wrong)), Batch(86, 0, 1)))
    s.produce("refused: the right one", 16, Batch(86, 0, 1, 2))
    s.produce("refused: control bit", 16, Batch(86, 0, 3, attributes=CONTROL))
    s.produce("refused: after it", 16, Batch(86, 0, 3))
    s.produce("refused: acks 2", 16, Batch(86, 0, 4), acks=2)
    s.produce("refused: unknown partition", PARTITIONS, Batch(86, 0, 4))
    s.produce("refused: after these", 16, Batch(86, 0, 4))
    s.end("refused: log end", 16)


def transactional_bits(s):
    """Batches of transactions, of which the coordinator knows nothing."""
    newest = min(s.client.api_versions()[PRODUCE][1], 12)
    for version in (3, 8, newest):
        def send(name, batch, transactional_id):
            s.produce(f"transactional bit, version {version}: {name}", 17, batch, version=version, transactional_id=transactional_id)
        send("without id", Batch(87, 0, 0, attributes=TRANSACTIONAL), None)
        send("without id, no producer", Batch(-1, -1, -1, attributes=TRANSACTIONAL), None)
        send("without id, control", Batch(87, 0, 0, attributes=TRANSACTIONAL | CONTROL), None)
        send("unknown producer", Batch(87, 0, 0, attributes=TRANSACTIONAL), "t")
        send("unknown producer, acks 2 too", Batch(87, 0, 0, attributes=TRANSACTIONAL), "t")
        send("no producer", Batch(-1, -1, -1, attributes=TRANSACTIONAL), "t")
    for name in ("t", ""):
        s.produce(f"transactional id {name!r}, plain batch", 18, Batch(-1, -1, -1), transactional_id=name)
        s.produce(f"transactional id {name!r}, idempotent batch", 18, Batch(88, 0, 0), transactional_id=name)
        s.produce(f"transactional id {name!r}, idempotent batch again", 18, Batch(88, 0, 0), transactional_id=name)
    s.end("transactional bit: log end", 17)


def described(s):
    s.describe("described: a partition with one producer", TOPIC, [1])
    s.describe("described: several", TOPIC, [4, 2, 11])
    s.describe("described: after wrapping", TOPIC, [3, 4])
    s.describe("described: epoch -1, then 0", TOPIC, [5])
    s.describe("described: none", TOPIC, [PARTITIONS - 1])
    s.describe("described: unknown partitions", TOPIC, [PARTITIONS, -1])
    s.describe("described: one known, one unknown", TOPIC, [0, PARTITIONS])
    s.describe("described: unknown topic", "nobody", [0, 1])
    s.describe("described: illegal topic", "a/b", [0])
    s.describe("described: the same twice", TOPIC, [0, 0])
    s.describe("described: no partitions", TOPIC, [])


def init_words(answer, last):
    found = answer["id"]
    text = "none" if found == -1 else "a new one" if found > last else "an old one"
    return f"error {answer['error']}, id {text}, epoch {answer['epoch']}"


def ids(s):
    low, high = s.client.api_versions()[INIT_PRODUCER_ID]
    s.tell("ids: versions", f"{low}-{high}")
    last = -1
    rows = [(f"version {v}", v, {}) for v in range(0, 6)]
    rows += [(f"version {v}, with own id and epoch", v, {"producer_id": "own", "producer_epoch": 0}) for v in (3, 4, 5)]
    rows += [
        ("own id, epoch 5", 4, {"producer_id": "own", "producer_epoch": 5}),
        ("foreign id and epoch", 4, {"producer_id": 1 << 40, "producer_epoch": 7}),
        ("id without epoch", 4, {"producer_id": "own"}),
        ("epoch without id", 4, {"producer_epoch": 0}),
        ("id -2, epoch -2", 4, {"producer_id": -2, "producer_epoch": -2}),
        ("id -2", 4, {"producer_id": -2}),
        ("epoch 32767", 4, {"producer_id": "own", "producer_epoch": 32767}),
        ("time-out 0", 4, {"timeout_ms": 0}),
        ("time-out -1", 4, {"timeout_ms": -1}),
        ("empty transactional id", 4, {"transactional_id": ""}),
        ("empty transactional id, time-out 0", 4, {"transactional_id": "", "timeout_ms": 0}),
        ("transactional, time-out 0", 4, {"transactional_id": "t", "timeout_ms": 0}),
        ("transactional, time-out -1", 1, {"transactional_id": "t", "timeout_ms": -1}),
        ("transactional, time-out 900001", 4, {"transactional_id": "t", "timeout_ms": 900001}),
        ("transactional, id without epoch", 4, {"transactional_id": "t", "producer_id": 5}),
    ]
    for name, version, options in rows:
        options = {key: last if value == "own" else value for key, value in options.items()}
        answer = s.client.init_producer_id(version, **options)
        s.tell(f"ids: {name}", init_words(answer, last))
        last = max(last, answer["id"])


def over_a_restart(s, end, name, partition):
    """`end` ends the broker. What the producer sends before, and what it sends again after."""
    batches = [Batch(90, 0, n) for n in range(7)]
    for batch in batches[:6]:
        s.produce(f"{name}: sequence {batch.sequence}", partition, batch)
    before = s.client.init_producer_id()["id"]
    s.client.send_produce(TOPIC, partition + 1, s.bytes_of(Batch(91, 0, 0, 3)))
    s.client.receive_produce(8)
    # This one is appended, and nobody reads the answer.
    s.client.send_produce(TOPIC, partition + 1, s.bytes_of(Batch(91, 0, 3, 2)))
    with s.broker.client() as other:
        wait_until(lambda: other.list_offsets(TOPIC, partition + 1, -1)["offset"] == 5, 10, "five records")
    end()
    s.broker.start()
    s.wait_for_topics()
    s.reconnect()
    again = s.client.produce(TOPIC, partition + 1, s.bytes_of(Batch(91, 0, 3, 2)))
    s.tell(f"{name}: the batch without an answer", f"error {again['error']}, offset {again['base_offset']}")
    s.end(f"{name}: the log end behind it", partition + 1)
    s.produce(f"{name}: the one before it again", partition + 1, Batch(91, 0, 0, 3))
    s.produce(f"{name}: the last again", partition, batches[5])
    s.produce(f"{name}: the one before the last again", partition, batches[4])
    s.produce(f"{name}: the fifth last again", partition, batches[1])
    s.produce(f"{name}: the sixth last again", partition, batches[0])
    s.produce(f"{name}: a gap", partition, Batch(90, 0, 8))
    s.produce(f"{name}: an old epoch", partition, Batch(90, -2, 6))
    s.describe(f"{name}: described", TOPIC, [partition, partition + 1])
    s.produce(f"{name}: next", partition, batches[6])
    s.end(f"{name}: log end", partition)
    wait_until(lambda: s.client.init_producer_id()["error"] != 14, 20, "producer ids")
    s.tell(f"{name}: an id", init_words(s.client.init_producer_id(), before))


def walk(s):
    make_topics(s)
    for part in (duplicates, window, epochs, wrap, odd_numbers, first_seen, codecs, append_times, without_answers, interleaved,
                 many_partitions, pipelined, refused_between, transactional_bits, described, ids):
        part(s)
    over_a_restart(s, s.broker.stop, "stopped", 19)
    over_a_restart(s, s.broker.kill, "killed", 21)
