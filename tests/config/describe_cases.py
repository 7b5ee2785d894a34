"""DescribeConfigs and ListConfigResources. Where Gregor and Apache Kafka 4.1.1 differ the case says so."""
import os

import config_client
from config_client import BROKER, LOGGER, TOPIC, describe, list_resources
from suite import check, check_equal
from wire import Writer

IS_GREGOR = os.environ.get("SUITE_BROKER", "gregor") == "gregor"
UNKNOWN_TOPIC, INVALID_TOPIC, UNSUPPORTED_VERSION, INVALID_REQUEST = 3, 17, 35, 42


def run(suite, broker, client):
    client.create_topic("described", 1, configs={"retention.ms": "1000", "cleanup.policy": "compact"})
    broker.wait_for_topic("described", 1)
    _versions(suite, client)
    _sources(suite, client)
    _names_and_errors(suite, client)
    _resources(suite, client)


def _versions(suite, client):
    served = client.api_versions()
    low, high = served[config_client.DESCRIBE_CONFIGS]
    for version in range(low, high + 1):
        with suite.case(f"DescribeConfigs v{version}"):
            answer = describe(client, [(TOPIC, "described", None), (BROKER, "1", ["num.partitions"])], version, True, True)
            check_equal([(a["error"], a["message"], a["type"], a["name"]) for a in answer],
                        [(0, "", TOPIC, "described"), (0, "", BROKER, "1")], "answers")
            topic, of_broker = answer[0]["configs"], answer[1]["configs"]
            check_equal(len(topic), 36 if IS_GREGOR else 33, "topic configs")
            check_equal(topic["retention.ms"]["value"], "1000", "retention.ms")
            check_equal((of_broker["num.partitions"]["value"], of_broker["num.partitions"]["read_only"]), ("3", True), "num.partitions")
            if version == 0:
                check_equal((topic["retention.ms"]["default"], topic["preallocate"]["default"]), (False, True), "is default")
            else:
                check_equal((topic["retention.ms"]["source"], topic["preallocate"]["source"]), (1, 5), "sources")
            if version >= 3:
                check_equal([topic[n]["type"] for n in ("preallocate", "compression.type", "segment.bytes", "retention.ms",
                                                        "min.cleanable.dirty.ratio", "cleanup.policy")], [1, 2, 3, 5, 6, 7], "types")
                check(all(entry["documentation"] for entry in topic.values()), "documentation of each")
    for key, outside in ((config_client.DESCRIBE_CONFIGS, high + 1), (config_client.LIST_CONFIG_RESOURCES, 2)):
        with suite.case(f"api {key} version {outside} ends the connection"):
            other = type(client)("%s:%d" % client.socket.getpeername())
            other.send(key, outside, b"\0" * 64, flexible=True)
            try:
                other.receive()
                check(False, "answered")
            except ConnectionError:
                pass


def _sources(suite, client):
    topic = describe(client, [(TOPIC, "described", [])], synonyms=True)[0]["configs"]
    own = describe(client, [(BROKER, "1", None)], synonyms=True)[0]["configs"]
    rows = [
        (topic, "retention.ms", "1000", 1, [("retention.ms", "1000", 1)]),
        (topic, "cleanup.policy", "compact", 1, [("cleanup.policy", "compact", 1), ("log.cleanup.policy", "delete", 5)]),
        (topic, "segment.bytes", "2097152", 4, [("log.segment.bytes", "2097152", 4), ("log.segment.bytes", "1073741824", 5)]),
        (topic, "compression.type", "zstd", 4, [("compression.type", "zstd", 4), ("compression.type", "producer", 5)]),
        (topic, "segment.ms", "604800000", 5, []),
        (topic, "flush.ms", "9223372036854775807", 5, []),
        (topic, "remote.storage.enable", "false", 5, []),
        (topic, "leader.replication.throttled.replicas", "", 5, []),
        (own, "log.retention.hours", "24", 4, [("log.retention.hours", "24", 4), ("log.retention.hours", "168", 5)]),
        (own, "log.retention.ms", None, 5, []),
        (own, "log.roll.hours", "168", 5, [("log.roll.hours", "168", 5)]),
        (own, "log.roll.ms", None, 5, []),
        (own, "num.partitions", "3", 4, [("num.partitions", "3", 4), ("num.partitions", "1", 5)]),
        (own, "broker.id", "1", None, None),
        (own, "node.id", "1", None, None),
        (own, "ssl.truststore.password", None, 4, [("ssl.truststore.password", None, 4)]),
        (own, "ssl.key.password", None, 5, []),
        (own, "num.io.threads", "8", 5, [("num.io.threads", "8", 5)]),
    ]
    for configs, name, value, source, synonyms in rows:
        with suite.case(f"value, source and synonyms of {name}"):
            entry = configs[name]
            check_equal(entry["value"], value, "value")
            if source is not None:
                check_equal((entry["source"], entry["synonyms"]), (source, synonyms), "source, synonyms")
            check_equal(entry["sensitive"], "password" in name, "sensitive")
    with suite.case("synonyms and documentation only where asked for"):
        entry = describe(client, [(TOPIC, "described", ["segment.bytes"])])[0]["configs"]["segment.bytes"]
        check_equal((entry["synonyms"], entry["documentation"]), ([], None), "synonyms, documentation")
    with suite.case("read-only are those that cannot be changed while the broker runs"):
        for name in ("log.retention.ms", "message.max.bytes", "log.segment.bytes", "min.insync.replicas"):
            check_equal(own[name]["read_only"], False, name)
        for name in ("num.partitions", "log.dirs", "log.retention.hours", "broker.id"):
            check_equal(own[name]["read_only"], True, name)
        check_equal({entry["read_only"] for entry in topic.values()}, {False}, "topic configs")


