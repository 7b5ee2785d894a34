"""DescribeCluster, OffsetForLeaderEpoch, DescribeTopicPartitions: the answers of Apache Kafka 4.1.1."""
import admin_client as admin
import records
from raw_client import API_VERSIONS
from suite import check, check_equal
from wire import Writer, ZERO_UUID

ALL_CLUSTER, ALL_TOPIC, NOT_ASKED = 8096, 3576, -(1 << 31)
UNKNOWN, INVALID_TOPIC, INVALID_REQUEST, FENCED, TOO_NEW, WRONG_ENDPOINT, UNKNOWN_ENDPOINT = 3, 17, 42, 74, 75, 114, 115


def cluster(suite, broker, client):
    known = client.metadata(version=8)
    for version in range(3):
        with suite.case(f"DescribeCluster v{version}"):
            answer = admin.describe_cluster(client, version)
            check_equal((answer["error"], answer["message"], answer["endpoint_type"]), (0, None, 1), "error, message, endpoint type")
            check_equal((answer["cluster_id"], answer["controller"]), (known["cluster_id"], known["controller"]), "cluster, controller")
            host, port = broker.address.rsplit(":", 1)
            check_equal(answer["brokers"], [{"id": 1, "host": host, "port": int(port), "rack": None, "fenced": False}], "brokers")
            check_equal(answer["operations"], NOT_ASKED, "operations")
            check_equal(admin.describe_cluster(client, version, operations=True)["operations"], ALL_CLUSTER, "operations")
    for kind, error in ((2, WRONG_ENDPOINT), (0, UNKNOWN_ENDPOINT), (3, UNKNOWN_ENDPOINT), (-1, UNKNOWN_ENDPOINT), (127, UNKNOWN_ENDPOINT)):
        with suite.case(f"DescribeCluster of endpoint type {kind}"):
            answer = admin.describe_cluster(client, 2, endpoint_type=kind)
            check_equal((answer["error"], answer["brokers"], answer["controller"], answer["endpoint_type"]), (error, [], -1, 1), "answer")
            check(answer["message"], "a message")


def features(suite, client):
    for version in (3, 4):
        with suite.case(f"ApiVersions v{version}: no features, of epoch 0, as Apache Kafka 3.9.1 with ZooKeeper"):
            reader = client.request(API_VERSIONS, version, Writer(True).string("raw").string("1").tags().bytes())
            check_equal(reader.int16(), 0, "error")
            reader.array(lambda: (reader.int16(), reader.int16(), reader.int16(), reader.tags()))
            reader.int32()
            check_equal(reader.tags(), {1: bytes(8)}, "tags")
            check(reader.at_end(), "nothing follows")


def epochs(suite, broker, client):
    for topic in ("epochs", "no-records"):
        client.create_topic(topic, 1)
        broker.wait_for_topic(topic, 1)
    for _ in range(4):
        client.produce("epochs", 0, records.build([(b"k", b"v")]))
    rows = [
        ("epochs", 0, 0, -1, (0, 0, 4)), ("no-records", 0, 0, -1, (0, 0, 0)), ("epochs", 0, 1, -1, (0, -1, -1)),
        ("epochs", 0, (1 << 31) - 1, -1, (0, -1, -1)), ("epochs", 0, -1, -1, (0, -1, -1)), ("epochs", 0, -2, -1, (0, -2, 0)),
        ("epochs", 0, 0, 0, (0, 0, 4)), ("epochs", 0, 0, 7, (TOO_NEW, -1, -1)), ("epochs", 0, 0, -2, (FENCED, -1, -1)),
        ("epochs", 1, 0, -1, (UNKNOWN, -1, -1)), ("epochs", -1, 0, -1, (UNKNOWN, -1, -1)), ("nobody", 0, 0, -1, (UNKNOWN, -1, -1)),
        ("", 0, 0, -1, (UNKNOWN, -1, -1)), ("a/b", 0, 0, -1, (UNKNOWN, -1, -1)),
    ]
    for topic, partition, epoch, current, expected in rows:
        with suite.case(f"XB26 OffsetForLeaderEpoch of {topic!r} {partition}: epoch {epoch}, current {current}"):
            for version in (2, 3, 4):
                found = admin.offset_for_leader_epoch(client, topic, partition, epoch, current, version)
                check_equal(found, expected, f"error, epoch, end in v{version}")
    with suite.case("OffsetForLeaderEpoch: as asked, also twice, whoever asks"):
        for replica in (-1, -2, 5):
            found = admin.offsets_for_leader_epochs(client, [("epochs", 0, 0, -1), ("nobody", 3, 0, -1), ("epochs", 0, 5, -1)], replica=replica)
            check_equal(found, [("epochs", 0, 0, 0, 4), ("nobody", 3, UNKNOWN, -1, -1), ("epochs", 0, 0, -1, -1)], "rows")
    with suite.case("XB41 OffsetForLeaderEpoch with 100,000 entries"):
        found = admin.offsets_for_leader_epochs(client, [("epochs", 0, 0, -1)] * 100_000)
        check_equal((len(found), set(found)), (100_000, {("epochs", 0, 0, 0, 4)}), "rows")


