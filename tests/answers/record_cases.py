"""DeleteRecords and DescribeLogDirs: the answers of Apache Kafka 4.1.1, and what readers see afterwards."""
import os

import admin_client as admin
import records
from session_client import fetch
from suite import check, check_equal

UNKNOWN, OUT_OF_RANGE, INVALID_TOPIC, POLICY = 3, 1, 17, 44
KEPT = 7


def fill(client, topic, partition, count):
    for _ in range(count):
        check_equal(client.produce(topic, partition, records.build([(b"k", b"v" * 50)]))["error"], 0, "produce")


def delete(client, topic, partition, offset, **options):
    return admin.delete_records(client, [(topic, partition, offset)], **options)[0][(topic, partition)]


def deletions(suite, broker, client):
    for topic, config in (("records", {}), ("empty", {}), ("compacted", {"cleanup.policy": "compact"}), ("both", {"cleanup.policy": "compact,delete"})):
        client.create_topic(topic, 2 if topic == "records" else 1, configs=config)
        broker.wait_for_topic(topic, 1)
    broker.wait_for_topic("records", 2)
    fill(client, "records", 0, 10)
    session = fetch(client, 0, 0, [("records", 0, 10)]).session
    rows = [
        ("nothing", "records", 0, 0, (0, 0)), ("up to an offset", "records", 0, 3, (3, 0)), ("what is gone already", "records", 0, 2, (3, 0)),
        ("the start itself", "records", 0, 3, (3, 0)), ("XB29 beyond the high watermark", "records", 0, 11, (-1, OUT_OF_RANGE)),
        ("XB29 -2", "records", 0, -2, (-1, OUT_OF_RANGE)), ("XB29 the smallest", "records", 0, -(1 << 63), (-1, OUT_OF_RANGE)),
        ("XB29 the largest", "records", 0, (1 << 63) - 1, (-1, OUT_OF_RANGE)), ("an empty log", "empty", 0, 0, (0, 0)),
        ("-1 of an empty log", "empty", 0, -1, (0, 0)), ("1 of an empty log", "empty", 0, 1, (-1, OUT_OF_RANGE)),
        ("an unknown partition", "records", 2, 0, (-1, UNKNOWN)), ("a negative partition", "records", -1, 0, (-1, UNKNOWN)),
        ("an unknown topic", "nobody", 0, 0, (-1, UNKNOWN)), ("an illegal name", "a/b", 0, 0, (-1, UNKNOWN)),
        ("an empty name", "", 0, 0, (-1, UNKNOWN)), ("a compacted topic", "compacted", 0, 0, (-1, POLICY)),
        ("a compacted and deleted topic", "both", 0, 0, (0, 0)), ("an internal topic that is not there", "__consumer_offsets", 0, 0, (-1, UNKNOWN)),
    ]
    for name, topic, partition, offset, expected in rows:
        with suite.case(f"DeleteRecords: {name}"):
            check_equal(delete(client, topic, partition, offset), expected, "low watermark, error")
    with suite.case("DeleteRecords: readers see it at once"):
        check_equal(client.list_offsets("records", 0, -2)["offset"], 3, "earliest")
        check_equal(client.list_offsets("records", 0, -1)["offset"], 10, "latest")
        check_equal(client.list_offsets("records", 0, 0)["offset"], 3, "the first after 1970")
        check_equal(client.fetch("records", 0, 2)["error"], OUT_OF_RANGE, "error below the start")
        answer = client.fetch("records", 0, 3)
        check_equal((answer["error"], answer["log_start"]), (0, 3), "error, log start")
        check_equal(records.parse(answer["records"])[0].base_offset, 3, "first batch")
    with suite.case("DeleteRecords: a fetch session is told once"):
        row = fetch(client, session, 1).rows
        check_equal({key: (r.error, r.log_start) for key, r in row.items()}, {("records", 0): (0, 3)}, "news")
        check_equal(fetch(client, session, 2).rows, {}, "no more news")
    with suite.case("DeleteRecords: several partitions, one twice: the last entry counts"):
        fill(client, "records", 1, 5)
        found, count = admin.delete_records(client, [("records", 1, 1), ("records", 0, 4), ("nobody", 0, 0), ("records", 1, 2)])
        check_equal(found, {("records", 1): (2, 0), ("records", 0): (4, 0), ("nobody", 0): (-1, UNKNOWN)}, "answer")
        check_equal(count, 3, "rows")
    for version, offset in ((0, 5), (1, 6), (2, KEPT)):
        with suite.case(f"DeleteRecords v{version}, with and without time"):
            for timeout in (0, -1, 10000):
                check_equal(delete(client, "records", 0, offset, version=version, timeout=timeout), (offset, 0), f"timeout {timeout}")
    with suite.case("DeleteRecords: -1 is all there is"):
        check_equal(delete(client, "records", 1, -1), (5, 0), "low watermark, error")
        earliest, latest = (client.list_offsets("records", 1, at) for at in (-2, -1))
        check_equal((earliest["offset"], latest["offset"]), (5, 5), "earliest, latest")
        check_equal(client.list_offsets("records", 1, 0)["offset"], -1, "no record")
        fill(client, "records", 1, 1)
        check_equal(client.list_offsets("records", 1, -2)["offset"], 5, "earliest")
        check_equal(client.fetch("records", 1, 5)["error"], 0, "the next record")


def folders(suite, broker, client):
    path = str(broker.log_dirs[0])
    for version in range(1, 5):
        with suite.case(f"DescribeLogDirs v{version}: all"):
            (row,), error = admin.describe_log_dirs(client, version=version)
            check_equal((error, row["error"], row["path"]), (0, 0, path), "errors, path")
            size, lag, future = row["partitions"][("records", 0)]
            check_equal(size, os.path.getsize(f"{path}/records-0/00000000000000000000.log"), "size")
            check_equal((lag, future), (0, False), "lag, future")
            check(("empty", 0) in row["partitions"] and row["partitions"][("empty", 0)][0] == 0, "an empty log")
            if version >= 4:
                volume = os.statvfs(path)
                check_equal(row["total"], volume.f_blocks * volume.f_frsize, "total bytes")
                check(0 < row["usable"] <= row["total"], f"usable bytes {row['usable']}")
    rows = [
        ("no topics", [], set()), ("a topic without partitions", [("records", [])], set()), ("some", [("records", [1])], {("records", 1)}),
        ("unknown ones", [("records", [0, 7, -1]), ("nobody", [0]), ("", [0])], {("records", 0)}),
        ("twice", [("records", [0, 0]), ("records", [0])], {("records", 0)}),
    ]
    for name, asked, expected in rows:
        with suite.case(f"DescribeLogDirs: {name}"):
            (row,), error = admin.describe_log_dirs(client, asked)
            check_equal((error, row["error"], row["path"], set(row["partitions"])), (0, 0, path, expected), "answer")


def after_kill(suite, client):
    with suite.case("DeleteRecords: the start of a log survives kill -9"):
        check_equal(client.list_offsets("records", 0, -2)["offset"], KEPT, "earliest")
        check_equal(client.list_offsets("records", 1, -2)["offset"], 5, "earliest")
        check_equal(client.list_offsets("records", 0, -1)["offset"], 10, "latest")


def run(suite, broker, client):
    deletions(suite, broker, client)
    folders(suite, broker, client)
