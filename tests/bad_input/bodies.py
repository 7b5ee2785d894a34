"""Rows XB1 to XB41: bodies of requests that parse and are odd, or do not parse. What tests/suites/test/21-answers asks is not
asked again."""
import pathlib
import struct
import time
import uuid

import records
from raw_client import CREATE_TOPICS, DELETE_TOPICS, FETCH, LIST_OFFSETS, METADATA, PRODUCE, RawClient
from suite import check, check_equal, wait_until
from target import TOPIC, is_gregor, request
from wire import Reader, Writer

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
# Key: name, first flexible version, last byte of a body that says "only validate" (from the end, without the tags; 0 = none).
APIS = {
    0: ("Produce", 9, 0), 1: ("Fetch", 12, 0), 2: ("ListOffsets", 6, 0), 3: ("Metadata", 9, 0), 8: ("OffsetCommit", 8, 0),
    9: ("OffsetFetch", 6, 0), 10: ("FindCoordinator", 3, 0), 11: ("JoinGroup", 6, 0), 12: ("Heartbeat", 4, 0), 13: ("LeaveGroup", 4, 0),
    14: ("SyncGroup", 4, 0), 15: ("DescribeGroups", 5, 0), 16: ("ListGroups", 3, 0), 42: ("DeleteGroups", 2, 0),
    47: ("OffsetDelete", 1 << 15, 0),
    18: ("ApiVersions", 3, 0), 19: ("CreateTopics", 5, 1), 20: ("DeleteTopics", 4, 0), 21: ("DeleteRecords", 2, 0),
    22: ("InitProducerId", 2, 0), 23: ("OffsetForLeaderEpoch", 4, 0), 32: ("DescribeConfigs", 4, 0), 33: ("AlterConfigs", 2, 1),
    34: ("AlterReplicaLogDirs", 2, 0), 35: ("DescribeLogDirs", 2, 0), 37: ("CreatePartitions", 2, 1), 44: ("IncrementalAlterConfigs", 1, 1),
    43: ("ElectLeaders", 2, 0), 57: ("UpdateFeatures", 0, 0), 60: ("DescribeCluster", 0, 0), 61: ("DescribeProducers", 0, 0), 74: ("ListConfigResources", 0, 0),
    75: ("DescribeTopicPartitions", 0, 0),
}
# Lengths and counts that lie, for each width; written over every place of a body.
LIES = [b"\x7f\xff\xff\xff", b"\xff\xff\xff\xfe", b"\x80\x00\x00\x00", b"\x7f\xff", b"\xff\xfe", b"\xff\xff\xff\xff\x0f",
        b"\xff\xff\xff\xff\x07", b"\x00"]
RSS_MAX = 32 << 20
INT_MAX, INT_MIN = (1 << 31) - 1, -(1 << 31)


def run(target):
    with target.broker.client() as client:
        served = {key: versions for key, versions in client.api_versions().items() if key != "error"}
    lying_lengths(target, served)
    huge_arrays(target)
    names(target)
    creations(target)
    many_topics(target)
    produces(target)
    fetches(target)
    list_offsets(target, served)


def golden_bodies(name, version):
    file = GOLDEN / name / f"request-v{version}.txt"
    if not file.exists():
        return []
    return [bytes.fromhex(line[4:]) for line in file.read_text().splitlines() if line.startswith("hex ")]


def lying_lengths(target, served):
    """Whatever is an array, a string or bytes in a request of each API gets lengths that lie. Each is answered or closed."""
    if not is_gregor():
        return  # (Apache Kafka 4.1.1 keeps many of these connections until they are idle for long)
    with target.row("every API that is served is known to this test"):
        check_equal(sorted(set(served) - set(APIS)), [], "APIs without a row")
    for key, (name, flexible_from, validates_only) in APIS.items():
        if key not in served:
            continue
        with target.row(f"XB1-XB5 {name}: lengths and counts that lie, at each place of a body"):
            with target.memory_stays(RSS_MAX):
                cases = 0
                for version in sorted({served[key][0], min(served[key][1], flexible_from), served[key][1]}):
                    tags = b"\x00" if version >= flexible_from else b""
                    for body in sorted(golden_bodies(name, version), key=len)[-2:]:
                        body = bytearray(body[:160])
                        kept = len(body) - (validates_only + len(tags) if validates_only else 0)
                        if validates_only:
                            body[kept] = 1
                        cases += send_lies(target, key, version, tags, bytes(body), kept)
                check(cases > 0, "no golden body")