def page(client, topics, **options):
    rows, following = admin.describe_topic_partitions(client, topics, **options)
    return [(row["name"], row["error"], [p["index"] for p in row["partitions"]]) for row in rows], following


def topic_pages(suite, broker, client, is_gregor):
    for topic, partitions in (("page-a", 3), ("page-b", 1), ("page-c", 4)):
        client.create_topic(topic, partitions)
        broker.wait_for_topic(topic, partitions)
    a, b, c = "page-a", "page-b", "page-c"
    with suite.case("DescribeTopicPartitions: all there is to say"):
        (row,), following = admin.describe_topic_partitions(client, [b])
        known = client.metadata([b], version=12)["topics"][0]
        check_equal((row["error"], row["id"], row["internal"], row["operations"], following), (0, known["id"], False, ALL_TOPIC, None), "topic")
        check_equal(row["partitions"], [{"error": 0, "index": 0, "leader": 1, "epoch": 0, "replicas": [1], "isr": [1], "eligible": [],
                                         "last_known": [], "offline": []}], "partitions")
    with suite.case("DescribeTopicPartitions: in the order of the names, each once"):
        check_equal(page(client, [c, a, c]), ([(a, 0, [0, 1, 2]), (c, 0, [0, 1, 2, 3])], None), "page")
    with suite.case("DescribeTopicPartitions: all topics"):
        rows, following = page(client, [])
        check_equal([row[0] for row in rows], sorted(t["name"] for t in client.metadata()["topics"]), "topics")
        check_equal(following, None, "next")
    with suite.case("DescribeTopicPartitions: page by page"):
        check_equal(page(client, [a, b, c], limit=2), ([(a, 0, [0, 1])], (a, 2)), "first page")
        check_equal(page(client, [a, b, c], limit=2, cursor=(a, 2)), ([(a, 0, [2]), (b, 0, [0])], (c, 0)), "second page")
        check_equal(page(client, [a, b, c], limit=10, cursor=(c, 0)), ([(c, 0, [0, 1, 2, 3])], None), "last page")
        check_equal(page(client, [a, b, c], limit=3), ([(a, 0, [0, 1, 2])], (b, 0)), "a page that ends with a topic")
    with suite.case("DescribeTopicPartitions: limits 0, -1 and too large"):
        for limit in (0, -1, -(1 << 31)):
            check_equal(page(client, [a], limit=limit), ([(a, 0, [0])], (a, 1)), f"limit {limit}")
        check_equal(page(client, [a], limit=(1 << 31) - 1), ([(a, 0, [0, 1, 2])], None), "the largest limit")
    with suite.case("DescribeTopicPartitions: a cursor behind its topic, and one behind all"):
        check_equal(page(client, [a, b], cursor=(a, 99)), ([(a, 0, []), (b, 0, [0])], None), "behind its topic")
        check_equal(page(client, [], cursor=("zzz", 0)), ([], None), "behind all")
    with suite.case("DescribeTopicPartitions: unknown and illegal names"):
        rows, _ = admin.describe_topic_partitions(client, ["nobody", "a/b", b])
        check_equal([(row["name"], row["error"]) for row in rows], [("a/b", INVALID_TOPIC), ("nobody", UNKNOWN), (b, 0)], "names, errors")
        check(all(row["id"] == ZERO_UUID and row["partitions"] == [] for row in rows[:2]), f"{rows}")
        if is_gregor:  # Apache Kafka answers -1 for all topics when one of them is ""
            check_equal(page(client, ["", b]), ([("", INVALID_TOPIC, []), (b, 0, [0])], None), "an empty name")
    with suite.case("DescribeTopicPartitions: cursors that are none"):
        check_equal(page(client, [a], cursor=(b, 0)), ([(a, INVALID_REQUEST, [])], None), "another topic")
        check_equal(page(client, [a], cursor=(a, -1)), ([(a, INVALID_REQUEST, [])], None), "a negative partition")
        check_equal(page(client, [], cursor=(a, -1)), ([], None), "a negative partition, all topics")


def run(suite, broker, client, is_gregor):
    cluster(suite, broker, client)
    if is_gregor:
        features(suite, client)
    epochs(suite, broker, client)
    topic_pages(suite, broker, client, is_gregor)
