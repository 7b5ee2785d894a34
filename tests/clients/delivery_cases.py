"""What groups get of a topic, with Debian's kafka-python and confluent-kafka: each group everything, the members of one group each
record once; what a member that dies had not committed comes again, from its commit on; going back by offset and by time."""
import os
import signal
import subprocess
import sys
import time
import types

import confluent_kafka
import kafka
from kafka.structs import OffsetAndMetadata

from suite import check, check_equal

PYTHON = os.environ.get("SUITE_PYTHON", "/usr/bin/python3")
PARTITIONS, COUNT, BASE_MS = 4, 400, 1_700_000_000_000
SESSION_MS, AT_ONCE = 6000, 30


def fill(broker, topic):
    """COUNT records, "0" to COUNT-1; record n is in partition n % PARTITIONS, at offset n // PARTITIONS, n seconds after BASE_MS."""
    with broker.client() as client:
        # (the records are old: they would be deleted)
        check_equal(client.create_topic(topic, PARTITIONS, configs={"retention.ms": "-1"})["error"], 0, "CreateTopics")
    broker.wait_for_topic(topic, PARTITIONS)
    producer = kafka.KafkaProducer(bootstrap_servers=broker.address, acks="all")
    for number in range(COUNT):
        producer.send(topic, b"%d" % number, partition=number % PARTITIONS, timestamp_ms=BASE_MS + 1000 * number)
    producer.flush()
    producer.close()


class KafkaPython:
    name = "kafka-python"

    def __init__(self, broker, group, topic):
        self._consumer = kafka.KafkaConsumer(
            topic, bootstrap_servers=broker.address, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS, heartbeat_interval_ms=500, max_poll_records=AT_ONCE)

    def poll(self):
        """[(partition, offset, number)]"""
        found = self._consumer.poll(timeout_ms=200)
        return [(record.partition, record.offset, int(record.value)) for rows in found.values() for record in rows]

    def commit(self, topic, positions):
        self._consumer.commit({kafka.TopicPartition(topic, at): OffsetAndMetadata(offset, "") for at, offset in positions.items()})

    def assigned(self):
        return {place.partition for place in self._consumer.assignment()}

    def seek(self, topic, partition, offset):
        self._consumer.seek(kafka.TopicPartition(topic, partition), offset)

    def at_time(self, topic, partition, stamp):
        place = kafka.TopicPartition(topic, partition)
        found = self._consumer.offsets_for_times({place: stamp})[place]
        return found.offset if found else None

    def close(self):
        self._consumer.close()


class Confluent:
    name = "librdkafka"

    def __init__(self, broker, group, topic):
        self._consumer = confluent_kafka.Consumer({
            "bootstrap.servers": broker.address, "group.id": group, "enable.auto.commit": False, "auto.offset.reset": "earliest",
            "session.timeout.ms": SESSION_MS, "heartbeat.interval.ms": 500})
        self._consumer.subscribe([topic])

    def poll(self):
        found = self._consumer.consume(num_messages=AT_ONCE, timeout=0.2)
        return [(m.partition(), m.offset(), int(m.value())) for m in found if not m.error()]

    def commit(self, topic, positions):
        places = [confluent_kafka.TopicPartition(topic, at, offset) for at, offset in positions.items()]
        self._consumer.commit(offsets=places, asynchronous=False)

    def assigned(self):
        return {place.partition for place in self._consumer.assignment()}

    def seek(self, topic, partition, offset):
        self._consumer.seek(confluent_kafka.TopicPartition(topic, partition, offset))

    def at_time(self, topic, partition, stamp):
        found = self._consumer.offsets_for_times([confluent_kafka.TopicPartition(topic, partition, stamp)], timeout=20)[0].offset
        return found if found >= 0 else None

    def close(self):
        self._consumer.close()


CLIENTS = {client.name: client for client in (KafkaPython, Confluent)}


def collect(members, is_done, seconds=60):
    """Polls all members in turn until is_done(what each has got). Gives [[rows] per member]."""
    got = [[] for _ in members]
    end = time.monotonic() + seconds
    while not is_done(got):
        check(time.monotonic() < end, f"only {[len(rows) for rows in got]} records in {seconds} s")
        for member, rows in zip(members, got):
            rows.extend(member.poll())
    return got


