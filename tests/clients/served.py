"""What a broker serves, taken down with the raw client, so that two brokers on the same log dirs can be compared to the byte."""
import dataclasses

import logdir
import records
from raw_client import EARLIEST, LATEST, MAX_TIMESTAMP
from suite import check, check_equal, wait_until


@dataclasses.dataclass
class Partition:
    leader_epoch: int
    start: int
    end: int
    data: bytes
    times: list


@dataclasses.dataclass
class Served:
    """cluster_id, broker_ids, {topic: id} and {(topic, number): Partition}."""
    cluster_id: str
    broker_ids: list
    topics: dict
    partitions: dict


def wait_for(broker, topics):
    """Until the broker names all the topics with leaders and each partition answers: Apache Kafka in ZooKeeper mode is told
    both by its controller, one after the other, some time after it first answers."""
    def all_named():
        found = {t["name"]: t for t in client.metadata(None, version=12)["topics"]}
        return all(name in found and all(p["leader"] >= 0 for p in found[name]["partitions"]) for name in topics)
    with broker.client() as client:
        wait_until(all_named, 30, "all topics in Metadata")
        counts = {t["name"]: len(t["partitions"]) for t in client.metadata(None, version=12)["topics"]}
    for name in topics:
        broker.wait_for_topic(name, counts[name])


def take_down(broker):
    """Everything that the broker serves: ids, epochs, every batch, and where time stamps are found."""
    with broker.client() as client:
        answer = client.metadata(None, version=12)
        served = Served(answer["cluster_id"], [b["id"] for b in answer["brokers"]], {}, {})
        for topic in answer["topics"]:
            check_equal(topic["error"], 0, f"error of topic {topic['name']}")
            served.topics[topic["name"]] = topic["id"]
            for partition in topic["partitions"]:
                where = topic["name"], partition["partition"]
                check_equal((partition["error"], partition["leader"]), (0, served.broker_ids[0]), f"{where}")
                served.partitions[where] = _take_down(client, *where, partition["leader_epoch"])
    return served


def _ask(client, topic, number, timestamp):
    answer = client.list_offsets(topic, number, timestamp, version=7)
    check_equal(answer["error"], 0, f"ListOffsets of {topic}-{number} at {timestamp}")
    return answer


def _take_down(client, topic, number, leader_epoch):
    start, end = (_ask(client, topic, number, at)["offset"] for at in (EARLIEST, LATEST))
    data = read_all(client, topic, number, start, end)
    stamps = sorted({b.max_timestamp for b in records.headers(data)})
    chosen = [MAX_TIMESTAMP, 0] + [stamps[len(stamps) * part // 5] for part in range(5) if stamps]
    times = [(at, _ask(client, topic, number, at)) for at in chosen]
    return Partition(leader_epoch, start, end, data, [(at, a["timestamp"], a["offset"]) for at, a in times])


def read_all(client, topic, number, start, end):
    """The batches from offset `start` to `end`, as they came."""
    data, offset = b"", start
    while offset < end:
        answer = client.fetch(topic, number, offset, version=12, max_wait_ms=1000)
        check_equal(answer["error"], 0, f"Fetch of {topic}-{number} from {offset}")
        batches = list(records.headers(answer["records"]))
        check(batches, f"Fetch of {topic}-{number} from {offset} gave no whole batch")
        offset = batches[-1].last_offset + 1
        data += answer["records"][:batches[-1].position + batches[-1].size]
    return data


def last_epochs(log_dirs):
    """{partition folder: (last leader epoch in its checkpoint, or -1)}."""
    found = {}
    for log_dir in log_dirs:
        for folder in logdir.partition_folders(log_dir):
            file = folder / "leader-epoch-checkpoint"
            lines = logdir.checkpoint(file) if file.exists() else []
            found[folder.name] = int(lines[-1][0]) if lines else -1
    return found


def check_same(found, expected, growing=()):
    """Both serve the same; partitions of a topic in `growing` may have more at their end."""
    check_equal(found.cluster_id, expected.cluster_id, "cluster id")
    check_equal(found.broker_ids, expected.broker_ids, "broker ids")
    check_equal(found.topics, expected.topics, "topics and their ids")
    check_equal(sorted(found.partitions), sorted(expected.partitions), "partitions")
    for where, old in expected.partitions.items():
        new = found.partitions[where]
        if where[0] in growing:
            check(new.end >= old.end and new.data.startswith(old.data), f"{where}: the beginning differs")
            continue
        check_equal((new.start, new.end), (old.start, old.end), f"offsets of {where}")
        check(new.data == old.data, f"{where}: {len(new.data)} bytes differ from {len(old.data)}")
        check_equal(new.times, old.times, f"times of {where}")
