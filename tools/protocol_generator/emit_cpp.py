"""Emits C++: a header and a source per API, the enum of keys, the table of APIs, the registry."""

import re

import cpp_types as cpp
import names
from emit_codec import StructCodec
from parse import HIGHEST

NOTICE = "// Generated from src/protocol/schemas/{file} by tools/protocol_generator. Do not edit."
NOTICE_ALL = "// Generated from src/protocol/schemas by tools/protocol_generator. Do not edit."


def file_stem(api):
    return names.snake_case(api.name)


def key_enumerator(api):
    return f"protocol::ApiKey::{names.snake_case(api.name)}"


def cpp_versions(lowest, highest, flexible):
    flexible_text = "never_flexible" if flexible >= HIGHEST else str(flexible)
    return [
        f"static constexpr std::int16_t version_lowest = {lowest};",
        f"static constexpr std::int16_t version_highest = {highest};",
        f"static constexpr std::int16_t flexible_from = {flexible_text};",
    ]


def struct_lines(struct, indent):
    pad = "  " * indent
    lines = []
    for field in struct.fields:
        lines.append(
            f"{pad}{cpp.member_type(field)} {cpp.member_name(field)}{cpp.initializer(field)};"
        )
    lines += [
        f"{pad}void read_fields(Reader& reader, std::int16_t version);",
        f"{pad}void write_fields(Writer& writer, std::int16_t version) const;",
        f"{pad}void json_fields(JsonWriter& json, std::int16_t version) const;",
        f"{pad}friend bool operator==(const {struct.name}&, const {struct.name}&) = default;",
    ]
    return lines


def message_declaration(message, api):
    lines = [f"struct {message.name} {{"]
    for struct in message.structs:
        lines += [f"  struct {struct.name} {{"] + struct_lines(struct, 2) + ["  };", ""]
    lines += struct_lines(message.root, 1)
    lines.append("")
    if api.key is not None:
        lines.append(f"  static constexpr protocol::ApiKey api_key = {key_enumerator(api)};")
    versions = message.versions
    for line in cpp_versions(versions.lowest, versions.highest, message.flexible_from):
        lines.append("  " + line)
    lines += [
        f'  static constexpr std::string_view message_name = "{message.name}";',
        f"  [[nodiscard]] static Result<{message.name}> decode(Reader& reader,"
        " std::int16_t version);",
        "  [[nodiscard]] Result<void> encode(Writer& writer, std::int16_t version) const;",
        "  [[nodiscard]] std::string to_json(std::int16_t version) const;",
        "};",
        "",
    ]
    return lines


def header(api):
    """The text of `protocol/<api>.h`."""
    lines = [
        NOTICE.format(file=api.name + ".api"),
        "#pragma once",
        "",
        "#include <cstdint>",
        "#include <optional>",
        "#include <string>",
        "#include <string_view>",
        "#include <vector>",
        "",
        '#include "base/result.h"',
        '#include "model/uuid.h"',
        '#include "protocol/api_key.h"',
        '#include "protocol/types.h"',
        "",
        "namespace gregor::protocol {",
        "",
        "class Reader;",
        "class Writer;",
        "class JsonWriter;",
        "",
    ]
    for message in api.messages:
        lines += message_declaration(message, api)
    if api.key is not None:
        lines += [
            f"struct {api.name} {{",
            f"  using Request = {api.name}Request;",
            f"  using Response = {api.name}Response;",
            f"  static constexpr protocol::ApiKey key = {key_enumerator(api)};",
        ]
        lines += [
            "  " + line
            for line in cpp_versions(api.versions.lowest, api.versions.highest, api.flexible_from)
        ]
        lines += ["};", ""]
    lines += ["}  // namespace gregor::protocol", ""]
    return "\n".join(lines)


def body(signature, lines):
    return [f"{signature} {{"] + lines + ["}", ""]


def struct_bodies(struct, message):
    scope = message.name if struct is message.root else f"{message.name}::{struct.name}"
    codec = StructCodec(struct, message)
    lines = []
    for signature, text in (
        (f"void {scope}::read_fields(Reader& reader, std::int16_t version)", codec.read()),
        (f"void {scope}::write_fields(Writer& writer, std::int16_t version) const", codec.write()),
        (f"void {scope}::json_fields(JsonWriter& json, std::int16_t version) const", codec.json()),
    ):
        if not any(re.search(r"(?<!\")\bversion\b(?!\")", line) for line in text):
            signature = signature.replace("std::int16_t version", "std::int16_t /*version*/")
        lines += body(signature, text)
    return lines


def message_bodies(message):
    name = message.name
    lines = body(
        f"Result<{name}> {name}::decode(Reader& reader, std::int16_t version)",
        [f"  return codec::decode<{name}>(reader, version);"],
    )
    lines += body(
        f"Result<void> {name}::encode(Writer& writer, std::int16_t version) const",
        ["  return codec::encode(*this, writer, version);"],
    )
    lines += body(
        f"std::string {name}::to_json(std::int16_t version) const",
        ["  JsonWriter json;", "  json_fields(json, version);", "  return json.take();"],
    )
    return lines


