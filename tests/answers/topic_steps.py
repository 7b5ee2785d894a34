"""The steps of 27-topic-answers: what is asked of a broker about topics, leaders and features. Each has a name and an answer in words."""
import uuid

import admin_client
import topic_client as t
from suite import wait_until
from topic_client import PREFERRED, UNCLEAN, topic
from wire import ZERO_UUID

UNKNOWN_ID = uuid.UUID("0189bf5a-11c7-7a5e-8b6f-5d0c1f2e3a4b")
SETTINGS = {"num.partitions": "3", "log.segment.bytes": "2097152"}
ELR = "min.insync.replicas"  # Apache Kafka 4 sets it for all brokers by itself


class Script:
    """`tell(name, answer)` is called for each step."""

    def __init__(self, broker, tell):
        self.broker = broker
        self.tell = tell
        self.client = broker.client()
        self.ids = {}

    def close(self):
        self.client.close()

    def words(self, value):
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key} {self.words(each)}" for key, each in value.items()) + "}"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(self.words(each) for each in value if not (isinstance(each, tuple) and each[:1] == (ELR,))) + "]"
        if isinstance(value, uuid.UUID):
            known = {ZERO_UUID: "zero", UNKNOWN_ID: "unknown"}
            return known.get(value) or self.ids.get(value, "random")
        return "none" if value is None else f"'{value}'" if isinstance(value, str) else str(value)

    def say(self, name, value):
        text = self.words(value)
        for found, known in self.ids.items():  # ids within messages
            text = text.replace(str(found), f"<{known}>")
        self.tell(name, text.replace("\0", "NUL"))

    def create(self, name, topics, **options):
        answer = t.create(self.client, topics, **options)
        for row in answer:
            if row["error"] == 0 and "id" in row and not options.get("validate_only"):
                self.ids[row["id"]] = f"id of {row['name']}"
        self.say(name, answer)
        return answer

    def id_of(self, name):
        return next(found for found, known in self.ids.items() if known == f"id of {name}")

    def wait_for(self, name, is_there=True):
        """Apache Kafka's controller answers a little before its broker knows."""
        wait_until(lambda: (self.client.metadata([name])["topics"][0]["error"] == 0) == is_there, 20, f"{name} in the metadata")

    def partitions_of(self, name):
        self.wait_for(name)
        rows = self.client.metadata([name])["topics"][0]["partitions"]
        self.say(f"{name}: its partitions", [(row["partition"], row["leader"], row["replicas"], row["isr"]) for row in rows])


def versions(script):
    for version in range(2, 8):
        script.create(f"CreateTopics {version}", [topic(f"made-{version}", 2, 1, configs=[("retention.ms", "1000")])], version=version)
        script.create(f"CreateTopics {version} again", [topic(f"made-{version}")], version=version)
        script.create(f"CreateTopics {version} with defaults", [topic(f"default-{version}", -1, -1)], version=version)
        script.create(f"CreateTopics {version} with an assignment", [topic(f"given-{version}", -1, -1, [(1, [1]), (0, [1])])],
                      version=version)
        script.create(f"CreateTopics {version}, only looked at", [topic(f"not-{version}", 4, 1, configs=[("segment.bytes", "3000000")])],
                      version=version, validate_only=True)
        script.create(f"CreateTopics {version}, only looked at, again", [topic(f"not-{version}", 4, 0)], version=version,
                      validate_only=True)
    for name in ("made-7", "default-7", "given-7"):
        script.partitions_of(name)


def names(script):
    for name in ("", ".", "..", "a/b", "a b", "a\0b", "größe", "x" * 250, "__cluster_metadata"):
        script.create(f"the name {name[:12]!r}", [topic(name)])
    script.create("the longest name", [topic("x" * 249)])
    script.create("a name with a dot", [topic("some.name_here")])
    script.create("a name that collides", [topic("some_name.here")])
    script.create("two that collide", [topic("b.c"), topic("b_c")])
    script.create("a name twice", [topic("twice"), topic("once"), topic("twice")])
    script.create("none", [])
    script.create("a bad name and bad counts", [topic("a/b", 0, 0)])
    script.create("one that exists, with bad counts and configs", [topic("made-7", 0, 0, configs=[("no.such", "1")])])
    script.create("one that exists, with a bad assignment", [topic("made-7", -1, -1, [(5, [9])])])
    script.create("some good and some bad", [topic("good-1"), topic("bad 1"), topic("made-7"), topic("good-2")])


