"""DescribeConfigs, IncrementalAlterConfigs, AlterConfigs and ListConfigResources over a RawClient, in any version."""
from wire import Writer

DESCRIBE_CONFIGS, ALTER_CONFIGS, INCREMENTAL_ALTER_CONFIGS, LIST_CONFIG_RESOURCES = 32, 33, 44, 74
FIRST_FLEXIBLE = {DESCRIBE_CONFIGS: 4, ALTER_CONFIGS: 2, INCREMENTAL_ALTER_CONFIGS: 1, LIST_CONFIG_RESOURCES: 0}
TOPIC, BROKER, LOGGER = 2, 4, 8
SET, DELETE, APPEND, SUBTRACT = 0, 1, 2, 3
TYPE_NAMES = {0: "unknown", 1: "boolean", 2: "string", 3: "int", 4: "short", 5: "long", 6: "double", 7: "list", 8: "class", 9: "password"}


def _ask(client, key, version, write):
    """Like RawClient.request, for APIs that RawClient does not know."""
    flexible = version >= FIRST_FLEXIBLE[key]
    body = Writer(flexible)
    write(body)
    return client.request(key, version, body.tags().bytes(), flexible=flexible)


def describe(client, resources, version=4, synonyms=False, documentation=False):
    """resources: [(type, name, keys or None)]. Gives a list of dicts; "configs" is {name: entry}, an entry a dict with value,
    read_only, source (v1+), default (v0), sensitive, synonyms [(name, value, source)], type, documentation."""
    def write(body):
        def one(resource):
            body.int8(resource[0]).string(resource[1])
            body.array(resource[2], body.string).tags()
        body.array(resources, one)
        if version >= 1:
            body.boolean(synonyms)
        if version >= 3:
            body.boolean(documentation)
    reader = _ask(client, DESCRIBE_CONFIGS, version, write)

    def synonym():
        found = (reader.string(), reader.string(), reader.int8())
        reader.tags()
        return found

    def entry():
        found = {"name": reader.string(), "value": reader.string(), "read_only": reader.boolean()}
        found["default" if version == 0 else "source"] = reader.boolean() if version == 0 else reader.int8()
        found["sensitive"] = reader.boolean()
        found["synonyms"] = reader.array(synonym) if version >= 1 else []
        found["type"] = reader.int8() if version >= 3 else 0
        found["documentation"] = reader.string() if version >= 3 else None
        reader.tags()
        return found

    def result():
        found = {"error": reader.int16(), "message": reader.string(), "type": reader.int8(), "name": reader.string()}
        found["configs"] = {e["name"]: e for e in reader.array(entry)}
        reader.tags()
        return found
    reader.int32()
    answer = reader.array(result)
    reader.tags()
    if not reader.at_end():
        raise ValueError("bytes behind the answer")
    return answer


def alter(client, resources, version=1, validate_only=False):
    """IncrementalAlterConfigs. resources: [(type, name, [(key, operation, value)])]. Gives [(error, message, type, name)]."""
    def write(body):
        def config(item):
            body.string(item[0]).int8(item[1]).string(item[2]).tags()

        def one(resource):
            body.int8(resource[0]).string(resource[1]).array(resource[2], config).tags()
        body.array(resources, one).boolean(validate_only)
    return _alter_answers(_ask(client, INCREMENTAL_ALTER_CONFIGS, version, write))


def replace(client, resources, version=2, validate_only=False):
    """AlterConfigs. resources: [(type, name, [(key, value)])]. Gives [(error, message, type, name)]."""
    def write(body):
        def config(item):
            body.string(item[0]).string(item[1]).tags()

        def one(resource):
            body.int8(resource[0]).string(resource[1]).array(resource[2], config).tags()
        body.array(resources, one).boolean(validate_only)
    return _alter_answers(_ask(client, ALTER_CONFIGS, version, write))


def _alter_answers(reader):
    def one():
        found = (reader.int16(), reader.string(), reader.int8(), reader.string())
        reader.tags()
        return found
    reader.int32()
    answer = reader.array(one)
    reader.tags()
    if not reader.at_end():
        raise ValueError("bytes behind the answer")
    return answer


def list_resources(client, types=(), version=1):
    """ListConfigResources: (error, [(name, type)])."""
    def write(body):
        if version >= 1:
            body.array(list(types), body.int8)
    reader = _ask(client, LIST_CONFIG_RESOURCES, version, write)

    def one():
        found = (reader.string(), reader.int8() if version >= 1 else 16)
        reader.tags()
        return found
    reader.int32()
    return reader.int16(), reader.array(one)