def info_name(message):
    return names.snake_case(message.name) + "_info"


def info_kind(message, api):
    if api.key is None:
        return "record" if api.is_record else "header"
    return "request" if message.name.endswith("Request") else "response"


def source(api):
    """The text of `protocol/<api>.cc`."""
    lines = [
        NOTICE.format(file=api.name + ".api"),
        f'#include "protocol/{file_stem(api)}.h"',
        "",
        '#include "protocol/codec.h"',
        "",
        "namespace gregor::protocol {",
        "",
    ]
    for message in api.messages:
        for struct in message.structs + [message.root]:
            lines += struct_bodies(struct, message)
        lines += message_bodies(message)
        key = -1 if api.key is None else api.key
        info = info_name(message)
        lines += [
            f"extern const MessageInfo {info};",
            f"const MessageInfo {info} = codec::message_info<{message.name}>({key}, "
            f"MessageKind::{info_kind(message, api)});",
            "",
        ]
    lines += ["}  // namespace gregor::protocol", ""]
    return "\n".join(lines)


def api_key_header(apis):
    lines = [
        NOTICE_ALL,
        "#pragma once",
        "",
        "#include <cstdint>",
        "",
        "namespace gregor::protocol {",
        "",
        "/// Keys of the APIs as in request headers; any int16 may come in.",
        "enum class ApiKey : std::int16_t {",
    ]
    lines += [f"  {names.snake_case(api.name)} = {api.key}," for api in apis]
    lines += ["};", "", "}  // namespace gregor::protocol", ""]
    return "\n".join(lines)


def header_rows(api, headers):
    """`return` lines that pick a header version; headers = [(first version, header version)]."""
    lines = []
    for first, header_version in reversed(headers[1:]):
        lines.append(f"      if (version >= {first}) return {header_version};")
    lines.append(f"      return {headers[0][1]};")
    return [f"    case ApiKey::{names.snake_case(api.name)}:"] + lines


API_TABLE = """
#include "protocol/api_table.h"

#include "base/assert.h"

namespace gregor::protocol {
namespace {

constexpr ApiInfo table[] = {
%s
};

}  // namespace

std::span<const ApiInfo> api_table() { return table; }

const ApiInfo* find_api(ApiKey key) {
  for (const ApiInfo& info : table) {
    if (info.key == key) return &info;
  }
  return nullptr;
}

%s
}  // namespace gregor::protocol
"""

REGISTRY = """
#include "protocol/registry.h"

namespace gregor::protocol {

%s

namespace {

const MessageInfo* const table[] = {
%s
};

}  // namespace

std::span<const MessageInfo* const> all_messages() { return table; }

const MessageInfo* find_message(std::string_view name) {
  for (const MessageInfo* info : table) {
    if (info->name == name) return info;
  }
  return nullptr;
}

const MessageInfo* find_message(std::int16_t key, MessageKind kind) {
  for (const MessageInfo* info : table) {
    if (info->key == key && info->kind == kind) return info;
  }
  return nullptr;
}

}  // namespace gregor::protocol
"""


def api_row(api):
    stable = min(api.versions.highest, api.unstable_from - 1)
    flexible = "never_flexible" if api.flexible_from >= HIGHEST else api.flexible_from
    versions = f"{api.versions.lowest}, {api.versions.highest}, {stable}, {flexible}"
    return f'    {{{key_enumerator(api)}, "{api.name}", {versions}}},'


def header_version_function(apis, what):
    """`request_header_version` or `response_header_version`."""
    lines = [
        f"ApiVersion {what}_header_version(ApiKey key, ApiVersion version) {{",
        "  switch (key) {",
    ]
    for api in apis:
        lines += header_rows(api, getattr(api, f"{what}_headers"))
    lines += ["  }", "  GREGOR_ASSERT(find_api(key) != nullptr);", "  return 0;", "}", ""]
    return "\n".join(lines)


def api_table_source(apis):
    functions = [header_version_function(apis, what) for what in ("request", "response")]
    return NOTICE_ALL + API_TABLE % ("\n".join(map(api_row, apis)), "\n".join(functions))


def registry_source(apis):
    infos = [info_name(message) for api in apis for message in api.messages]
    declared = "\n".join(f"extern const MessageInfo {info};" for info in infos)
    return NOTICE_ALL + REGISTRY % (declared, "\n".join(f"    &{info}," for info in infos))


def all_files(apis):
    """{name below the output folder: text}; `apis` by key, headers and records last."""
    keyed = [api for api in apis if api.key is not None]
    files = {
        "api_key.h": api_key_header(keyed),
        "api_table.cc": api_table_source(keyed),
        "registry.cc": registry_source(apis),
    }
    for api in apis:
        files[file_stem(api) + ".h"] = header(api)
        files[file_stem(api) + ".cc"] = source(api)
    return files