def send_lies(target, key, version, tags, body, kept):
    cases = 0
    for at in range(kept):
        for lie in LIES[at % 2::2]:
            if at + len(lie) > kept:
                continue
            with target.connect() as connection:
                connection.send_if_open(request(key, version, body[:at] + lie + body[at + len(lie):], tags=tags))
                connection.finish()
                check(connection.receive_to_end(5) is not None, f"neither answered nor closed: {lie.hex()} at {at} of version {version}")
            cases += 1
    return cases


def huge_arrays(target):
    """The first array of each request says that it has 2^31-1 items; behind it comes nothing."""
    head = {PRODUCE: (3, b"\xff\xff" + struct.pack(">hi", -1, 1000)), FETCH: (4, struct.pack(">iiiib", -1, 0, 0, 0, 0)),
            LIST_OFFSETS: (1, struct.pack(">i", -1)), METADATA: (1, b""), CREATE_TOPICS: (2, b""), DELETE_TOPICS: (1, b"")}
    for key, (version, start) in head.items():
        for count in (INT_MAX, -2, INT_MIN):
            if count < 0 and key == METADATA:
                continue  # Kafka takes it for null: all topics
            with target.row(f"XB2 {APIS[key][0]}: an array of {count} topics"):
                with target.memory_stays(1 << 20):
                    target.expect_close(request(key, version, start + struct.pack(">i", count)))
    nested = b"".join(struct.pack(">h", 1) + b"t" + struct.pack(">i", 10000) + bytes(40) for _ in range(50))
    with target.row("XB5 Fetch: 10,000 topics of 10,000 partitions each are declared"):
        with target.memory_stays(4 << 20):
            target.expect_close(request(FETCH, 4, head[FETCH][1] + struct.pack(">i", 10000) + nested))
    with target.row("XB3 Metadata 9: a name of length 0 (null) is no name before version 10"):
        target.expect_close(request(METADATA, 9, b"\x02\x00\x00\x01\x00\x00\x00", tags=b"\x00"))


def names(target):
    texts = [b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"a\x00b", b"../../etc", b"..", b"", b"x" * 250, b"caf\xc3\xa9"]
    for text in texts:
        with target.row(f"XB6 XB7 topic name {text[:12]!r}: never a topic, never a file"):
            name = struct.pack(">h", len(text)) + text
            body = struct.pack(">i", 1) + name + b"\x01"
            found = target.expect_close_or_answer(request(METADATA, 4, body))
            if found is not None:
                check(topic_error(found) in (3, 17), f"Metadata answers {topic_error(found)}")
            body = struct.pack(">i", 1) + name + struct.pack(">ihiiib", 1, 1, 0, 0, 1000, 0)
            found = target.expect_close_or_answer(request(CREATE_TOPICS, 2, body))
            if found is not None:
                reader = Reader(found[8:])
                reader.length(True), reader.raw(reader.int16())
                check_equal(reader.int16(), 17, "CreateTopics")
            for key, version, start, end in (
                    (PRODUCE, 3, b"\xff\xff" + struct.pack(">hii", -1, 1000, 1), struct.pack(">iii", 1, 0, 0)),
                    (DELETE_TOPICS, 1, struct.pack(">i", 1), struct.pack(">i", 1000))):
                found = target.expect_close_or_answer(request(key, version, start + name + end))
                check(found is None or b"\x00\x03" in found, f"{APIS[key][0]} answers {found}")
            folders = [p.name for p in target.broker.log_dirs[0].iterdir() if p.is_dir() and not p.name.startswith(("good-", "_"))]
            check(not any(name.startswith(("caf", "a", "x", ".")) for name in folders), f"folders {folders}")


