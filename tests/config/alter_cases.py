"""IncrementalAlterConfigs and AlterConfigs: answers and what is set afterwards. Apache Kafka 4.1.1 gives the same ones, but for
what the rows marked with IS_GREGOR say."""
import os

import config_client
from config_client import APPEND, BROKER, DELETE, LOGGER, SET, SUBTRACT, TOPIC, alter, describe, replace
from suite import check, check_equal, wait_until

IS_GREGOR = os.environ.get("SUITE_BROKER", "gregor") == "gregor"
UNEXPECTED, UNKNOWN_TOPIC, INVALID_TOPIC, INVALID_CONFIG, INVALID_REQUEST = -1, 3, 17, 40, 42


def value_of(client, kind, name, key):
    """(value, source) of one config."""
    entry = describe(client, [(kind, name, [key])])[0]["configs"].get(key)
    return (entry["value"], entry["source"]) if entry else None


def wait_for(client, kind, name, key, expected):
    """Apache Kafka applies changes a little after it has answered; Gregor before."""
    if IS_GREGOR:
        check_equal(value_of(client, kind, name, key), expected, f"{key} of {name!r}")
    else:
        wait_until(lambda: value_of(client, kind, name, key) == expected, 5, f"{key} of {name!r} is {expected}")


def run(suite, broker, client):
    for topic in ("altered", "other", "lists"):
        client.create_topic(topic, 1)
        broker.wait_for_topic(topic, 1)
    _versions(suite, client)
    _topics(suite, client)
    _lists(suite, client)
    _requests(suite, client)
    _brokers(suite, client)
    _loggers(suite, client)
    _replace(suite, client)


def _answer(suite, client, name, resource, error, **options):
    with suite.case(name):
        found = alter(client, [resource], **options)
        check_equal([(f[0], f[2], f[3]) for f in found], [(error, resource[0], resource[1])], f"error, type, name ({found[0][1]})")
        check_equal(found[0][1] is None, error in (0, UNEXPECTED), f"message {found[0][1]!r}")


def _versions(suite, client):
    served = client.api_versions()
    for key, call in ((config_client.INCREMENTAL_ALTER_CONFIGS, alter), (config_client.ALTER_CONFIGS, replace)):
        low, high = served[key]
        for version in range(low, high + 1):
            for validate_only in (True, False):
                with suite.case(f"api {key} v{version}, validate only {validate_only}"):
                    value = str(70_000 + 100 * key + version)
                    before = value_of(client, TOPIC, "altered", "retention.ms")
                    change = ("retention.ms", SET, value) if call is alter else ("retention.ms", value)
                    check_equal(call(client, [(TOPIC, "altered", [change])], version, validate_only),
                                [(0, None, TOPIC, "altered")], "answer")
                    wait_for(client, TOPIC, "altered", "retention.ms", before if validate_only else (value, 1))
        with suite.case(f"api {key} version {high + 1} ends the connection"):
            other = type(client)("%s:%d" % client.socket.getpeername())
            other.send(key, high + 1, b"\0" * 64, flexible=True)
            try:
                other.receive()
                check(False, "answered")
            except ConnectionError:
                pass


