"""Emits docs/protocol.md from the schemas and docs/errors.md from src/base/error_codes.def."""

import re

from parse import HIGHEST

PROTOCOL_HEAD = """# Protocol

Generated from src/protocol/schemas by tools/protocol_generator; do not edit. These are the layouts
that Gregor's codec knows (Apache Kafka 0.8 to 4.1.1). Which of them the broker serves is what it
answers to ApiVersions.

"Flexible" is the first version with compact lengths and tagged fields; "unstable" the first one
that Kafka 4.1.1 marks so. Fields are listed in the schema files, in wire order; the notation is
explained in src/protocol/schemas/README.md.

| key | API | versions | flexible | unstable | request header | response header |
|---:|---|---|---|---|---|---|
"""

ERRORS_HEAD = """# Error codes

Generated from src/base/error_codes.def by tools/protocol_generator; do not edit.

| code | name | may be retried | refresh metadata first |
|---:|---|---|---|
"""


def header_text(headers):
    parts = [f"v{header} from {first}" if first else f"v{header}" for first, header in headers]
    return ", ".join(parts)


def row(api):
    flexible = "none" if api.flexible_from >= HIGHEST else f"{api.flexible_from}+"
    unstable = "" if api.unstable_from > HIGHEST else f"{api.unstable_from}+"
    link = f"[{api.name}](../src/protocol/schemas/{api.name}.api)"
    return (
        f"| {api.key} | {link} | {api.versions.lowest}-{api.versions.highest} "
        f"| {flexible} | {unstable} "
        f"| {header_text(api.request_headers)} | {header_text(api.response_headers)} |"
    )


def protocol(apis):
    """The text of docs/protocol.md."""
    keyed = [api for api in apis if api.key is not None]
    text = PROTOCOL_HEAD + "\n".join(row(api) for api in keyed) + "\n\n## Notes\n"
    for api in apis:
        if api.notes:
            text += f"\n### {api.name}\n\n" + "".join(
                f"- {note}\n" if not note.startswith("  ") else f"  {note.strip()}\n"
                for note in api.notes
            )
    return text


def errors(path):
    """The text of docs/errors.md."""
    rows = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            match = re.match(r"GREGOR_ERROR\((-?\d+), (\w+), (true|false), (true|false)\)", line)
            if match:
                yes = {"true": "yes", "false": ""}
                rows.append(
                    f"| {match[1]} | {match[2].upper()} | {yes[match[3]]} | {yes[match[4]]} |"
                )
    return ERRORS_HEAD + "\n".join(rows) + "\n"
