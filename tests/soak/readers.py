"""Readers of the mixed load: consumers that follow it, and the judge of what is left at the end."""
import collections
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from suite import check
from writers import PENDING, UNKNOWN

EARLIEST, LATEST = -2, -1
READ_SECONDS_MAX = 120


def _consumer(address, group):
    return Consumer({"bootstrap.servers": address, "group.id": group, "enable.auto.commit": True, "auto.commit.interval.ms": 1000,
                     "auto.offset.reset": "earliest", "log_level": 0, "reconnect.backoff.ms": 20,
                     "reconnect.backoff.max.ms": 200, "check.crcs": True, "session.timeout.ms": 10000})


def identity(message):
    """(writer, n) of a record."""
    headers = dict(message.headers())
    return headers["w"].decode(), int(headers["n"])


class Follower(threading.Thread):
    """Reads the partitions from the beginning on, through all restarts: offsets only rise, no record comes twice."""

    def __init__(self, address, topic, partitions):
        super().__init__(daemon=True)
        self._consumer = _consumer(address, f"follower-{topic}")
        self._consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])
        self._end = threading.Event()
        self.seen = 0
        self.complaint = None
        self._last = {}
        self._known = collections.defaultdict(set)
        self.start()

    def run(self):
        while not self._end.is_set():
            message = self._consumer.poll(0.2)
            if message is None or message.error():
                continue
            self.seen += 1
            writer, n = identity(message)
            place = (message.partition(), message.offset())
            if self._last.get(message.partition(), -1) >= message.offset():
                self.complaint = self.complaint or f"{message.topic()} goes back at {place}"
            if n in self._known[writer]:
                self.complaint = self.complaint or f"{message.topic()}: {writer}:{n} comes again at {place}"
            self._last[message.partition()] = message.offset()
            self._known[writer].add(n)
        self._consumer.close()

    def stop(self):
        self._end.set()
        self.join()


class Members:
    """Members of one group that share a topic's partitions and commit; what they get is not judged."""

    def __init__(self, address, topic, count):
        self._end = threading.Event()
        self._consumers = [_consumer(address, f"members-{topic}") for _ in range(count)]
        self._threads = []
        for consumer in self._consumers:
            consumer.subscribe([topic])
            thread = threading.Thread(target=self._run, args=(consumer,), daemon=True)
            thread.start()
            self._threads.append(thread)

    def _run(self, consumer):
        while not self._end.is_set():
            consumer.poll(0.2)
        consumer.close()

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join()


class Partition:
    """All that one partition holds at the end."""

    def __init__(self, broker, topic, index):
        with broker.client() as client:
            self.start = client.list_offsets(topic, index, EARLIEST)["offset"]
            self.end = client.list_offsets(topic, index, LATEST)["offset"]
        self.records = []  # (offset, writer, n, key, is_tombstone), in the order of the log
        consumer = _consumer(broker.address, "judge")
        consumer.assign([TopicPartition(topic, index, self.start)])
        deadline = time.monotonic() + READ_SECONDS_MAX
        while self.start < self.end and self._next(consumer, topic, index) < self.end:
            check(time.monotonic() < deadline, f"{topic}-{index} is not read to its end {self.end}")
            for message in consumer.consume(500, 0.3):
                check(not message.error(), f"{topic}-{index}: {message.error()}")
                if message.offset() < self.end:
                    self.records.append((message.offset(), *identity(message), message.key(), message.value() is None))
        consumer.close()

    def _next(self, consumer, topic, index):
        """Behind the last record that came; behind the end of the log once the consumer stands there."""
        if self.records and self.records[-1][0] + 1 >= self.end:
            return self.end
        return consumer.position([TopicPartition(topic, index)])[0].offset


def judge_log(found, writers, topic, index):
    """Every acknowledged record from the log start on is there, at its offset, once and in order; of the others none twice.
    Gives how many acknowledged records lie there."""
    offsets = [record[0] for record in found.records]
    check(offsets == sorted(set(offsets)), f"{topic}-{index}: offsets that do not rise")
    there = collections.defaultdict(dict)
    for offset, writer, n, _, _ in found.records:
        check(n not in there[writer], f"{topic}-{index}: {writer}:{n} is there twice, at {there[writer].get(n)} and {offset}")
        there[writer][n] = offset
    kept = 0
    for writer in writers:
        of_writer = there[writer.name]
        last = -1
        for n, offset in enumerate(writer.offsets):
            if writer.place(n) != (topic, index):
                continue
            check(offset != PENDING, f"{writer.name}:{n} has no outcome")
            if offset >= found.start:
                check(of_writer.get(n) == offset, f"{topic}-{index}: {writer.name}:{n} was acknowledged at {offset}, found: {of_writer.get(n)}")
                kept += 1
            if writer.idempotent and n in of_writer:
                check(of_writer[n] > last, f"{topic}-{index}: {writer.name}:{n} is not in order")
                last = of_writer[n]
    return kept


def judge_compacted(found, writers):
    """Of each key the last acknowledged record is there, or one behind it that had no answer; a tombstone may have gone.
    Gives (records found, keys)."""
    last_found = {}
    for offset, writer, n, key, _ in found.records:
        check(last_found.get(key, (-1,))[0] < offset, f"offsets of {key} do not rise")
        last_found[key] = (offset, writer, n)
    keys = 0
    for writer in writers:
        last_answered, later = {}, collections.defaultdict(set)
        for n, offset in enumerate(writer.offsets):
            key = writer.key(n)
            if offset == UNKNOWN:
                later[key].add(n)
            else:
                last_answered[key] = (n, offset)
        keys += len(last_answered)
        for key, (n, offset) in last_answered.items():
            there = last_found.get(key)
            if there is None:
                # A later record without an answer may have been a tombstone as well.
                gone = n in writer.tombstones or any(m > n and m in writer.tombstones for m in later[key])
                check(gone, f"{key}: record {n} at {offset} is not there")
            elif there[2] != n:
                is_later = there[2] > n and there[2] in later[key]
                check(is_later, f"{key}: {there} is there instead of record {n} at {offset}")
            else:
                check(there[0] == offset, f"{key}: record {n} is at {there[0]}, not at {offset}")
    return len(found.records), keys