def _topics(suite, client):
    rows = [
        ("set", [("segment.ms", SET, "5000")], 0, ("5000", 1)),
        ("blanks around a value do not count", [("segment.ms", SET, " 6000 ")], 0, ("6000", 1)),
        ("delete", [("segment.ms", DELETE, None)], 0, ("604800000", 5)),
        ("delete what is not set, with a value", [("segment.ms", DELETE, "5")], 0, ("604800000", 5)),
        ("delete an unknown key", [("no.such", DELETE, None)], 0, None),
        ("a bad value", [("segment.ms", SET, "x")], INVALID_CONFIG, ("604800000", 5)),
        ("an empty value", [("segment.ms", SET, "")], INVALID_CONFIG, None),
        ("a value out of range", [("segment.ms", SET, "0")], INVALID_CONFIG, None),
        ("an unknown key", [("no.such", SET, "1")], INVALID_CONFIG, None),
        ("a broker's key", [("log.segment.bytes", SET, "2000000")], INVALID_CONFIG, None),
        ("an empty key", [("", SET, "1")], INVALID_CONFIG, None),
        ("one bad among good", [("segment.ms", SET, "7000"), ("segment.bytes", SET, "x")], INVALID_CONFIG, ("604800000", 5)),
        ("contradicting values", [("min.compaction.lag.ms", SET, "9"), ("max.compaction.lag.ms", SET, "8")], INVALID_CONFIG, None),
        ("set null", [("segment.ms", SET, None)], INVALID_REQUEST, ("604800000", 5)),
        ("append null", [("cleanup.policy", APPEND, None)], INVALID_REQUEST, None),
        ("a key twice", [("segment.ms", SET, "7000"), ("segment.ms", DELETE, None)], INVALID_REQUEST, ("604800000", 5)),
        ("nothing", [], 0, ("604800000", 5)),
        ("operation 9", [("segment.ms", 9, "7000")], UNEXPECTED, ("604800000", 5)),
        ("operation -1", [("segment.ms", -1, "7000")], UNEXPECTED, None),
        ("append to a number", [("segment.ms", APPEND, "7000")], INVALID_CONFIG, ("604800000", 5)),
        ("subtract from an unknown key", [("no.such", SUBTRACT, "1")], INVALID_CONFIG, None),
    ]
    for name, changes, error, expected in rows:
        _answer(suite, client, f"topic: {name}", (TOPIC, "altered", changes), error)
        if expected:
            with suite.case(f"topic: {name}: segment.ms afterwards"):
                wait_for(client, TOPIC, "altered", "segment.ms", expected)
    good, bad = [("segment.ms", SET, "7000")], [("segment.ms", SET, "x")]
    for name, changes, error in (("nobody", good, UNKNOWN_TOPIC), ("nobody", bad, INVALID_CONFIG), ("a/b", good, INVALID_TOPIC),
                                 ("x" * 250, good, INVALID_TOPIC), ("", good, INVALID_REQUEST)):
        _answer(suite, client, f"topic {name[:10]!r} {changes}", (TOPIC, name, changes), error)
        _answer(suite, client, f"topic {name[:10]!r} {changes}, validate only", (TOPIC, name, changes), error, validate_only=True)


def _lists(suite, client):
    rows = [
        (APPEND, "compact", "delete,compact"), (APPEND, "compact", "delete,compact"), (SUBTRACT, "delete", "compact"),
        (SUBTRACT, "delete", "compact"), (APPEND, "delete", "compact,delete"), (SET, "delete", "delete"), (SUBTRACT, "delete", ""),
        (APPEND, "delete,compact", "delete,compact"), (SET, "", ""),
    ]
    for operation, value, expected in rows:
        with suite.case(f"list: operation {operation} {value!r}"):
            check_equal(alter(client, [(TOPIC, "lists", [("cleanup.policy", operation, value)])])[0][:2], (0, None), "answer")
            wait_for(client, TOPIC, "lists", "cleanup.policy", (expected, 1))
    for operation, value in ((APPEND, "shred"), (SET, "shred"), (SET, "delete,shred")):
        _answer(suite, client, f"list: operation {operation} {value!r} is refused",
                (TOPIC, "lists", [("cleanup.policy", operation, value)]), INVALID_CONFIG)