def topic_error(answer):
    """The error of the first topic of a Metadata 4 answer."""
    reader = Reader(answer[8:])
    reader.array(lambda: (reader.int32(), reader.string(), reader.int32(), reader.string()))
    reader.string(), reader.int32(), reader.length(True)
    return reader.int16()


def create(client, topics, version=4, validate=False, timeout_ms=10000):
    """topics: (name, partitions, replication, {partition: brokers} as pairs, configs as pairs). Gives {name: [errors]}."""
    body = Writer()

    def one(topic):
        name, partitions, replication, assigned, configs = (list(topic) + [[], []])[:5]
        body.string(name).int32(partitions).int16(replication)
        body.array(assigned, lambda a: body.int32(a[0]).array(a[1], body.int32))
        body.array(configs, lambda c: body.string(c[0]).string(c[1]))
    body.array(topics, one).int32(timeout_ms).boolean(validate)
    reader = client.request(CREATE_TOPICS, version, body.bytes())
    reader.int32()
    found = {}

    def answer():
        name, error = reader.string(), reader.int16()
        reader.string()
        found.setdefault(name, []).append(error)
    reader.array(answer)
    return found


def creations(target):
    with target.broker.client() as client:
        own = client.metadata([], version=1)["brokers"][0]["id"]

    def refused(row, topics, expected):
        with target.row(row), target.broker.client() as client:
            before = len(client.metadata(None, version=1)["topics"])
            check_equal(create(client, topics), expected, "errors")
            check_equal(len(client.metadata(None, version=1)["topics"]), before, "topics")
    for partitions, error in ((0, 37), (-2, 37), (INT_MIN, 37), (10**6, 44), (INT_MAX, 44)):
        refused(f"XB10 CreateTopics of {partitions} partitions", [("many", partitions, 1)], {"many": [error]})
    for replication in (0, -2, 2, 32767):
        refused(f"XB10 CreateTopics of replication factor {replication}", [("many", 1, replication)], {"many": [38]})
    for name, assigned in (("a broker twice", [(0, [own, own])]), ("a negative broker", [(0, [-1])]), ("an unknown broker", [(0, [999])]),
                           ("a gap", [(0, [own]), (2, [own])]), ("no broker", [(0, [])]), ("a partition twice", [(0, [own]), (0, [own])]),
                           ("a negative partition", [(-1, [own])])):
        refused(f"XB11 CreateTopics with an assignment with {name}", [("placed", -1, -1, assigned)], {"placed": [39]})
    refused("XB12 CreateTopics names a topic twice: none is made", [("twice", 1, 1), ("twice", 1, 1)], {"twice": [42]})
    for key, value in (("no.such.config", "1"), ("retention.ms", "1e9"), ("retention.ms", "0x10"), ("retention.ms", "9" * 30),
                       ("segment.bytes", "1"), ("log.dirs", "/etc"), ("", "")):
        refused(f"XB15 CreateTopics with {key!r} = {value[:12]!r}", [("set", 1, 1, [], [(key, value)])], {"set": [40]})
    refused("XB15 CreateTopics with a value of 32,767 bytes", [("set", 1, 1, [], [("cleanup.policy", "x" * 32_767)])],
            {"set": [40 if is_gregor() else -1]})
    refused("XB15 a good config beside a bad one: no topic",
            [("set", 1, 1, [], [("retention.ms", "1000"), ("retention.bytes", "much")])], {"set": [40]})
    refused("XB9 CreateTopics of __cluster_metadata", [("__cluster_metadata", 1, 1)], {"__cluster_metadata": [42]})
    with target.row("XB9 CreateTopics of an internal topic works, Produce to it does not"), target.broker.client() as client:
        check(create(client, [("__transaction_state", 1, 1)])["__transaction_state"] in ([0], [36]), "made, or there")
        check_equal(create(client, [("__transaction_state", 1, 1)]), {"__transaction_state": [36]}, "made again")
        target.broker.wait_for_topic("__transaction_state", 1)
        check_equal(client.produce("__transaction_state", 0, records.build([(b"k", b"v")]))["error"], 17, "Produce")
        client.delete_topic("__transaction_state")
    with target.row("XB17 CreateTopics with a timeout of 0, -1, 2^31-1"), target.broker.client() as client:
        for timeout_ms, error in ((0, 7), (-1, 7), (INT_MAX, 0)):
            check_equal(create(client, [(f"timed{timeout_ms}", 1, 1)], timeout_ms=timeout_ms), {f"timed{timeout_ms}": [error]}, "errors")
        client.delete_topic(f"timed{INT_MAX}")
        wait_until(lambda: client.metadata(["timed0", "timed-1"], 1)["topics"][0]["error"] == 3, 5, "no topic")
    with target.row("XB8 names that would share a folder or a metric"), target.broker.client() as client:
        check_equal(create(client, [("col.lide", 1, 1)]), {"col.lide": [0]}, "the first")
        check_equal(create(client, [("col_lide", 1, 1)]), {"col_lide": [17]}, "the second")
        check_equal(create(client, [("dash", 2, 1), ("dash-1", 1, 1), ("dash-1-1", 1, 1)]),
                    {"dash": [0], "dash-1": [0], "dash-1-1": [0]}, "names with a number")
        for topic, partition in (("dash", 1), ("dash-1", 0), ("dash-1-1", 0)):
            target.broker.wait_for_topic(topic, 1)
            value = f"{topic} {partition}".encode()
            wait_until(lambda: client.produce(topic, partition, records.build([(None, value)]))["error"] == 0, 5, "a leader")
        for topic, partition in (("dash", 1), ("dash-1", 0), ("dash-1-1", 0)):
            found = records.parse(client.fetch(topic, partition, 0)["records"])
            check_equal([r.value for b in found for r in b.records], [f"{topic} {partition}".encode()], f"in {topic}-{partition}")
        for topic in ("col.lide", "dash", "dash-1", "dash-1-1"):
            client.delete_topic(topic)


