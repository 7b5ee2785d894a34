"""CreatePartitions: the codes of Apache Kafka 4.1.1, and that what is added is served."""
import admin_client as admin
import records
from suite import check, check_equal, wait_until

UNKNOWN, INVALID_COUNT, INVALID_ASSIGNMENT, INVALID_REQUEST, TIMED_OUT = 3, 37, 39, 42, 7


def count_of(client, topic):
    return len(client.metadata([topic])["topics"][0]["partitions"])


def refusals(suite, broker, client):
    client.create_topic("grow", 3)
    broker.wait_for_topic("grow", 3)
    me = client.metadata()["brokers"][0]["id"]
    rows = [
        ("the count that there is", "grow", 3, None, INVALID_COUNT), ("less", "grow", 2, None, INVALID_COUNT),
        ("0", "grow", 0, None, INVALID_COUNT), ("-1", "grow", -1, None, INVALID_COUNT),
        ("an unknown topic", "nobody", 5, None, UNKNOWN), ("an illegal name", "a/b", 5, None, UNKNOWN),
        ("an empty name", "", 5, None, UNKNOWN), ("..", "..", 5, None, UNKNOWN),
        ("no assignments", "grow", 4, [], INVALID_ASSIGNMENT), ("too few assignments", "grow", 5, [[me]], INVALID_ASSIGNMENT),
        ("too many assignments", "grow", 4, [[me], [me]], INVALID_ASSIGNMENT), ("an unknown broker", "grow", 4, [[99]], INVALID_ASSIGNMENT),
        ("a negative broker", "grow", 4, [[-1]], INVALID_ASSIGNMENT), ("a broker twice", "grow", 4, [[me, me]], INVALID_ASSIGNMENT),
        ("a list without brokers", "grow", 4, [[]], INVALID_ASSIGNMENT), ("another replication factor", "grow", 4, [[me, 99]], INVALID_ASSIGNMENT),
    ]
    for name, topic, count, assignments, expected in rows:
        with suite.case(f"XB10, XB11 CreatePartitions: {name}"):
            for validate_only in (True, False):
                found = admin.create_partitions(client, [(topic, count, assignments)], validate_only=validate_only)
                check_equal([row[:2] for row in found], [(topic, expected)], "topic, error")
                check_equal(bool(found[0][2]), expected != UNKNOWN, "whether there is a message")
            check_equal(count_of(client, "grow"), 3, "partitions")
    with suite.case("CreatePartitions: the same topic twice is refused, others are not"):
        client.create_topic("grow-too", 1)
        broker.wait_for_topic("grow-too", 1)
        found = admin.create_partitions(client, [("grow", 4, None), ("grow-too", 2, None), ("grow", 5, None)])
        check_equal({row[:2] for row in found}, {("grow", INVALID_REQUEST), ("grow-too", 0)}, "errors")
        check_equal(len(found), 2, "rows")
        wait_until(lambda: count_of(client, "grow-too") == 2, 10, "two partitions")
        check_equal(count_of(client, "grow"), 3, "partitions")
    with suite.case("CreatePartitions: no topics"):
        check_equal(admin.create_partitions(client, []), [], "rows")
    with suite.case("CreatePartitions: no time"):
        for timeout in (0, -1):
            check_equal(admin.create_partitions(client, [("grow", 4, None)], timeout=timeout)[0][1], TIMED_OUT, f"error for {timeout}")
        check_equal(count_of(client, "grow"), 3, "partitions")


def additions(suite, broker, client, is_gregor):
    with suite.case("CreatePartitions: validate only makes nothing"):
        check_equal(admin.create_partitions(client, [("grow", 9, None)], validate_only=True), [("grow", 0, None)], "answer")
        check_equal(count_of(client, "grow"), 3, "partitions")
    for version in range(4):
        count = 4 + 2 * version
        with suite.case(f"CreatePartitions v{version}: new partitions have leaders and take records"):
            assignments = [[1], [1]] if version == 3 else None
            if version == 0:
                count = 4
            found = admin.create_partitions(client, [("grow", count, assignments if count > 4 else None)], version=version)
            check_equal(found, [("grow", 0, None)], "answer")
            if not is_gregor:
                broker.wait_for_topic("grow", count)
            rows = client.metadata(["grow"])["topics"][0]["partitions"]
            check_equal([row["partition"] for row in rows], list(range(count)), "partitions")
            check(all(row["error"] == 0 and row["leader"] == 1 for row in rows), f"{rows}")
            for partition in range(count):
                check_equal(client.produce("grow", partition, records.build([(b"k", b"v")]))["error"], 0, f"produce to {partition}")
    with suite.case("CreatePartitions: the old partitions keep what they had"):
        check_equal([client.list_offsets("grow", p, -1)["offset"] for p in (0, 4, 8)], [4, 3, 1], "ends")
    if is_gregor:  # Apache Kafka answers -1, and is unusable afterwards
        with suite.case("XB10 CreatePartitions: more than 10,000 at once"):
            for count in (1 << 31) - 1, 10_011:
                check_equal(admin.create_partitions(client, [("grow", count, None)])[0][1], 44, f"error for {count}")
            check_equal(count_of(client, "grow"), 10, "partitions")


def after_restart(suite, client):
    with suite.case("CreatePartitions: partitions and records are there after a restart"):
        check_equal(count_of(client, "grow"), 10, "partitions")
        wait_until(lambda: client.list_offsets("grow", 9, -1)["offset"] == 1, 20, "the record of partition 9")


def run(suite, broker, client, is_gregor):
    refusals(suite, broker, client)
    additions(suite, broker, client, is_gregor)