def _requests(suite, client):
    change = [("retention.bytes", SET, "1234")]
    for kind in (0, 1, 3, 99, -1):
        _answer(suite, client, f"resource type {kind}", (kind, "x", change), INVALID_REQUEST)
    with suite.case("the same resource twice: neither is done"):
        found = alter(client, [(TOPIC, "other", change), (TOPIC, "other", [("segment.ms", SET, "7000")])])
        check_equal([f[0] for f in found], [INVALID_REQUEST] * 2, "errors")
        check_equal(value_of(client, TOPIC, "other", "retention.bytes"), ("-1", 5), "retention.bytes")
    with suite.case("resources do not depend on each other"):
        found = alter(client, [(TOPIC, "nobody", change), (TOPIC, "other", change), (BROKER, "9", change)])
        check_equal(sorted((f[3], f[0]) for f in found), [("9", INVALID_REQUEST), ("nobody", UNKNOWN_TOPIC), ("other", 0)], "errors")
        wait_for(client, TOPIC, "other", "retention.bytes", ("1234", 1))
    with suite.case("no resource"):
        check_equal(alter(client, []), [], "answer")


def _brokers(suite, client):
    """min.insync.replicas is left alone: Apache Kafka 4 sets it for all brokers by itself."""
    key, topic_key = "log.roll.ms", "segment.ms"
    steps = [
        ("all brokers", "", [(key, SET, "50000")], 0, ("50000", 3)),
        ("this broker wins", "1", [(key, SET, "40000")], 0, ("40000", 2)),
        ("it goes back to that of all", "1", [(key, DELETE, None)], 0, ("50000", 3)),
        ("back to the default", "", [(key, DELETE, None)], 0, (None, 5)),
    ]
    for name, broker_name, changes, error, expected in steps:
        _answer(suite, client, f"broker: {name}", (BROKER, broker_name, changes), error)
        with suite.case(f"broker: {name}: what counts, also for a topic without its own"):
            wait_for(client, BROKER, "1", key, expected)
            topic_value = (expected[0], expected[1]) if expected[0] else ("604800000", 5)
            wait_for(client, TOPIC, "other", topic_key, topic_value)
    rows = [
        ("a key that is read-only", "1", [("num.partitions", SET, "5")], INVALID_REQUEST),
        ("a key that is read-only, for all", "", [("log.dirs", SET, "/x")], INVALID_REQUEST),
        ("a listener for all", "", [("listeners", SET, "PLAINTEXT://:1")], INVALID_REQUEST),
        ("an unknown key", "1", [("nobody.knows", SET, "5")], 0), ("an unknown key, delete", "1", [("nobody.knows", DELETE, None)], 0),
        ("a topic's key", "1", [("retention.ms", SET, "5")], 0), ("a topic's key, delete", "1", [("retention.ms", DELETE, None)], 0),
        ("a bad value", "1", [("log.retention.ms", SET, "x")], INVALID_REQUEST),
        ("a value out of range", "", [("log.segment.bytes", SET, "1")], INVALID_REQUEST),
        ("another broker", "2", [("log.retention.ms", SET, "5")], INVALID_REQUEST),
        ("no number", "abc", [("log.retention.ms", SET, "5")], INVALID_REQUEST),
        ("a key twice", "1", [("log.retention.ms", SET, "5"), ("log.retention.ms", SET, "6")], INVALID_REQUEST),
        ("set null", "", [("log.retention.ms", SET, None)], INVALID_REQUEST),
        ("operation 9", "1", [("log.retention.ms", 9, "5")], INVALID_REQUEST),
        ("append to a number", "1", [("log.retention.ms", APPEND, "5")], INVALID_CONFIG),
        ("nothing", "1", [], 0),
    ]
    if IS_GREGOR:  # Apache Kafka changes these; here they have no effect and are refused, not taken in silence
        rows += [("a key without effect", "1", [("num.io.threads", SET, "5")], INVALID_REQUEST),
                 ("a listener", "1", [("listeners", SET, "PLAINTEXT://:1")], INVALID_REQUEST)]
    for name, broker_name, changes, error in rows:
        _answer(suite, client, f"broker: {name}", (BROKER, broker_name, changes), error)
    with suite.case("broker: what was refused is not set"):
        check_equal(value_of(client, BROKER, "1", "log.retention.ms"), (None, 5), "log.retention.ms")
        check_equal(value_of(client, BROKER, "", "log.retention.ms"), None, "log.retention.ms of all")
    _answer(suite, client, "broker: append to a list", (BROKER, "", [("log.cleanup.policy", APPEND, "compact")]), 0)
    with suite.case("broker: the list afterwards"):
        wait_for(client, BROKER, "1", "log.cleanup.policy", ("delete,compact", 3))
    _answer(suite, client, "broker: the list goes back", (BROKER, "", [("log.cleanup.policy", DELETE, None)]), 0)


