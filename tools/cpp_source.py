"""C++ sources as the checks see them: tracked files, text without comments and literals, functions with their lines.

Not a parser: it finds bodies by matching braces and tells functions from types and initialisers by what stands before
the brace. That is exact enough for this code's format, and cpp_source_test.py says for which forms.
"""
import dataclasses
import pathlib
import re
import subprocess

TOKENS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|R"(?P<raw>[^()\\\s]*)\(.*?\)(?P=raw)"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'""",
    re.S)


def tracked_files(root):
    """Paths below `root`, relative to it: what git tracks or would add; all files where there is no git."""
    listed = subprocess.run(["git", "-C", root, "ls-files", "-z", "-c", "-o", "--exclude-standard"],
                            capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        paths = [pathlib.Path(name) for name in listed.stdout.split("\0") if name]
    else:
        paths = [p.relative_to(root) for p in pathlib.Path(root).rglob("*") if p.is_file()]
    return sorted(p for p in paths if (pathlib.Path(root) / p).is_file() and p.parts[0] != "build")


def is_cpp(path):
    return path.suffix in (".cc", ".h", ".cpp")


def is_test(path):
    """Test code: it may include more and call what production code may not."""
    name = path.name
    return path.parts[0] in ("tests", "tools", "bench") or name.startswith("test_") or re.search(
        r"_(test|fuzz|bench|test_support)\.(cc|h)$", name) is not None


def blank(match):
    """A comment becomes blanks, a literal keeps its quotes; line ends stay."""
    text = match.group(0)
    inner = re.sub(r"[^\n]", " ", text)
    return inner if text.startswith("/") else '"' + inner[1:-1] + '"'


def without_comments(text):
    """The text with comments and the insides of literals blanked: same lines, same columns."""
    return TOKENS.sub(blank, text)


def without_directives(text):
    """Preprocessor lines blanked, those that go on included. Takes the result of without_comments."""
    lines, going_on = [], False
    for line in text.split("\n"):
        is_directive = going_on or line.lstrip().startswith("#")
        going_on = is_directive and line.rstrip().endswith("\\")
        lines.append("" if is_directive else line)
    return "\n".join(lines)


@dataclasses.dataclass
class Function:
    name: str
    line: int  # of the signature's first word, from 1
    lines: int
    parameters: int
    is_constructor: bool


TEMPLATE = re.compile(r"\btemplate\s*<(?:[^<>]|<(?:[^<>]|<[^<>]*>)*>)*>")
CONTAINER = re.compile(r"^(?:\[\[[^\]]*\]\]\s*|inline\s+|typedef\s+|export\s+)*(namespace|class|struct|union|enum|extern\s*\"|"
                       r"static\s+(?:struct|class)\b)")


def count_parameters(text):
    """The parameters between the brackets of `text`, which starts after the opening one."""
    depth, angle, count, seen = 0, 0, 0, False
    for c in text:
        if c == ")" and depth == 0:
            break
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(c, 0)
        angle += {"<": 1, ">": -1}.get(c, 0)
        seen = seen or not c.isspace()
        count += c == "," and depth == 0 and angle <= 0
    return count + 1 if seen else 0


def describe(header, body_lines, line):
    """A Function for what stands before a body, or None if it is not one."""
    plain = TEMPLATE.sub(" ", header).strip()
    plain = re.sub(r"^(?:public|private|protected)\s*:", "", plain).strip()
    if not plain or CONTAINER.match(plain) or ")" not in plain or re.match(r"^[,:=]", plain):
        return None
    found = re.search(r"([~\w]+(?:::[~\w]+)*|operator\s*[^\s\w(]+|operator\s*\(\))\s*\(", plain)
    if not found or re.search(r"=\s*$", plain[:found.start()]):
        return None
    name = found.group(1)
    parts = name.split("::")
    is_constructor = len(parts) > 1 and parts[-1] == parts[-2] or re.match(r"^(explicit\s+|constexpr\s+)*[A-Z]\w*\s*\(", plain) is not None
    return Function(name, line, body_lines, count_parameters(plain[found.end():]), is_constructor)


def functions(text):
    """All functions with a body in C++ text. A lambda or local type counts to the function around it."""
    text = without_directives(without_comments(text))
    found, header_start, line, depth = [], 0, 1, 0
    inside = None  # (depth, header, line) of the function we are in
    brackets, in_brackets = 0, 0  # open round brackets of the header; braces that were opened within them
    for i, c in enumerate(text):
        if c == "\n":
            line += 1
        elif c == "{":
            depth += 1
            if inside is None and brackets == 0:
                header = text[header_start:i]
                first_line = line - header.lstrip().count("\n")
                if describe(header, 0, first_line):
                    inside = (depth, header, first_line)
                header_start = i + 1
            elif inside is None:
                in_brackets += 1  # a default argument or an initialiser: part of the header
        elif c == "}":
            if inside and depth == inside[0]:
                found.append(describe(inside[1], line - inside[2] + 1, inside[2]))
                inside = None
            depth -= 1
            if inside is None and in_brackets == 0:
                header_start, brackets = i + 1, 0
            in_brackets = max(0, in_brackets - 1)
        elif inside is None:
            brackets = max(0, brackets + {"(": 1, ")": -1}.get(c, 0))
            if c == ";" and brackets == 0:
                header_start = i + 1
    return found