def many_topics(target):
    with target.row("XB13 Metadata of 100,000 unknown topics: bounded in time and memory"):
        body = Writer()
        body.array([f"unknown-{n}" for n in range(100_000)], body.string)
        with target.memory_stays(128 << 20), target.broker.client() as client:
            began = time.monotonic()
            answer = client.request(METADATA, 1, body.bytes())
            took = time.monotonic() - began
            print(f"        {took:.2f} s, an answer of {len(answer.data) >> 10} KiB", flush=True)
            check(took < 5 or not is_gregor(), f"{took:.1f} s")
    with target.row("XB12 Metadata of one topic 100,000 times: answered once"), target.broker.client() as client:
        check_equal(len(client.metadata([TOPIC] * 100_000, version=1)["topics"]), 1, "topics")
    with target.row("XB14 Metadata that asks for 1,000 topics to be made, where that is not allowed: none is"):
        with target.broker.client() as client:
            before = len(client.metadata(None, version=1)["topics"])
            topics = client.metadata([f"flood-{n}" for n in range(1000)], version=4, auto_create=True)["topics"]
            if is_gregor():  # (the default is to make them; this broker was started without)
                check_equal({t["error"] for t in topics}, {3}, "errors")
                check_equal(len(client.metadata(None, version=1)["topics"]), before, "topics")


