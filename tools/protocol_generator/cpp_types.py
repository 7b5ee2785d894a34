"""How the fields of a schema look in C++: types, defaults, and the conditions on versions."""

from parse import PRIMITIVES
import names

SCALARS = {
    "bool": "bool",
    "int8": "std::int8_t",
    "int16": "std::int16_t",
    "int32": "std::int32_t",
    "int64": "std::int64_t",
    "uint16": "std::uint16_t",
    "float64": "double",
}
READS = {
    "bool": "boolean",
    "int8": "int8",
    "int16": "int16",
    "int32": "int32",
    "int64": "int64",
    "uint16": "uint16",
    "float64": "float64",
    "uuid": "uuid",
}


def is_error_code(field):
    return field.type == "int16" and not field.array and field.name.endswith("ErrorCode")


def item_type(field):
    """The C++ type of one item, without vector and optional."""
    if field.is_struct:
        return field.struct.name
    if is_error_code(field):
        return "ErrorCode"
    other = {
        "string": "std::string_view",
        "bytes": "Bytes",
        "records": "Records",
        "uuid": "model::Uuid",
    }
    return SCALARS.get(field.type) or other[field.type]


def plain_type(field):
    return f"std::vector<{item_type(field)}>" if field.array else item_type(field)


def member_type(field):
    return f"std::optional<{plain_type(field)}>" if field.can_be_null else plain_type(field)


def member_name(field):
    return names.snake_case(field.name)


def literal(field):
    """The default of a scalar as a C++ literal."""
    if is_error_code(field):
        return (
            "ErrorCode::none" if field.default in (None, "0") else f"ErrorCode{{{field.default}}}"
        )
    if field.default is None:
        return {"bool": "false", "float64": "0.0"}.get(field.type, "0")
    return field.default


def default_is_null(field):
    return field.default == "null" or field.type == "records"


def initializer(field):
    """What stands behind the member's name in its declaration."""
    if field.can_be_null:
        return " = std::nullopt" if default_is_null(field) else f" = {plain_type(field)}{{}}"
    if not field.array and (field.type in SCALARS):
        return f" = {literal(field)}"
    if not field.array and field.type == "string" and field.default not in (None, '""'):
        return f' = "{field.default}"'
    return " = {}"


def is_default(field):
    """A C++ condition: the member has its default."""
    name = member_name(field)
    if field.can_be_null:
        if default_is_null(field):
            return f"!{name}.has_value()"
        inner = (
            f"{name}->empty()"
            if field.array or not field.struct
            else f"*{name} == {field.struct.name}{{}}"
        )
        return f"({name}.has_value() && {inner})"
    if field.array:
        return f"{name}.empty()"
    if field.is_struct:
        return f"{name} == {field.struct.name}{{}}"
    if field.type == "uuid":
        return f"{name}.is_zero()"
    if field.type in SCALARS:
        return (
            f"!{name}"
            if (field.type, literal(field)) == ("bool", "false")
            else f"{name} == {literal(field)}"
        )
    if field.default not in (None, '""'):
        return f'{name} == "{field.default}"'
    return f"{name}.empty()"


def negated(condition):
    if condition.startswith("!"):
        return condition[1:]
    if " == " in condition and "(" not in condition:
        return condition.replace(" == ", " != ", 1)
    return (
        f"!({condition})" if " " in condition and not condition.startswith("(") else f"!{condition}"
    )


def within(versions, enclosing):
    """A C++ condition: `version` is in `versions`, given that it is in `enclosing`.

    "" if that is certain, None if it is impossible.
    """
    versions = versions.cut(enclosing)
    if versions.empty():
        return None
    parts = []
    if versions.lowest > enclosing.lowest:
        parts.append(f"version >= {versions.lowest}")
    if versions.highest < enclosing.highest:
        parts.append(f"version <= {versions.highest}")
    if len(parts) == 2 and versions.lowest == versions.highest:
        return f"version == {versions.lowest}"
    return " && ".join(parts)


def bool_text(versions, enclosing):
    """within() as an argument of type bool."""
    condition = within(versions, enclosing)
    if condition is None:
        return "false"
    return condition or "true"


def is_primitive(field):
    return field.type in PRIMITIVES
