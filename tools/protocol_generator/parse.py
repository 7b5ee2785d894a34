"""Reads schema files (src/protocol/schemas/*.api) into Api objects.

The notation is described in that folder's README.md. Only the shape of the text is judged
here; whether a schema makes sense is check.py's business.
"""

import re
from dataclasses import dataclass, field
from typing import List, Optional

HIGHEST = 32767  # "0+" has this end until it is cut to the versions of its API

PRIMITIVES = {
    "bool": 1,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "uint16": 2,
    "float64": 8,
    "uuid": 16,
    "string": None,
    "bytes": None,
    "records": None,
}


class SchemaError(Exception):
    """What is wrong and where: `file:line: text`."""


@dataclass(frozen=True)
class Versions:
    """A closed range of versions; empty if lowest > highest."""

    lowest: int
    highest: int

    def __contains__(self, version):
        return self.lowest <= version <= self.highest

    def empty(self):
        return self.lowest > self.highest

    def cut(self, other):
        return Versions(max(self.lowest, other.lowest), min(self.highest, other.highest))

    def join(self, other):
        """The union, which must have no hole; None if it has one."""
        if self.empty():
            return other
        if other.empty():
            return self
        if self.highest + 1 < other.lowest or other.highest + 1 < self.lowest:
            return None
        return Versions(min(self.lowest, other.lowest), max(self.highest, other.highest))

    def all(self):
        return range(self.lowest, self.highest + 1)


NONE = Versions(1, 0)


@dataclass
class Field:
    name: str
    type: str  # a primitive's or a struct's name, without []
    array: bool
    versions: Versions
    nullable: Versions = NONE
    tag: Optional[int] = None
    tagged: Versions = NONE
    default: Optional[str] = None  # text after '='; None = zero value
    ignorable: bool = False
    map_key: bool = False
    entity: str = ""
    never_compact: bool = False
    struct: Optional["Struct"] = None
    where: str = ""

    @property
    def is_struct(self):
        return self.struct is not None

    @property
    def can_be_null(self):
        return not self.nullable.empty()


@dataclass
class Struct:
    name: str
    fields: List[Field] = field(default_factory=list)
    versions: Versions = NONE  # those in which it appears


@dataclass
class Message:
    """Request, response, header or record: the top-level struct and those below it, inner ones first."""

    name: str
    root: Struct
    versions: Versions
    flexible_from: int
    structs: List[Struct] = field(default_factory=list)


@dataclass
class Api:
    name: str
    key: Optional[int]  # None: a header or a record
    versions: Versions
    unstable_from: int = HIGHEST + 1
    flexible_from: int = HIGHEST
    request_headers: List = field(default_factory=list)  # [(first version, header version)]
    response_headers: List = field(default_factory=list)
    listeners: List[str] = field(default_factory=list)
    messages: List[Message] = field(default_factory=list)
    notes: List[str] = field(default_factory=list)
    path: str = ""
    is_record: bool = False  # of an internal topic, or inside of a request: no frame of its own


def parse_versions(text, where):
    match = re.fullmatch(r"(\d+)(?:(\+)|-(\d+))?", text)
    if not match:
        raise SchemaError(f"{where}: not a range of versions: {text}")
    lowest = int(match[1])
    if match[2]:
        return Versions(lowest, HIGHEST)
    return Versions(lowest, int(match[3]) if match[3] else lowest)


def parse_headers(text, where):
    """`h1 v0-8, h2 v9+` -> [(0, 1), (9, 2)]; `h2` and `h0 always` -> [(0, n)]."""
    result = []
    for part in text.split(","):
        match = re.fullmatch(r"h(\d)(?: always| v(\d+)(?:\+|-\d+)?)?", part.strip())
        if not match:
            raise SchemaError(f"{where}: not a header version: {part}")
        result.append((int(match[2] or 0), int(match[1])))
    return result