def produces(target):
    batch = records.build([(b"k", b"v")])

    def send(client, topics, timeout_ms=1000):
        """Produce 8 of [(topic, [(partition, bytes)])]: [(topic, partition, error)]."""
        body = Writer().string(None).int16(-1).int32(timeout_ms)
        body.array(topics, lambda t: body.string(t[0]).array(t[1], lambda p: body.int32(p[0]).blob(p[1])))
        reader = client.request(PRODUCE, 8, body.bytes())
        found = []

        def partition(name):
            found.append((name, reader.int32(), reader.int16()))
            reader.raw(24), reader.array(lambda: (reader.int32(), reader.string())), reader.string()

        def topic():
            name = reader.string()
            reader.array(lambda: partition(name))
        reader.array(topic)
        return found
    with target.row("XB17 Produce with a timeout of 0, -1, -2^31, 2^31-1"), target.broker.client() as client:
        for timeout_ms in (0, -1, INT_MIN, INT_MAX):
            check_equal(send(client, [(TOPIC, [(0, batch)])], timeout_ms), [(TOPIC, 0, 0)], f"timeout {timeout_ms}")
    with target.row("XB18 Produce to a partition twice in a request: the last one counts, one answer"), target.broker.client() as client:
        end = client.list_offsets(TOPIC, 0, -1)["offset"]
        last = records.build([(b"k", b"last")])
        check_equal(send(client, [(TOPIC, [(0, batch), (0, last)])]), [(TOPIC, 0, 0)], "answers")
        found = records.parse(client.fetch(TOPIC, 0, end)["records"])
        check_equal([r.value for b in found for r in b.records], [b"last"], "what is in the log")
    with target.row("XB16 Produce of nothing, of a topic without partitions"), target.broker.client() as client:
        check_equal(send(client, []), [], "no topics")
        check_equal(send(client, [(TOPIC, [])]), [], "no partitions")
    with target.row("XB16 XB20 a partition that is not there is told before acks 2 and before null records"):
        with target.broker.client() as client:
            for partition, acks, data in ((7, 2, batch), (7, -2, batch), (7, -1, b""), (7, -1, None), (-1, 2, None)):
                check_equal(client.produce(TOPIC, partition, data, acks=acks)["error"], 3, f"{partition}, {acks}, {data}")
            check_equal(client.produce("nobody", 0, None, acks=2)["error"], 3, "a topic that is not there")
    with target.row("XB20 Produce to 10,000 partitions that are not there, one that is"), target.broker.client() as client:
        answer = send(client, [(TOPIC, [(n, b"") for n in range(1, 10_000)] + [(-1, b""), (INT_MIN, b""), (0, batch)])])
        check_equal(sorted({error for _, n, error in answer if n != 0}), [3], "errors")
        check_equal([error for _, n, error in answer if n == 0], [0], "the good one")


def fetches(target):
    def fetch(client, asked, replica=-1, wait=0, min_bytes=0, max_bytes=1 << 20, forgotten=(), one_entry_each=False):
        """Fetch 11 of [(topic, partition, offset, limit)]: [(topic, partition, error, bytes)]."""
        body = Writer().int32(replica).int32(wait).int32(min_bytes).int32(max_bytes).int8(0).int32(0).int32(-1)
        by_topic = [(topic, [a for a in asked if a[0] == topic]) for topic in dict.fromkeys(a[0] for a in asked)]
        if one_entry_each:
            by_topic = [(a[0], [a]) for a in asked]
        body.array(by_topic, lambda t: body.string(t[0]).array(
            t[1], lambda a: body.int32(a[1]).int32(-1).int64(a[2]).int64(-1).int32(a[3])))
        body.array(list(forgotten), lambda f: body.string(f[0]).array(f[1], body.int32)).string("")
        reader = client.request(FETCH, 11, body.bytes())
        reader.int32(), reader.int16(), reader.int32()
        found = []

        def partition(name):
            number, error = reader.int32(), reader.int16()
            reader.raw(24), reader.array(lambda: reader.raw(16)), reader.int32()
            found.append((name, number, error, len(reader.blob() or b"")))

        def topic():
            name = reader.string()
            reader.array(lambda: partition(name))
        reader.array(topic)
        return found
    def answered(row, expected, seconds=1.0, **options):
        with target.row(row), target.broker.client() as client:
            began = time.monotonic()
            found = [(n, error) for _, n, error, _ in fetch(client, **options)]
            check_equal(found, expected, "partitions and errors")
            check(time.monotonic() - began < seconds, "it waited")
    answered("XB18 Fetch of a partition twice: the last one counts, one answer", [(0, 0)],
             asked=[(TOPIC, 0, 1 << 60, 1000), (TOPIC, 0, 0, 1000)])
    answered("XB18 Fetch of a partition in two entries of its topic: the last one counts, one answer", [(0, 0)],
             asked=[(TOPIC, 0, 1 << 60, 1000), (TOPIC, 0, 0, 1000)], one_entry_each=True)
    answered("XB18 Fetch of a partition in three entries of its topic, another one between them", [(0, 1), (7, 3)],
             asked=[(TOPIC, 0, 0, 1000), (TOPIC, 7, 0, 1000), (TOPIC, 0, 1 << 60, 1000)], one_entry_each=True)
    answered("XB21 Fetch with max bytes -1", [(0, -1)], asked=[(TOPIC, 0, 0, 1000)], max_bytes=-1)
    answered("XB21 Fetch with max bytes -2^31", [(0, -1)], asked=[(TOPIC, 0, 0, 1000)], max_bytes=INT_MIN)
    answered("XB21 Fetch with a wait of -2^31", [(0, 0)], asked=[(TOPIC, 0, 0, 1000)], wait=INT_MIN, min_bytes=INT_MAX)
    answered("XB22 Fetch from -2^63", [(0, 1)], asked=[(TOPIC, 0, -1 << 63, 1000)])
    answered("XB24 Fetch forgets topics that were never there", [(0, 0)], asked=[(TOPIC, 0, 0, 1000)], forgotten=[("nobody", [0, -1, INT_MAX])])
    for replica, error in ((-2, 0), (-3, 0), (999999, 6), (INT_MAX, 6)):
        answered(f"XB25 Fetch as replica {replica}", [(0, error)], asked=[(TOPIC, 0, 0, 1000)], replica=replica)
    with target.row("XB25 a Fetch as a replica moves no high watermark and no ISR"), target.broker.client() as client:
        before = client.metadata([TOPIC], version=7)["topics"], client.list_offsets(TOPIC, 0, -1)
        for replica in (0, 1, 2, 999999):
            fetch(client, [(TOPIC, 0, 1, 1000)], replica=replica)
        check_equal((client.metadata([TOPIC], version=7)["topics"], client.list_offsets(TOPIC, 0, -1)), before, "topic, offsets")
    if is_gregor():
        abandoned_fetch(target)
    with target.row("XB27 Fetch by an id that is not there, by no id"), target.broker.client() as client:
        for topic in (uuid.UUID(int=0), uuid.UUID(int=99)):
            check_equal(client.fetch(topic, 0, 0, version=13)["error"], 100, f"{topic}")


