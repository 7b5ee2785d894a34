"""Requests of admin clients by hand, in every version. Each function gives plain values: see there."""
import itertools
import uuid

from wire import Writer

DELETE_RECORDS, OFFSET_FOR_LEADER_EPOCH, ALTER_REPLICA_LOG_DIRS, DESCRIBE_LOG_DIRS = 21, 23, 34, 35
CREATE_PARTITIONS, DESCRIBE_CLUSTER, DESCRIBE_TOPIC_PARTITIONS = 37, 60, 75
FIRST_FLEXIBLE = {DELETE_RECORDS: 2, OFFSET_FOR_LEADER_EPOCH: 4, ALTER_REPLICA_LOG_DIRS: 2, DESCRIBE_LOG_DIRS: 2, CREATE_PARTITIONS: 2,
                  DESCRIBE_CLUSTER: 0, DESCRIBE_TOPIC_PARTITIONS: 0}


def _writer(key, version):
    return Writer(version >= FIRST_FLEXIBLE[key])


def _ask(client, key, version, body):
    return client.request(key, version, body.tags().bytes(), flexible=body.flexible)


def create_partitions(client, asked, timeout=10000, validate_only=False, version=3):
    """asked: [(topic, count, None or a list of broker lists)]. Gives [(topic, error, message)]."""
    body = _writer(CREATE_PARTITIONS, version)

    def one(item):
        body.string(item[0]).int32(item[1])
        body.array(item[2], lambda brokers: body.array(brokers, body.int32).tags()).tags()
    body.array(asked, one).int32(timeout).boolean(validate_only)
    reader = _ask(client, CREATE_PARTITIONS, version, body)
    reader.int32()

    def row():
        found = reader.string(), reader.int16(), reader.string()
        reader.tags()
        return found
    return reader.array(row)


def describe_cluster(client, version=2, operations=False, endpoint_type=1, fenced=False):
    body = _writer(DESCRIBE_CLUSTER, version).boolean(operations)
    if version >= 1:
        body.int8(endpoint_type)
    if version >= 2:
        body.boolean(fenced)
    reader = _ask(client, DESCRIBE_CLUSTER, version, body)
    reader.int32()
    answer = {"error": reader.int16(), "message": reader.string()}
    answer["endpoint_type"] = reader.int8() if version >= 1 else 1
    answer["cluster_id"], answer["controller"] = reader.string(), reader.int32()

    def broker():
        found = {"id": reader.int32(), "host": reader.string(), "port": reader.int32(), "rack": reader.string()}
        found["fenced"] = reader.boolean() if version >= 2 else False
        reader.tags()
        return found
    answer["brokers"] = reader.array(broker)
    answer["operations"] = reader.int32()
    return answer


def offset_for_leader_epoch(client, topic, partition, epoch, current=-1, version=4, replica=-1):
    """Gives (error, epoch, end offset)."""
    return offsets_for_leader_epochs(client, [(topic, partition, epoch, current)], version, replica)[0][2:]


def offsets_for_leader_epochs(client, asked, version=4, replica=-1):
    """asked: [(topic, partition, epoch, current epoch)]. Gives [(topic, partition, error, epoch, end offset)]."""
    body = _writer(OFFSET_FOR_LEADER_EPOCH, version)
    if version >= 3:
        body.int32(replica)

    def one(topic):
        body.string(topic[0])
        body.array(topic[1], lambda p: body.int32(p[1]).int32(p[3]).int32(p[2]).tags()).tags()
    topics = [(name, list(rows)) for name, rows in itertools.groupby(asked, lambda row: row[0])]
    reader = _ask(client, OFFSET_FOR_LEADER_EPOCH, version, body.array(topics, one))
    reader.int32()
    rows = []

    def topic():
        name = reader.string()

        def partition():
            error, index = reader.int16(), reader.int32()
            rows.append((name, index, error, reader.int32(), reader.int64()))
            reader.tags()
        reader.array(partition)
        reader.tags()
    reader.array(topic)
    return rows


