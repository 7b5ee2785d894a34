"""OffsetCommit, OffsetFetch, OffsetDelete and FindCoordinator by hand, in every version. Plain values: see each function."""
import time

from wire import Writer

OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, OFFSET_DELETE = 8, 9, 10, 47
FIRST_FLEXIBLE = {OFFSET_COMMIT: 8, OFFSET_FETCH: 6, FIND_COORDINATOR: 3, OFFSET_DELETE: 1 << 15}


def _writer(key, version):
    return Writer(version >= FIRST_FLEXIBLE[key])


def _ask(client, key, version, body):
    return client.request(key, version, body.tags().bytes(), flexible=body.flexible)


def _per_partition(reader, read_row):
    """{(topic, partition): row}"""
    found = {}

    def topic():
        name = reader.string()

        def partition():
            index = reader.int32()
            found[(name, index)] = read_row()
            reader.tags()
        reader.array(partition)
        reader.tags()
    reader.array(topic)
    return found


def _by_topic(rows):
    topics = {}
    for topic, *rest in rows:
        topics.setdefault(topic, []).append(rest)
    return list(topics.items())


def commit(client, group, rows, version=9, generation=-1, member="", instance=None, retention=-1, time_ms=-1):
    """rows: [(topic, partition, offset[, leader epoch[, metadata]])]. Gives {(topic, partition): error}."""
    body = _writer(OFFSET_COMMIT, version).string(group)
    if version >= 1:
        body.int32(generation).string(member)
    if version >= 7:
        body.string(instance)
    if 2 <= version <= 4:
        body.int64(retention)

    def one(row):
        partition, offset, epoch, metadata = (list(row) + [-1, ""][len(row) - 2:])
        body.int32(partition).int64(offset)
        if version >= 6:
            body.int32(epoch)
        if version == 1:
            body.int64(time_ms)
        body.string(metadata).tags()
    body.array(_by_topic(rows), lambda topic: body.string(topic[0]).array(topic[1], one).tags())
    reader = _ask(client, OFFSET_COMMIT, version, body)
    if version >= 3:
        reader.int32()
    return _per_partition(reader, reader.int16)


def _fetch_rows(reader, version):
    def row():
        offset = reader.int64()
        epoch = reader.int32() if version >= 5 else -1
        return offset, epoch, reader.string(), reader.int16()
    return _per_partition(reader, row)


def fetch(client, group, places, version=7, stable=False):
    """places: [(topic, partition)], None = all. Gives ({(topic, partition): (offset, epoch, metadata, error)}, group's error)."""
    if version >= 8:
        return fetch_many(client, {group: places}, version, stable)[group]
    body = _writer(OFFSET_FETCH, version).string(group)
    topics = None if places is None else _by_topic(places)
    body.array(topics, lambda topic: body.string(topic[0]).array([p[0] for p in topic[1]], body.int32).tags())
    if version >= 7:
        body.boolean(stable)
    reader = _ask(client, OFFSET_FETCH, version, body)
    if version >= 3:
        reader.int32()
    rows = _fetch_rows(reader, version)
    return rows, reader.int16() if version >= 2 else 0


def fetch_many(client, groups, version=9, stable=False, member=None, epoch=-1):
    """groups: {group: places or None}. Gives {group: as fetch}."""
    body = _writer(OFFSET_FETCH, version)

    def one(item):
        body.string(item[0])
        if version >= 9:
            body.string(member).int32(epoch)
        topics = None if item[1] is None else _by_topic(item[1])
        body.array(topics, lambda topic: body.string(topic[0]).array([p[0] for p in topic[1]], body.int32).tags()).tags()
    body.array(list(groups.items()), one).boolean(stable)
    reader = _ask(client, OFFSET_FETCH, version, body)
    reader.int32()
    found = {}

    def group():
        name = reader.string()
        rows = _fetch_rows(reader, version)
        found[name] = rows, reader.int16()
        reader.tags()
    reader.array(group)
    return found


def delete(client, group, places):
    """Gives ({(topic, partition): error}, group's error)."""
    body = _writer(OFFSET_DELETE, 0).string(group)
    body.array(_by_topic(places), lambda topic: body.string(topic[0]).array([p[0] for p in topic[1]], body.int32))
    reader = _ask(client, OFFSET_DELETE, 0, body)
    error = reader.int16()
    reader.int32()
    return _per_partition(reader, reader.int16), error


def find_coordinator(client, keys, version=4, key_type=0):
    """Gives {key: (error, message, node, host, port)}; below version 4 only one key."""
    body = _writer(FIND_COORDINATOR, version)
    if version < 4:
        body.string(keys[0])
    if version >= 1:
        body.int8(key_type)
    if version >= 4:
        body.array(keys, body.string)
    reader = _ask(client, FIND_COORDINATOR, version, body)
    if version >= 1:
        reader.int32()
    if version < 4:
        error = reader.int16()
        message = reader.string() if version >= 1 else None
        return {keys[0]: (error, message, reader.int32(), reader.string(), reader.int32())}
    found = {}

    def one():
        key, node, host, port = reader.string(), reader.int32(), reader.string(), reader.int32()
        found[key] = reader.int16(), reader.string(), node, host, port
        reader.tags()
    reader.array(one)
    return found


def wait_for_coordinator(client, group, seconds=30):
    """Until the group's coordinator answers for it."""
    end = time.monotonic() + seconds
    while True:
        error = find_coordinator(client, [group])[group][0]
        if error == 0:
            error = fetch(client, group, None, version=7)[1]
        if error == 0:
            return
        if time.monotonic() > end:
            raise TimeoutError(f"no coordinator of {group}: {error}")
        time.sleep(0.05)