def abandoned_fetch(target):
    with target.row("XB21 Fetch that waits 2^31-1 ms ends when its client goes"), target.connect() as connection:
        end = log_end(target)
        body = struct.pack(">iiiibii", -1, INT_MAX, INT_MAX, INT_MAX, 0, 0, -1)
        body += struct.pack(">ih", 1, len(TOPIC)) + TOPIC.encode() + struct.pack(">iiiqqi", 1, 0, -1, end, -1, 1000) + struct.pack(">ih", 0, 0)
        connection.send(request(FETCH, 11, body))
        time.sleep(0.1)
        connection.finish()
        check(connection.receive_to_end(3) is not None, "still parked")


def log_end(target):
    with target.broker.client() as client:
        return client.list_offsets(TOPIC, 0, -1)["offset"]


def list_offsets(target, served):
    with target.row("XB18 ListOffsets of a partition twice"), target.broker.client() as client:
        body = Writer().int32(-1).int8(0)
        body.array([TOPIC], lambda t: body.string(t).array([0, 0], lambda p: body.int32(p).int32(-1).int64(-1)))
        reader = client.request(LIST_OFFSETS, 5, body.bytes())
        reader.int32(), reader.length(True), reader.string()
        errors = reader.array(lambda: (reader.int32(), reader.int16(), reader.raw(20))[1])
        check(set(errors) == {42}, f"errors {errors}")
    if 23 in served:
        with target.row("XB41 OffsetForLeaderEpoch of 100,000 partitions: answered, bounded"), target.memory_stays(128 << 20):
            with target.broker.client() as client:
                body = Writer().int32(-1)
                body.array([TOPIC], lambda t: body.string(t).array(range(100_000), lambda p: body.int32(p).int32(-1).int32(0)))
                began = time.monotonic()
                reader = client.request(23, 3, body.bytes())
                check(time.monotonic() - began < 5, "too slow")
                reader.int32(), reader.length(True), reader.string()
                check_equal(reader.length(True), 100_000, "answers")