def counts(script):
    for partitions, replication in ((0, 1), (-2, 1), (1, 0), (1, -2), (1, 2), (1, 32767), (0, 0), (0, 5), (10001, 1), (1000000, 1),
                                    (2147483647, 0), (-2147483648, 1)):
        script.create(f"{partitions} partitions, {replication} replicas", [topic("counted", partitions, replication)])
    script.create("too many in all", [topic("many-1", 6000), topic("many-2", 6000), topic("many 3")])
    script.create("too many in all, one of them twice", [topic("few", 10), topic("many-1", 9999), topic("many-1", 9999)])


def assignments(script):
    def given(name, *rows, partitions=-1, replication=-1, **more):
        script.create(f"assignment: {name}", [topic("given", partitions, replication, rows, **more)])
    given("a number of partitions too", (0, [1]), partitions=1)
    given("a replication factor too", (0, [1]), replication=1)
    given("both", (0, [1]), partitions=0, replication=0)
    given("no broker", (0, []))
    given("no broker for the second", (0, [1]), (1, []))
    given("a broker twice", (0, [1, 1]))
    given("an unknown broker", (0, [7]))
    given("a negative broker", (0, [-1]))
    given("an unknown and a known one", (0, [1, 7]))
    given("a gap", (0, [1]), (2, [1]))
    given("from 1 on", (1, [1]), (2, [1]))
    given("a partition twice", (0, [1]), (0, [1]))
    given("a negative partition", (-1, [1]))
    given("uneven", (0, [1]), (1, [1, 7]))
    given("a bad config too", (0, [7]), configs=[("no.such", "1")])


def configs(script):
    def with_configs(name, *rows, validate_only=False):
        script.create(f"configs: {name}", [topic("configured", configs=rows)], validate_only=validate_only)
    for key, value in (("no.such", "1"), ("log.retention.ms", "1"), ("", "1"), ("retention.ms", "long"), ("retention.ms", ""),
                       ("retention.ms", "1e9"), ("retention.ms", "0x10"), ("retention.ms", "99999999999999999999"),
                       ("retention.ms", "-2"), ("max.message.bytes", "-1"), ("cleanup.policy", "burn"), ("compression.type", "rar"),
                       ("preallocate", "yes"), ("min.cleanable.dirty.ratio", "1.5"), ("min.cleanable.dirty.ratio", "half"),
                       ("segment.bytes", "1"), ("message.timestamp.type", "Now"), ("min.insync.replicas", "0"),
                       ("remote.storage.enable", "true"), ("retention.ms", None),
                       ("compression.zstd.level", "99"), ("leader.replication.throttled.replicas", "x")):
        with_configs(f"{key}={value}", (key, value))
    with_configs("a value with blanks", ("retention.ms", " 1000 "), validate_only=True)
    with_configs("message.format.version", ("message.format.version", "2.0"), validate_only=True)
    with_configs("the smallest lag above the largest", ("min.compaction.lag.ms", "10"), ("max.compaction.lag.ms", "5"))
    with_configs("good ones, looked at", ("preallocate", "TRUE"), ("cleanup.policy", "compact, delete"), ("flush.ms", "+5"),
                 validate_only=True)
    with_configs("no policy", ("cleanup.policy", ""), validate_only=True)
    with_configs("a key twice", ("retention.ms", "1"), ("retention.ms", "2"), validate_only=True)
    with_configs("a key twice, the first is bad", ("retention.ms", "x"), ("retention.ms", "2"), validate_only=True)
    script.create("bad counts and a bad config", [topic("configured", 0, 0, configs=[("no.such", "1")])])
    for timeout in (0, -1):
        script.create(f"time-out {timeout}", [topic("late"), topic("la te"), topic("twice"), topic("twice")], timeout=timeout)
    script.create("time-out 0, only looked at", [topic("late")], timeout=0, validate_only=True)
    script.create("then it can be made", [topic("late")], timeout=2147483647)