def publish_and_share(suite, broker, topic):
    """One group of each library, and one that both share."""
    everything = set(range(COUNT))
    for client in CLIENTS.values():
        with suite.case(f"{client.name}: a group of its own gets everything, in order"):
            member = client(broker, f"own-{client.name}", topic)
            rows = collect([member], lambda got: len(got[0]) >= COUNT)[0]
            check_equal({number for _, _, number in rows}, everything, "records")
            for partition in range(PARTITIONS):
                offsets = [offset for at, offset, _ in rows if at == partition]
                check_equal(offsets, list(range(COUNT // PARTITIONS)), f"offsets of partition {partition}")
            member.close()
    with suite.case("two members of one group, a library each: every record once, each gets a part"):
        members = [client(broker, "shared", topic) for client in CLIENTS.values()]
        for member in members:
            collect([member], lambda got: True)
        end = time.monotonic() + 60
        # Both libraries call their assignor "range".
        while not all(len(member.assigned()) == PARTITIONS // 2 for member in members):
            check(time.monotonic() < end, f"assigned: {[member.assigned() for member in members]}")
            for member in members:
                member.poll()
        for member in members:
            for partition in member.assigned():
                member.seek(topic, partition, 0)
        got = collect(members, lambda rows: sum(map(len, rows)) >= COUNT)
        numbers = sorted(number for rows in got for _, _, number in rows)
        check_equal(len(set(numbers)), COUNT, "different records")
        parts = [{partition for partition, _, _ in rows} for rows in got]
        check_equal((parts[0] & parts[1], [len(part) for part in parts]), (set(), [PARTITIONS // 2] * 2), "partitions")
        for member in members:
            member.close()


def crash(suite, broker, topic):
    """A member commits, reads on, and is killed: the next one begins at the commit."""
    for name in CLIENTS:
        with suite.case(f"{name}: killed before it commits: what it had not committed comes again, and nothing before it"):
            group = f"crash-{name}"
            words = [PYTHON, __file__, broker.address, group, topic, name]
            member = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True,
                                      env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
            suite.at_end(member.kill)
            committed, read_on = (dict(map(int, word.split(":")) for word in member.stdout.readline().split()) for _ in range(2))
            member.send_signal(signal.SIGKILL)
            member.wait()
            check(sum(read_on.values()) > sum(committed.values()) > 0, f"committed {committed}, read {read_on}")
            heir = CLIENTS[name](broker, group, topic)
            left = COUNT - sum(committed.values())
            rows = collect([heir], lambda got: len(got[0]) >= left)[0]
            for partition in range(PARTITIONS):
                offsets = [offset for at, offset, _ in rows if at == partition]
                check_equal(offsets, list(range(committed.get(partition, 0), COUNT // PARTITIONS)), f"offsets of partition {partition}")
            heir.close()


def rewind(suite, broker, topic):
    for client in CLIENTS.values():
        member = client(broker, f"rewind-{client.name}", topic)
        with suite.case(f"{client.name}: a member goes back, by offset and by time, and its commit goes with it"):
            member.commit(topic, _positions(collect([member], lambda got: len(got[0]) >= COUNT)[0]))
            for partition in range(PARTITIONS):
                member.seek(topic, partition, 90)
            rows = collect([member], lambda got: len(got[0]) >= PARTITIONS * 10)[0]
            check_equal({number // PARTITIONS for _, _, number in rows}, set(range(90, 100)), "offsets")
            # The first record of each partition from second 200 on.
            found = {partition: member.at_time(topic, partition, BASE_MS + 200_000) for partition in range(PARTITIONS)}
            check_equal(found, {partition: 200 // PARTITIONS for partition in range(PARTITIONS)}, "offsets by time")
            check_equal(member.at_time(topic, 0, BASE_MS + 1000 * COUNT), None, "beyond the end")
            for partition, offset in found.items():
                member.seek(topic, partition, offset)
            rows = collect([member], lambda got: len(got[0]) >= COUNT - 200)[0]
            check_equal({number for _, _, number in rows}, set(range(200, COUNT)), "records")
            for partition in range(PARTITIONS):
                member.seek(topic, partition, 0)
            rows = collect([member], lambda got: {row[0] for row in got[0]} == set(range(PARTITIONS)))[0]
            member.commit(topic, _positions(rows))
            member.close()
        with suite.case(f"{client.name}: the next one begins where it had gone back to"):
            member = client(broker, f"rewind-{client.name}", topic)
            left = COUNT - len(rows)
            again = collect([member], lambda got: len(got[0]) >= left)[0]
            check_equal(len({number for _, _, number in again}), left, "records")
            check_equal({number for _, _, number in again} & {number for _, _, number in rows}, set(), "records that were committed")
            member.close()


def run(suite, broker):
    fill(broker, "delivered")
    publish_and_share(suite, broker, "delivered")
    crash(suite, broker, "delivered")
    rewind(suite, broker, "delivered")


def be_killed(address, group, topic, name):
    """Reads and commits, reads on; prints positions by partition at the commit and behind it; waits to be killed."""
    member = CLIENTS[name](types.SimpleNamespace(address=address), group, topic)
    rows = collect([member], lambda got: len(got[0]) >= COUNT // 4)[0]
    member.commit(topic, _positions(rows))
    _print(_positions(rows))
    rows += collect([member], lambda got: len(got[0]) >= 1)[0]
    _print(_positions(rows))
    while True:
        member.poll()


def _positions(rows):
    """Behind the last record of each partition."""
    return {partition: 1 + max(offset for at, offset, _ in rows if at == partition) for partition, _, _ in rows}


def _print(positions):
    print(" ".join(f"{partition}:{offset}" for partition, offset in positions.items()), flush=True)


if __name__ == "__main__":
    be_killed(*sys.argv[1:])
