"""Changed configs take effect at once, and are there after a restart."""
import os
import sqlite3

import records
from config_client import BROKER, DELETE, SET, TOPIC, alter, describe
from suite import check, check_equal, wait_until

IS_GREGOR = os.environ.get("SUITE_BROKER", "gregor") == "gregor"
TOO_LARGE = 10


def change(client, kind, name, key, value):
    check_equal(alter(client, [(kind, name, [(key, DELETE if value is None else SET, value)])])[0][:2], (0, None), f"set {key}")


def produce(client, topic, size=1, codec="none"):
    return client.produce(topic, 0, records.build([(b"k", b"v" * size)], codec))["error"]


def expect_produce(client, topic, size, error):
    """Apache Kafka applies changes a little after it has answered; Gregor before."""
    if IS_GREGOR:
        check_equal(produce(client, topic, size), error, "error")
    else:
        wait_until(lambda: produce(client, topic, size) == error, 5, f"error {error}")


def segments(broker, topic):
    return len(list((broker.log_dirs[0] / f"{topic}-0").glob("*.log")))


def run(suite, broker):
    with broker.client() as client:
        for topic in ("effects", "with-own"):
            client.create_topic(topic, 1)
            broker.wait_for_topic(topic, 1)
        _topic(suite, broker, client)
        _all_topics(suite, broker, client)
        change(client, BROKER, "", "log.roll.ms", "77777")
        change(client, BROKER, "1", "message.max.bytes", "3333")
        change(client, TOPIC, "effects", "retention.bytes", "4444")
    _restart(suite, broker)


def _topic(suite, broker, client):
    with suite.case("max.message.bytes of a topic"):
        check_equal(produce(client, "effects", 5000), 0, "before")
        change(client, TOPIC, "effects", "max.message.bytes", "1000")
        expect_produce(client, "effects", 5000, TOO_LARGE)
        change(client, TOPIC, "effects", "max.message.bytes", None)
        expect_produce(client, "effects", 5000, 0)
    with suite.case("compression.type of a topic"):
        for codec in ("gzip", "zstd"):
            change(client, TOPIC, "effects", "compression.type", codec)

            def stored():
                end = client.list_offsets("effects", 0, -1)["offset"]
                check_equal(produce(client, "effects", 100), 0, "error")
                return records.parse(client.fetch("effects", 0, end)["records"])[0].codec == codec
            wait_until(stored, 5 if not IS_GREGOR else 0.01, codec)
    with suite.case("segment.index.bytes of a topic: a small index rolls the segment"):
        change(client, TOPIC, "effects", "index.interval.bytes", "0")
        change(client, TOPIC, "effects", "segment.index.bytes", "24")
        before = segments(broker, "effects")
        for _ in range(20):
            produce(client, "effects", 100)
        check(segments(broker, "effects") > before, "no new segment")
    with suite.case("min.insync.replicas of a topic"):
        change(client, TOPIC, "effects", "min.insync.replicas", "2")
        wait_until(lambda: produce(client, "effects") == 19, 5 if not IS_GREGOR else 0.01, "NOT_ENOUGH_REPLICAS")
        change(client, TOPIC, "effects", "min.insync.replicas", None)
        wait_until(lambda: produce(client, "effects") == 0, 5 if not IS_GREGOR else 0.01, "no error")


def _all_topics(suite, broker, client):
    with suite.case("message.max.bytes of all brokers: counts for topics without their own"):
        change(client, TOPIC, "with-own", "max.message.bytes", "100000")
        change(client, BROKER, "", "message.max.bytes", "1000")
        expect_produce(client, "effects", 5000, TOO_LARGE)
        check_equal(produce(client, "with-own", 5000), 0, "a topic with its own")
        client.create_topic("made-later", 1)
        broker.wait_for_topic("made-later", 1)
        check_equal(produce(client, "made-later", 5000), TOO_LARGE, "a topic made later")
    with suite.case("message.max.bytes of one broker wins"):
        change(client, BROKER, "1", "message.max.bytes", "20000")
        expect_produce(client, "effects", 5000, 0)
        change(client, BROKER, "1", "message.max.bytes", None)
        expect_produce(client, "effects", 5000, TOO_LARGE)
        change(client, BROKER, "", "message.max.bytes", None)
        expect_produce(client, "effects", 5000, 0)


def _restart(suite, broker):
    for how in ("stop", "kill"):
        getattr(broker, how)()
        if IS_GREGOR and how == "stop":
            with suite.case("the metadata store holds Kafka's nodes"):
                _check_nodes(broker)
        broker.start()
        with broker.client() as client, suite.case(f"after {how} and start the changes count"):
            broker.wait_for_topic("effects", 1)

            def value(kind, name, key):
                entry = describe(client, [(kind, name, [key])])[0]["configs"][key]
                return entry["value"], entry["source"]
            check_equal(value(BROKER, "1", "log.roll.ms"), ("77777", 3), "log.roll.ms")
            check_equal(value(BROKER, "1", "message.max.bytes"), ("3333", 2), "message.max.bytes")
            check_equal(value(TOPIC, "effects", "retention.bytes"), ("4444", 1), "retention.bytes")
            check_equal(value(TOPIC, "with-own", "segment.ms"), ("77777", 3), "segment.ms")
            expect_produce(client, "effects", 5000, TOO_LARGE)
            expect_produce(client, "with-own", 5000, 0)
            change(client, BROKER, "", "log.roll.ms", "77777")


def _check_nodes(broker):
    store = sqlite3.connect(f"file:{broker.log_dirs[0] / 'gregor-metadata.db'}?mode=ro", uri=True)
    nodes = {path: data.decode() if isinstance(data, bytes) else data for path, data in store.execute("SELECT path, data FROM node")}
    store.close()
    check_equal(nodes["/config/brokers/<default>"], '{"version":1,"config":{"log.roll.ms":"77777"}}', "of all brokers")
    check_equal(nodes["/config/brokers/1"], '{"version":1,"config":{"message.max.bytes":"3333"}}', "of this broker")
    check('"retention.bytes":"4444"' in nodes["/config/topics/effects"], nodes["/config/topics/effects"])
    notices = sorted(path for path in nodes if path.startswith("/config/changes/config_change_"))
    check_equal(nodes[notices[-1]], '{"version":2,"entity_path":"topics/effects"}', "the last notice")