def partitions(script):
    c = script.client
    script.create("a topic that grows", [topic("grows", 2)])
    script.create("another topic that grows", [topic("grows-too", 2)])

    def grow(name, *asked, **options):
        script.say(f"CreatePartitions: {name}", sorted(admin_client.create_partitions(c, list(asked), **options)))
    for version in range(4):
        grow(f"version {version}", ("grows", version + 3, None), ("nobody", 3, None), version=version)
        grow(f"version {version}, only looked at", ("grows", 20, None), ("grows-too", 1, None), version=version, validate_only=True)
    for count in (6, 5, 0, -1, -2147483648):
        grow(f"{count} partitions", ("grows", count, None))
    for name in ("nobody", "", "a/b"):
        grow(f"of {name!r}", (name, 9, None))
    for rows in ([], [[1]], [[1], [1], [1]], [[1], []], [[1], [7]], [[1], [1, 1]], [[1], [-1]], [[1], [1, 7]], [[7], []]):
        grow(f"8 on {rows}", ("grows", 8, rows))
    grow("less, with brokers", ("grows", 2, [[1]]))
    grow("the same, with brokers", ("grows", 6, []))
    grow("a topic twice", ("grows", 8, None), ("grows-too", 8, None), ("grows", 9, None))
    grow("a bad topic twice", ("nobody", 8, None), ("nobody", 8, None))
    grow("too many", ("grows", 10007, None), validate_only=True)
    grow("none")
    for timeout in (0, -1):
        grow(f"time-out {timeout}", ("grows", 30, None), ("nobody", 1, None), ("grows", 31, None), timeout=timeout)
        grow(f"time-out {timeout}, only looked at", ("grows", 30, None), timeout=timeout, validate_only=True)
    grow("on brokers", ("grows", 8, [[1], [1]]))


def deletions(script):
    c = script.client
    for version in range(1, 6):
        script.say(f"DeleteTopics {version}", t.delete(c, [f"made-{version + 1}", "nobody", "", "a/b"], version=version))
    gone = script.id_of("default-7")
    script.say("DeleteTopics 6 by id", t.delete(c, [(None, gone)]))
    script.wait_for("default-7", False)
    script.say("DeleteTopics 6 by the same id", t.delete(c, [(None, gone)]))
    script.say("DeleteTopics 6 by name", t.delete(c, [("given-7", ZERO_UUID)]))
    script.say("by an unknown name and an unknown id", t.delete(c, [("nobody", ZERO_UUID), (None, UNKNOWN_ID)]))
    script.say("by an illegal name", t.delete(c, [("a/b", ZERO_UUID), ("", ZERO_UUID)]))
    made = script.id_of("good-1")
    script.say("by name and id", t.delete(c, [("good-1", made)]))
    script.say("by neither", t.delete(c, [(None, ZERO_UUID)]))
    script.say("by name, twice", t.delete(c, [("good-1", ZERO_UUID), ("good-1", ZERO_UUID)]))
    script.say("by id, twice", t.delete(c, [(None, made), (None, made)]))
    script.say("by name, and by its id", t.delete(c, [("good-1", ZERO_UUID), (None, made)]))
    script.say("by an unknown name, twice", t.delete(c, [("nobody", ZERO_UUID), ("nobody", ZERO_UUID)]))
    script.say("by an unknown id, twice", t.delete(c, [(None, UNKNOWN_ID), (None, UNKNOWN_ID)]))
    script.say("some good and some bad", t.delete(c, [("good-2", ZERO_UUID), ("nobody", ZERO_UUID), (None, UNKNOWN_ID)]))
    script.say("none", t.delete(c, []))
    for timeout in (0, -1):
        script.say(f"deletion, time-out {timeout}", t.delete(c, [("good-1", ZERO_UUID), ("nobody", ZERO_UUID)], timeout=timeout))
    both = [("good-1", ZERO_UUID), ("good-1", ZERO_UUID), (None, made), ("good-1", made)]
    script.say("deletion of several, time-out 0", t.delete(c, both, timeout=0))
    script.say("by name, and by its id twice", t.delete(c, [("good-1", ZERO_UUID), (None, made), (None, made)]))
    script.say("what has grown", t.delete(c, [("grows", ZERO_UUID), ("grows-too", ZERO_UUID)]))
    script.say("it was not deleted", t.delete(c, [("good-1", ZERO_UUID)], timeout=2147483647))