def _names_and_errors(suite, client):
    def one(kind, name, keys=None):
        answer = describe(client, [(kind, name, keys)])[0]
        return answer["error"], sorted(answer["configs"])
    with suite.case("keys that are given: known ones once, unknown ones left out"):
        check_equal(one(TOPIC, "described", ["segment.bytes", "no.such", "retention.ms", "segment.bytes"]),
                    (0, ["retention.ms", "segment.bytes"]), "error, names")
        check_equal(one(TOPIC, "described", ["no.such"]), (0, []), "error, names")
        check_equal(one(BROKER, "1", ["log.dirs", "retention.ms"]), (0, ["log.dirs"]), "error, names")
    rows = [
        (TOPIC, "nobody", UNKNOWN_TOPIC), (TOPIC, "", INVALID_TOPIC), (TOPIC, "a/b", INVALID_TOPIC), (TOPIC, "x" * 250, INVALID_TOPIC),
        (0, "x", INVALID_REQUEST), (1, "", INVALID_REQUEST), (3, "", INVALID_REQUEST), (5, "1", INVALID_REQUEST),
        (99, "1", INVALID_REQUEST), (-1, "", INVALID_REQUEST),
        (BROKER, "2", INVALID_REQUEST), (BROKER, "abc", INVALID_REQUEST), (BROKER, " 1", INVALID_REQUEST), (BROKER, "-1", INVALID_REQUEST),
        (BROKER, "99999999999", INVALID_REQUEST), (BROKER, "+1", 0), (BROKER, "01", 0),
        (LOGGER, "", INVALID_REQUEST), (LOGGER, "7", INVALID_REQUEST), (LOGGER, "x", INVALID_REQUEST),
    ]
    if IS_GREGOR:  # Apache Kafka 4.1.1 has client metrics and groups; 3.9.1 refuses them too
        rows += [(16, "x", INVALID_REQUEST), (32, "x", INVALID_REQUEST)]
    for kind, name, error in rows:
        with suite.case(f"DescribeConfigs of type {kind} {name[:20]!r}"):
            answer = describe(client, [(kind, name, None)])[0]
            check_equal((answer["error"], answer["type"], answer["name"]), (error, kind, name), "error, type, name")
            check_equal(bool(answer["configs"]), error == 0, "configs")
            check_equal(answer["message"] == "", error in (0, UNKNOWN_TOPIC), f"message {answer['message']!r}")
    with suite.case("loggers of this broker"):
        entry = describe(client, [(LOGGER, "1", ["root"])])[0]["configs"]["root"]
        check(entry["value"] in ("INFO", "ERROR"), f"level {entry['value']}")
        check_equal((entry["source"], entry["type"], entry["read_only"], entry["sensitive"]), (6, 0, False, False),
                    "source, type, read-only, sensitive")
        check_equal(one(LOGGER, "1", ["no.such.logger"]), (0, []), "an unknown one")
    with suite.case("several resources, the same twice: each is answered, in order"):
        answer = describe(client, [(TOPIC, "nobody", None), (TOPIC, "described", ["segment.ms"]), (BROKER, "1", ["log.dir"]),
                                   (TOPIC, "described", ["segment.ms"])])
        check_equal([(a["error"], a["type"], a["name"], sorted(a["configs"])) for a in answer],
                    [(3, TOPIC, "nobody", []), (0, TOPIC, "described", ["segment.ms"]), (0, BROKER, "1", ["log.dir"]),
                     (0, TOPIC, "described", ["segment.ms"])], "answers")
        check_equal(describe(client, []), [], "no resource")
    if IS_GREGOR:
        with suite.case("a request that asks for everything again and again gets a limited answer"):
            body = Writer(True)
            body.array([None] * 20_000, lambda _: body.int8(TOPIC).string("described").array(None, None).tags())
            answer = client.request(config_client.DESCRIBE_CONFIGS, 4, body.boolean(False).boolean(False).tags().bytes(), flexible=True)
            check(len(answer.data) < 30_000_000, f"{len(answer.data)} bytes")
            check(b"too many resources in one request" in bytes(answer.data[-100:]), "the last ones are refused")


def _resources(suite, client):
    rows = [
        ((), 0, [("1", BROKER), ("1", LOGGER), ("described", TOPIC)]), ((TOPIC,), 0, [("described", TOPIC)]),
        ((BROKER, BROKER), 0, [("1", BROKER)]), ((LOGGER,), 0, [("1", LOGGER)]), ((16,), 0, []), ((32,), 0, []),
        ((99,), UNSUPPORTED_VERSION, []), ((0,), UNSUPPORTED_VERSION, []), ((TOPIC, -1), UNSUPPORTED_VERSION, []),
    ]
    for types, error, expected in rows:
        with suite.case(f"ListConfigResources of {types or 'all'}"):
            found = list_resources(client, types)
            check_equal((found[0], sorted(found[1])), (error, expected), "error, resources")
    with suite.case("ListConfigResources v0 knows client metrics only"):
        check_equal(list_resources(client, version=0), (0, []), "error, resources")
