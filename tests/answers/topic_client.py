"""CreateTopics, DeleteTopics, ElectLeaders and UpdateFeatures by hand, in every version. Plain values: see each function."""
from wire import ZERO_UUID, Writer

CREATE_TOPICS, DELETE_TOPICS, ELECT_LEADERS, UPDATE_FEATURES = 19, 20, 43, 57
FIRST_FLEXIBLE = {CREATE_TOPICS: 5, DELETE_TOPICS: 4, ELECT_LEADERS: 2, UPDATE_FEATURES: 0}
PREFERRED, UNCLEAN = 0, 1
DEFAULT_CONFIG = 5


def _writer(key, version):
    return Writer(version >= FIRST_FLEXIBLE[key])


def _ask(client, key, version, body):
    return client.request(key, version, body.tags().bytes(), flexible=body.flexible)


def _end(reader):
    reader.tags()
    if not reader.at_end():
        raise ValueError("bytes behind the answer")


def topic(name, partitions=1, replication=1, assignments=(), configs=()):
    """assignments: [(partition, [brokers])]; configs: [(key, value)]."""
    return name, partitions, replication, list(assignments), list(configs)


def create(client, topics, version=7, timeout=10000, validate_only=False):
    """Gives a dict per topic; of the configs, (key, value, source) of those that are not defaults."""
    body = _writer(CREATE_TOPICS, version)

    def one(asked):
        name, partitions, replication, assignments, configs = asked
        body.string(name).int32(partitions).int16(replication)
        body.array(assignments, lambda a: body.int32(a[0]).array(a[1], body.int32).tags())
        body.array(configs, lambda c: body.string(c[0]).string(c[1]).tags()).tags()
    body.array(topics, one).int32(timeout)
    if version >= 1:
        body.boolean(validate_only)
    reader = _ask(client, CREATE_TOPICS, version, body)
    if version >= 2:
        reader.int32()

    def config():
        found = reader.string(), reader.string(), reader.boolean(), reader.int8(), reader.boolean()
        reader.tags()
        return found

    def row():
        found = {"name": reader.string()}
        if version >= 7:
            found["id"] = reader.uuid()
        found["error"] = reader.int16()
        if version >= 1:
            found["message"] = reader.string()
        if version >= 5:
            found["partitions"], found["replication"] = reader.int32(), reader.int16()
            listed = reader.array(config)
            found["configs"] = None if listed is None else sorted(
                (key, value, source) for key, value, _, source, _ in listed if source != DEFAULT_CONFIG)
        reader.tags()
        return found
    answer = reader.array(row)
    _end(reader)
    return answer


def delete(client, topics, version=6, timeout=10000):
    """topics: names, or from version 6 on (name, id). Gives a dict per topic, sorted."""
    body = _writer(DELETE_TOPICS, version)
    if version >= 6:
        body.array(topics, lambda t: body.string(t[0]).uuid(t[1]).tags())
    else:
        body.array(topics, body.string)
    reader = _ask(client, DELETE_TOPICS, version, body.int32(timeout))
    if version >= 1:
        reader.int32()

    def row():
        found = {"name": reader.string()}
        if version >= 6:
            found["id"] = reader.uuid()
        found["error"] = reader.int16()
        if version >= 5:
            found["message"] = reader.string()
        reader.tags()
        return found
    answer = reader.array(row)
    _end(reader)
    return sorted(answer, key=lambda found: (found["error"], found["name"] or "", found.get("id") != ZERO_UUID))


def elect(client, topics, kind=PREFERRED, version=2, timeout=10000):
    """topics: None or [(topic, [partitions])]. Gives (error, [(topic, [(partition, error, message)])]), sorted."""
    body = _writer(ELECT_LEADERS, version)
    if version >= 1:
        body.int8(kind)
    body.array(topics, lambda t: body.string(t[0]).array(t[1], body.int32).tags()).int32(timeout)
    reader = _ask(client, ELECT_LEADERS, version, body)
    reader.int32()
    error = reader.int16() if version >= 1 else 0

    def partition():
        found = reader.int32(), reader.int16(), reader.string()
        reader.tags()
        return found

    def row():
        found = reader.string(), sorted(reader.array(partition))
        reader.tags()
        return found
    answer = sorted(reader.array(row))
    _end(reader)
    return error, answer


def update_features(client, updates, version=2, timeout=10000, validate_only=False):
    """updates: [(feature, level, upgrade type)]; in version 0 the type is whether it may go down. Gives (error, message[, results])."""
    body = _writer(UPDATE_FEATURES, version).int32(timeout)

    def one(update):
        body.string(update[0]).int16(update[1])
        (body.boolean if version == 0 else body.int8)(update[2]).tags()
    body.array(updates, one)
    if version >= 1:
        body.boolean(validate_only)
    reader = _ask(client, UPDATE_FEATURES, version, body)
    reader.int32()
    answer = [reader.int16(), reader.string()]

    def row():
        found = reader.string(), reader.int16(), reader.string()
        reader.tags()
        return found
    if version <= 1:
        answer.append(sorted(reader.array(row)))
    _end(reader)
    return tuple(answer)