def delete_records(client, asked, timeout=10000, version=2):
    """asked: [(topic, partition, offset)]. Gives {(topic, partition): (low watermark, error)}, and how many rows there were."""
    body = _writer(DELETE_RECORDS, version)

    def one(item):
        body.string(item[0]).array([item], lambda p: body.int32(p[1]).int64(p[2]).tags()).tags()
    reader = _ask(client, DELETE_RECORDS, version, body.array(asked, one).int32(timeout))
    reader.int32()
    found = {}
    count = 0

    def topic():
        name = reader.string()

        def partition():
            nonlocal count
            index = reader.int32()
            found[(name, index)] = (reader.int64(), reader.int16())
            count += 1
            reader.tags()
        reader.array(partition)
        reader.tags()
    reader.array(topic)
    return found, count


def alter_replica_log_dirs(client, asked, version=2):
    """asked: [(path, [(topic, [partitions])])]. Gives {(topic, index): error} and the number of rows."""
    body = _writer(ALTER_REPLICA_LOG_DIRS, version)

    def folder(item):
        body.string(str(item[0])).array(item[1], lambda t: body.string(t[0]).array(t[1], body.int32).tags()).tags()
    body.array(asked, folder)
    reader = _ask(client, ALTER_REPLICA_LOG_DIRS, version, body)
    reader.int32()
    rows = []

    def topic():
        name = reader.string()

        def partition():
            rows.append(((name, reader.int32()), reader.int16()))
            reader.tags()
        reader.array(partition)
        reader.tags()
    reader.array(topic)
    return dict(rows), len(rows)


def describe_log_dirs(client, topics=None, version=4):
    """topics: None = all, or [(topic, [partitions])]. Gives [{error, path, partitions: {(topic, index): (size, lag, future)}, total,
    usable}] and the error of the whole."""
    body = _writer(DESCRIBE_LOG_DIRS, version)
    body.array(topics, lambda t: body.string(t[0]).array(t[1], body.int32).tags())
    reader = _ask(client, DESCRIBE_LOG_DIRS, version, body)
    reader.int32()
    error = reader.int16() if version >= 3 else 0

    def folder():
        found = {"error": reader.int16(), "path": reader.string(), "partitions": {}}

        def topic():
            name = reader.string()

            def partition():
                index = reader.int32()
                found["partitions"][(name, index)] = (reader.int64(), reader.int64(), reader.boolean())
                reader.tags()
            reader.array(partition)
            reader.tags()
        reader.array(topic)
        found["total"], found["usable"] = (reader.int64(), reader.int64()) if version >= 4 else (-1, -1)
        reader.tags()
        return found
    return reader.array(folder), error


def describe_topic_partitions(client, topics, limit=2000, cursor=None):
    """Gives [{error, name, id, internal, partitions: [{...}]}], and the next cursor or None."""
    body = _writer(DESCRIBE_TOPIC_PARTITIONS, 0)
    body.array(topics, lambda name: body.string(name).tags()).int32(limit)
    if cursor is None:
        body.int8(-1)
    else:
        body.int8(1).string(cursor[0]).int32(cursor[1]).tags()
    reader = _ask(client, DESCRIBE_TOPIC_PARTITIONS, 0, body)
    reader.int32()

    def partition():
        found = {"error": reader.int16(), "index": reader.int32(), "leader": reader.int32(), "epoch": reader.int32()}
        for key in ("replicas", "isr", "eligible", "last_known", "offline"):
            found[key] = reader.array(reader.int32)
        reader.tags()
        return found

    def topic():
        found = {"error": reader.int16(), "name": reader.string(), "id": uuid.UUID(str(reader.uuid())),
                 "internal": reader.boolean(), "partitions": reader.array(partition), "operations": reader.int32()}
        reader.tags()
        return found
    rows = reader.array(topic)
    following = None
    if reader.int8() >= 0:
        following = reader.string(), reader.int32()
        reader.tags()
    return rows, following