def _loggers(suite, client):
    rows = [
        ("1", [("no.such.logger", SET, "INFO")], INVALID_CONFIG), ("1", [("root", SET, "LOUD")], INVALID_CONFIG),
        ("1", [("root", APPEND, "INFO")], INVALID_REQUEST), ("1", [("root", DELETE, None)], INVALID_REQUEST),
        ("2", [("root", SET, "INFO")], INVALID_REQUEST), ("", [("root", SET, "INFO")], INVALID_REQUEST),
        ("1", [("root", 7, "INFO")], UNEXPECTED),
    ]
    for name, changes, error in rows:
        _answer(suite, client, f"logger of {name!r}: {changes}", (LOGGER, name, changes), error)
    if IS_GREGOR:  # Apache Kafka logs through a library that has no levels to set here
        for level, expected in (("WARN", "WARN"), ("FATAL", "ERROR"), ("TRACE", "DEBUG"), ("INFO", "INFO")):
            with suite.case(f"the level of the log is {level}"):
                check_equal(alter(client, [(LOGGER, "1", [("root", SET, level)])])[0][0], 0, "error")
                check_equal(value_of(client, LOGGER, "1", "root"), (expected, 6), "level")


def _replace(suite, client):
    def step(name, resource, error, **options):
        with suite.case(f"AlterConfigs: {name}"):
            found = replace(client, [resource], **options)
            check_equal([(f[0], f[2], f[3]) for f in found], [(error, resource[0], resource[1])], f"error ({found[0][1]})")

    def values(name, retention, segment):
        with suite.case(f"AlterConfigs: {name}: afterwards"):
            wait_for(client, TOPIC, "other", "retention.ms", retention)
            wait_for(client, TOPIC, "other", "segment.ms", segment)
    step("two keys", (TOPIC, "other", [("retention.ms", "99"), ("segment.ms", "88")]), 0)
    values("two keys", ("99", 1), ("88", 1))
    step("validate only", (TOPIC, "other", []), 0, validate_only=True)
    values("validate only", ("99", 1), ("88", 1))
    step("what is not named goes back", (TOPIC, "other", [("segment.ms", "77")]), 0)
    values("what is not named goes back", ("86400000", 5), ("77", 1))
    step("a bad value", (TOPIC, "other", [("segment.ms", "x")]), INVALID_CONFIG)
    step("null", (TOPIC, "other", [("segment.ms", None)]), INVALID_REQUEST)
    step("a key twice", (TOPIC, "other", [("segment.ms", "1"), ("segment.ms", "2")]), INVALID_REQUEST)
    values("what was refused is not set", ("86400000", 5), ("77", 1))
    step("nothing", (TOPIC, "other", []), 0)
    values("nothing", ("86400000", 5), ("604800000", 5))
    step("unknown topic", (TOPIC, "nobody", []), UNKNOWN_TOPIC)
    step("loggers", (LOGGER, "1", [("root", "INFO")]), INVALID_REQUEST)
    step("a broker", (BROKER, "1", [("log.roll.ms", "33333")]), 0)
    with suite.case("AlterConfigs: a broker: afterwards"):
        wait_for(client, BROKER, "1", "log.roll.ms", ("33333", 2))
    step("a broker, nothing", (BROKER, "1", []), 0)
    with suite.case("AlterConfigs: a broker, nothing: afterwards"):
        wait_for(client, BROKER, "1", "log.roll.ms", (None, 5))
    step("a broker's read-only key", (BROKER, "1", [("num.partitions", "5")]), INVALID_REQUEST)