def parse_field(line, where):
    words = line.split()
    if len(words) < 3:
        raise SchemaError(f"{where}: a field needs a name, a type and versions")
    array = words[1].startswith("[]")
    result = Field(
        words[0], words[1][2:] if array else words[1], array, parse_versions(words[2], where)
    )
    result.where = where
    for word in words[3:]:
        parse_option(result, word, where)
    return result


def parse_option(target, word, where):
    if word.startswith("?"):
        target.nullable = parse_versions(word[1:], where)
    elif word.startswith("#"):
        tag, _, versions = word[1:].partition("@")
        target.tag, target.tagged = int(tag), parse_versions(versions, where)
    elif word.startswith("="):
        target.default = word[1:]
    elif word.startswith("ent:"):
        target.entity = word[4:]
    elif word == "flex:none":
        target.never_compact = True
    elif word == "ign":
        target.ignorable = True
    elif word == "key":
        target.map_key = True
    elif word != "zc" and not word.startswith("was:"):
        raise SchemaError(f"{where}: unknown word: {word}")


def parse_head(api, line, where):
    word, _, rest = line.partition(" ")
    if word == "versions":
        api.versions = parse_versions(rest, where)
    elif word == "unstable":
        api.unstable_from = parse_versions(rest, where).lowest
    elif word == "flexible":
        api.flexible_from = HIGHEST if rest == "none" else parse_versions(rest, where).lowest
    elif word == "headers":
        request, _, response = rest.partition(";")
        api.request_headers = parse_headers(request.strip().removeprefix("request:"), where)
        api.response_headers = parse_headers(response.strip().removeprefix("response:"), where)
    elif word == "listeners":
        api.listeners = rest.split(",")
    else:
        raise SchemaError(f"{where}: unknown head line: {line}")


class _FieldTree:
    """Collects indented field lines of one section into nested structs."""

    def __init__(self, name):
        self.root = Struct(name)
        self._open = [(0, self.root)]  # (indent of its fields, struct)
        self._last = None

    def add(self, line, where):
        indent = len(line) - len(line.lstrip(" "))
        if indent % 2 or indent == 0:
            raise SchemaError(f"{where}: indent must be a multiple of two blanks")
        depth = indent // 2
        if depth > len(self._open):
            if depth != len(self._open) + 1 or self._last is None or self._last.struct is None:
                raise SchemaError(f"{where}: indented below something that is no struct")
            self._open.append((indent, self._last.struct))
        del self._open[depth:]
        parsed = parse_field(line, where)
        if parsed.type not in PRIMITIVES:
            parsed.struct = Struct(parsed.type)
        self._open[-1][1].fields.append(parsed)
        self._last = parsed


def parse_text(text, path):
    """The Api of one schema file."""
    api, tree, section = None, None, "head"
    trees = []
    for number, line in enumerate(text.splitlines(), 1):
        where = f"{path}:{number}"
        line = line.rstrip()
        if not line or line.startswith("#"):
            continue
        if line in ("request", "response", "fields", "notes"):
            section = line
            if section != "notes":
                suffix = "" if section == "fields" else section.capitalize()
                tree = _FieldTree(api.name + suffix)
                trees.append(tree)
        elif section == "head":
            words = line.split()
            if words[0] == "api" and len(words) == 4:
                api = Api(words[1], int(words[3]), NONE, path=path)
            elif words[0] in ("header", "record") and len(words) == 2:
                api = Api(words[1], None, NONE, path=path, is_record=words[0] == "record")
            elif api is None:
                raise SchemaError(
                    f"{where}: the first line must be `api <Name> key <n>`, `header <Name>` or"
                    " `record <Name>`"
                )
            else:
                parse_head(api, line, where)
        elif section == "notes":
            api.notes.append(line[2:])
        else:
            tree.add(line, where)
    if api is None or not trees:
        raise SchemaError(f"{path}: no api or no fields")
    for one in trees:
        api.messages.append(Message(one.root.name, one.root, api.versions, api.flexible_from))
    return api


def parse_file(path):
    with open(path, encoding="utf-8") as file:
        return parse_text(file.read(), str(path))
