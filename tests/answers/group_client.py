"""JoinGroup, SyncGroup, Heartbeat, LeaveGroup, DescribeGroups, ListGroups and DeleteGroups by hand, in every version. Answers are
dicts with the fields in snake_case; fields that a version lacks are missing."""
import struct

from wire import Writer

FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP = 10, 11, 12, 13, 14
DESCRIBE_GROUPS, LIST_GROUPS, DELETE_GROUPS = 15, 16, 42
FIRST_FLEXIBLE = {JOIN_GROUP: 6, HEARTBEAT: 4, LEAVE_GROUP: 4, SYNC_GROUP: 4, DESCRIBE_GROUPS: 5, LIST_GROUPS: 3, DELETE_GROUPS: 2}


def _writer(key, version):
    return Writer(version >= FIRST_FLEXIBLE[key])


def _send(client, key, version, body):
    client.send(key, version, body.tags().bytes(), flexible=body.flexible)


def subscription(topics, version=0):
    """What a consumer puts into JoinGroup."""
    out = struct.pack(">hi", version, len(topics))
    for topic in topics:
        out += struct.pack(">h", len(topic)) + topic.encode()
    return out + struct.pack(">i", -1)


def send_join(client, group, member="", version=9, session=10000, rebalance=10000, instance=None, kind="consumer", protocols=None,
              reason=None):
    """protocols: [(name, bytes)]; the default is one, "range" for the topic "t"."""
    body = _writer(JOIN_GROUP, version).string(group).int32(session)
    if version >= 1:
        body.int32(rebalance)
    body.string(member)
    if version >= 5:
        body.string(instance)
    body.string(kind)
    wanted = [("range", subscription(["t"]))] if protocols is None else protocols
    body.array(wanted, lambda p: body.string(p[0]).blob(p[1]).tags())
    if version >= 8:
        body.string(reason)
    _send(client, JOIN_GROUP, version, body)


def receive_join(client, version=9):
    reader = client.receive()
    answer = {}
    if version >= 2:
        answer["throttle"] = reader.int32()
    answer["error"], answer["generation"] = reader.int16(), reader.int32()
    if version >= 7:
        answer["kind"] = reader.string()
    answer["protocol"], answer["leader"] = reader.string(), reader.string()
    if version >= 9:
        answer["skip"] = reader.boolean()
    answer["member"] = reader.string()

    def member():
        found = {"member": reader.string()}
        if version >= 5:
            found["instance"] = reader.string()
        found["metadata"] = reader.blob()
        reader.tags()
        return found
    answer["members"] = reader.array(member)
    reader.tags()
    _check_end(reader)
    return answer


def join(client, group, member="", version=9, **options):
    send_join(client, group, member, version, **options)
    return receive_join(client, version)


def send_sync(client, group, member, generation, assignments=(), version=5, instance=None, kind="consumer", protocol="range"):
    """assignments: [(member, bytes)]"""
    body = _writer(SYNC_GROUP, version).string(group).int32(generation).string(member)
    if version >= 3:
        body.string(instance)
    if version >= 5:
        body.string(kind).string(protocol)
    body.array(list(assignments), lambda a: body.string(a[0]).blob(a[1]).tags())
    _send(client, SYNC_GROUP, version, body)


def receive_sync(client, version=5):
    reader = client.receive()
    answer = {}
    if version >= 1:
        answer["throttle"] = reader.int32()
    answer["error"] = reader.int16()
    if version >= 5:
        answer["kind"], answer["protocol"] = reader.string(), reader.string()
    answer["assignment"] = reader.blob()
    reader.tags()
    _check_end(reader)
    return answer


def sync(client, group, member, generation, assignments=(), version=5, **options):
    send_sync(client, group, member, generation, assignments, version, **options)
    return receive_sync(client, version)


def heartbeat(client, group, member, generation, version=4, instance=None):
    """Gives the error code."""
    body = _writer(HEARTBEAT, version).string(group).int32(generation).string(member)
    if version >= 3:
        body.string(instance)
    _send(client, HEARTBEAT, version, body)
    reader = client.receive()
    if version >= 1:
        reader.int32()
    error = reader.int16()
    reader.tags()
    _check_end(reader)
    return error


def leave(client, group, members, version=5):
    """members: [(member id, instance id)]; one before version 3. Gives (error, [(member, instance, error)])."""
    body = _writer(LEAVE_GROUP, version).string(group)
    if version < 3:
        body.string(members[0][0])
    else:
        def one(member):
            body.string(member[0]).string(member[1])
            if version >= 5:
                body.string(member[2] if len(member) > 2 else None)
            body.tags()
        body.array(members, one)
    _send(client, LEAVE_GROUP, version, body)
    reader = client.receive()
    if version >= 1:
        reader.int32()
    error, rows = reader.int16(), []
    if version >= 3:
        def row():
            found = (reader.string(), reader.string(), reader.int16())
            reader.tags()
            return found
        rows = reader.array(row)
    reader.tags()
    _check_end(reader)
    return error, rows


def describe(client, groups, version=6, operations=False):
    body = _writer(DESCRIBE_GROUPS, version)
    body.array(groups, body.string)
    if version >= 3:
        body.boolean(operations)
    _send(client, DESCRIBE_GROUPS, version, body)
    reader = client.receive()
    if version >= 1:
        reader.int32()

    def member():
        found = {"member": reader.string()}
        if version >= 4:
            found["instance"] = reader.string()
        found["client"], found["host"] = reader.string(), reader.string()
        found["metadata"], found["assignment"] = reader.blob(), reader.blob()
        reader.tags()
        return found

    def group():
        found = {"error": reader.int16()}
        if version >= 6:
            found["message"] = reader.string()
        found["group"], found["state"] = reader.string(), reader.string()
        found["kind"], found["protocol"] = reader.string(), reader.string()
        found["members"] = reader.array(member)
        if version >= 3:
            found["operations"] = reader.int32()
        reader.tags()
        return found
    answer = reader.array(group)
    reader.tags()
    _check_end(reader)
    return sorted(answer, key=lambda found: found["group"])  # a broker may answer in any order


def list_groups(client, version=5, states=(), types=()):
    """(error, [(group, protocol type, state, type)])"""
    body = _writer(LIST_GROUPS, version)
    if version >= 4:
        body.array(list(states), body.string)
    if version >= 5:
        body.array(list(types), body.string)
    _send(client, LIST_GROUPS, version, body)
    reader = client.receive()
    if version >= 1:
        reader.int32()
    error = reader.int16()

    def row():
        found = [reader.string(), reader.string()]
        if version >= 4:
            found.append(reader.string())
        if version >= 5:
            found.append(reader.string())
        reader.tags()
        return tuple(found)
    rows = reader.array(row)
    reader.tags()
    _check_end(reader)
    return error, sorted(rows)


def delete(client, groups, version=2):
    """[(group, error)]"""
    body = _writer(DELETE_GROUPS, version)
    body.array(groups, body.string)
    _send(client, DELETE_GROUPS, version, body)
    reader = client.receive()
    reader.int32()

    def row():
        found = (reader.string(), reader.int16())
        reader.tags()
        return found
    rows = reader.array(row)
    reader.tags()
    _check_end(reader)
    return sorted(rows)


def find_coordinator(client, group, version=2):
    """Gives the error code."""
    reader = client.request(FIND_COORDINATOR, version, Writer().string(group).int8(0).bytes())
    reader.int32()
    return reader.int16()


def _check_end(reader):
    if not reader.at_end():
        raise ValueError("bytes behind the answer")