def elections(script):
    c = script.client
    script.create("a topic for elections", [topic("elected", 3)])
    for version in range(3):
        for kind in (PREFERRED, UNCLEAN) if version else (PREFERRED,):
            say = f"ElectLeaders {version}, type {kind}"
            script.say(say, t.elect(c, [("elected", [0, 2])], kind, version))
            script.say(f"{say}, unknown ones", t.elect(c, [("elected", [3, -1, 1]), ("nobody", [0]), ("", [0])], kind, version))
            script.say(f"{say}, all", t.elect(c, None, kind, version))
    for kind in (-1, 2, 127):
        script.say(f"an election of type {kind}", t.elect(c, [("elected", [0])], kind))
        script.say(f"an election of type {kind}, all", t.elect(c, None, kind))
    script.say("an election of type 2, time-out 0", t.elect(c, [("elected", [0])], 2, timeout=0))
    script.say("elections without topics", t.elect(c, []))
    script.say("an election without partitions", t.elect(c, [("elected", []), ("nobody", [])]))
    script.say("an election of a partition twice", t.elect(c, [("elected", [1, 1])]))
    script.say("an election of a topic twice", t.elect(c, [("elected", [0]), ("elected", [1])]))
    for timeout in (0, -1):
        script.say(f"an election, time-out {timeout}", t.elect(c, [("elected", [0]), ("nobody", [0])], timeout=timeout))
        script.say(f"an election of all, time-out {timeout}", t.elect(c, None, timeout=timeout))
    script.partitions_of("elected")


def features(script):
    c = script.client
    for version in range(3):
        say = f"UpdateFeatures {version}"
        for level in (-1, 0, 1, 32767):
            script.say(f"{say}, an unknown feature, level {level}", t.update_features(c, [("no.such", level, 1)], version))
        script.say(f"{say}, two unknown ones", t.update_features(c, [("no.such", 1, 1), ("none", 0, 1)], version))
        script.say(f"{say}, none", t.update_features(c, [], version))
        script.say(f"{say}, a feature without a name", t.update_features(c, [("", 1, 1)], version))
        script.say(f"{say}, an unknown feature twice", t.update_features(c, [("no.such", 1, 1), ("no.such", 2, 1)], version))
        for timeout in (0, -1):
            script.say(f"{say}, time-out {timeout}", t.update_features(c, [("no.such", 1, 1)], version, timeout))
    for version in (1, 2):
        for kind in (-1, 0, 2, 3, 4):
            for level in (0, 1):
                script.say(f"UpdateFeatures {version}, of type {kind}, level {level}",
                           t.update_features(c, [("no.such", level, kind)], version))
        script.say(f"UpdateFeatures {version}, of type 9, level -1", t.update_features(c, [("no.such", -1, 9)], version))
        script.say(f"UpdateFeatures {version}, only looked at", t.update_features(c, [("no.such", 1, 1)], version, validate_only=True))
        script.say(f"UpdateFeatures {version}, none, only looked at", t.update_features(c, [], version, validate_only=True))


def walk(script):
    for part in (versions, names, counts, assignments, configs, partitions, deletions, elections, features):
        part(script)
