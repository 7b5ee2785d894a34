"""Makes parsed schemas ready for the emitters.

Cuts versions, joins structs of one name, and refuses what makes no sense.
"""

import names
from parse import HIGHEST, PRIMITIVES, SchemaError, Versions


def resolve(api):
    """Checks one Api and fills in what the emitters need. @raises SchemaError"""
    if api.versions.empty():
        raise SchemaError(f"{api.path}: no versions")
    check_headers(api)
    for message in api.messages:
        message.structs = []
        cut_versions(message.root, api.versions)
        collect_structs(message)
        for struct in message.structs + [message.root]:
            check_struct(struct, message, struct is message.root)
    return api


def check_headers(api):
    """The headers line must say what the flexible line means, but for the two exceptions."""
    if api.key is None:
        return
    flexible = api.flexible_from
    request = (
        [(0, 1), (flexible, 2)] if 0 < flexible < HIGHEST else [(0, 2 if flexible == 0 else 1)]
    )
    response = (
        [(0, 0), (flexible, 1)] if 0 < flexible < HIGHEST else [(0, 1 if flexible == 0 else 0)]
    )
    if api.name == "ControlledShutdown":
        request = [(0, 0), (1, 1), (flexible, 2)]
    if api.name == "ApiVersions":
        response = [(0, 0)]
    if api.request_headers != request or api.response_headers != response:
        raise SchemaError(f"{api.path}: headers line does not fit the flexible line")


def cut_versions(struct, versions):
    """Limits each field to the versions of what it is in, so that `0+` gets an end."""
    struct.versions = versions
    for field in struct.fields:
        field.versions = field.versions.cut(versions)
        field.nullable = field.nullable.cut(field.versions)
        field.tagged = field.tagged.cut(field.versions)
        if field.versions.empty():
            raise SchemaError(f"{field.where}: {field.name} is in no version")
        if field.struct:
            cut_versions(field.struct, field.versions)


def collect_structs(message):
    """Lists the structs below a message, inner ones first; those of one name become one."""
    known = {}

    def visit(struct):
        for field in struct.fields:
            if not field.struct:
                continue
            visit(field.struct)
            if field.struct.name in known:
                join_structs(known[field.struct.name], field.struct, field.where)
                field.struct = known[field.struct.name]
            else:
                known[field.struct.name] = field.struct
                message.structs.append(field.struct)

    visit(message.root)


def join_structs(target, other, where):
    by_name = {field.name: field for field in target.fields}
    position = 0
    for field in other.fields:
        if field.name not in by_name:
            target.fields.insert(position, field)
            position += 1
            continue
        mine = by_name[field.name]
        same = ("type", "array", "tag", "default", "ignorable", "never_compact", "can_be_null")
        if any(getattr(mine, what) != getattr(field, what) for what in same):
            raise SchemaError(f"{where}: {target.name}.{field.name} is declared in two ways")
        for what in ("versions", "nullable", "tagged"):
            joined = getattr(mine, what).join(getattr(field, what))
            if joined is None:
                raise SchemaError(f"{where}: hole in the versions of {target.name}.{field.name}")
            setattr(mine, what, joined)
        position = max(position, target.fields.index(mine) + 1)
    target.versions = target.versions.join(other.versions)
    if target.versions is None:
        raise SchemaError(f"{where}: hole in the versions of {target.name}")


def check_struct(struct, message, is_root):
    if not struct.fields and not is_root:
        raise SchemaError(f"{message.name}: {struct.name} has no fields")
    if struct.name in names.RESERVED_TYPES:
        raise SchemaError(f"{message.name}: a struct must not be called {struct.name}")
    seen, tags = set(), set()
    for field in struct.fields:
        name = names.snake_case(field.name)
        taken = name in names.RESERVED_MEMBERS or (is_root and name == "api_key")
        if name in names.CPP_KEYWORDS or taken:
            raise SchemaError(f"{field.where}: a field must not be called {name}")
        if name in seen:
            raise SchemaError(f"{field.where}: {name} is there twice")
        seen.add(name)
        check_field(field, message)
        if field.tag is not None:
            if field.tag in tags:
                raise SchemaError(f"{field.where}: tag {field.tag} is there twice")
            tags.add(field.tag)


def check_field(field, message):
    where = f"{field.where}: {field.name}"
    if field.tag is not None:
        if field.tagged.empty() or field.tagged.lowest < message.flexible_from:
            raise SchemaError(f"{where}: tagged in a version without tags")
        if field.tagged.highest != field.versions.highest:
            raise SchemaError(f"{where}: a tagged field must stay tagged")
        if field.type == "records" or (field.struct and not field.array and field.can_be_null):
            raise SchemaError(f"{where}: not known how to tag this type")
    if (
        field.can_be_null
        and not field.array
        and field.type in PRIMITIVES
        and PRIMITIVES[field.type]
    ):
        raise SchemaError(f"{where}: {field.type} can't be null")
    if field.array and field.type in ("bool", "float64", "bytes", "records", "uint16"):
        raise SchemaError(f"{where}: arrays of {field.type} are not supported")
    if field.type == "records" and not field.can_be_null:
        raise SchemaError(f"{where}: records must be nullable")
    if field.default == "null" and not field.can_be_null:
        raise SchemaError(f"{where}: null is its default but not allowed")
    if field.default not in (None, "null") and (field.array or field.struct):
        raise SchemaError(f"{where}: an array or struct has no default but null")


def fixed_versions(field):
    """The versions in which the field is in the fixed part of its struct."""
    if field.tagged.empty():
        return field.versions
    return Versions(field.versions.lowest, field.tagged.lowest - 1)


def smallest_size(struct, message):
    """Bytes that the smallest item of this struct takes on the wire, over all its versions."""
    return min(size_in(struct, message, version) for version in struct.versions.all())


def size_in(struct, message, version):
    flexible = version >= message.flexible_from
    total = 1 if flexible else 0
    for field in struct.fields:
        if version not in fixed_versions(field):
            continue
        compact = flexible and not field.never_compact
        if field.array:
            total += 1 if compact else 4
        elif field.struct:
            total += 1 if field.can_be_null else size_in(field.struct, message, version)
        elif PRIMITIVES[field.type]:
            total += PRIMITIVES[field.type]
        else:
            total += 1 if compact else (2 if field.type == "string" else 4)
    return total


def check_all(apis):
    """What only all schemas together show: keys and names are there once."""
    keys, seen = set(), set()
    for api in apis:
        if api.name in seen or (api.key is not None and api.key in keys):
            raise SchemaError(f"{api.path}: name or key is there twice")
        seen.add(api.name)
        keys.add(api.key)
