#!/usr/bin/env python3
"""tidy.py [ROOT]: the style rules that a program can check; one line per broken rule, exit 1 if there is any.

Rules: sizes of functions, files and parameter lists; banned calls and words; class names; a README per module; headers
that nobody includes. A rule that must be broken somewhere has a line in tools/tidy_exceptions.txt, with the reason."""
import pathlib
import re
import sys

import cpp_source

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 600
TEST_FILE_LINES_MAX = 800
PARAMETERS_MAX = 5
CONSTRUCTOR_PARAMETERS_MAX = 6
LINE_CHARACTERS_MAX = 120  # of files that no formatter looks after

# (pattern in code without comments and literals, what to do instead, folders below src/ where it is allowed)
BANNED_CALLS = [
    (r"\bstd::j?thread\b", "threads belong to runtime/", ["runtime"]),
    (r"::now\s*\(\s*\)", "ask the Clock of runtime/", ["runtime"]),
    (r"\b(?:sendfile|pwritev2?|p?writev|fsync|fdatasync|syncfs|sync_file_range)\s*\(", "files and sockets belong to runtime/", ["runtime"]),
    (r"(?<![\w.>])(?:rand|srand|random|drand48)\s*\(\s*\)", "ask the Random of runtime/", ["runtime"]),
    (r"\bstd::(?:random_device|mt19937\w*)\b", "ask the Random of runtime/", ["runtime"]),
    (r"\b(?:sleep_for|usleep|nanosleep)\s*\(|(?<![\w.>:])sleep\s*\(", "timers belong to runtime/", ["runtime"]),
    (r"\bstd::(?:cout|cerr|clog)\b", "use base/log.h", ["app"]),
    (r"\bstd::(?:recursive_)?mutex\b", "no locks above runtime/: one shard owns each thing", ["runtime", "base"]),
    (r"\(void\)\s*\w", "handle the result or name why it does not matter", []),
    (r"\bthrow\b(?!\s+std::bad_alloc\b)", "errors are values (base/result.h)", []),
    (r"\b(?:system|popen|strcpy|strcat|sprintf|gets)\s*\(", "not safe", []),
    (r"\b(?:NOLINT|using namespace std)\b", "fix what it hides", []),
]
BANNED_CLASS_NAME = re.compile(r"\b(?:class|struct)\s+(\w*(?:Manager|Util|Utils|Helper|Helpers|Impl))\b(?!\s*;)")
# Words that no tracked text file may contain: places of one machine, numbers of a tracker nobody else sees.
BANNED_TEXT = [
    (re.compile("/" + r"work/"), "a path of one machine"),
    (re.compile(r"\.\./" + "shared"), "a folder that is not in this repository"),
    (re.compile(r"\b[Ii]ssue" + r"\s+#?\d+"), "a number that only its tracker explains"),
    (re.compile(r"\b[Ss]ession" + r"\s+#?\d+\b"), "a number that only its writer knows"),
    (re.compile(r"\b(?:TO" + "DO|FIX" + r"ME|X" + r"XX)\b"), "unfinished work belongs into the tracker"),
]
TEXT_SUFFIXES = {".cc", ".h", ".cpp", ".def", ".py", ".sh", ".md", ".txt", ".cmake", ".json", ".java", ".api", ".xml", ""}
UNORDERED = re.compile(r"\bunordered_(?:flat_)?(?:map|set|multimap)<[^;{}()]*>\s+(\w+)\s*[;{=]")
ORDERED_FOLDERS = ("controller", "broker", "replication", "group", "txn")


class Tidy:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = cpp_source.tracked_files(root)
        self.complaints = []
        self.excused = self.read_exceptions()

    def read_exceptions(self):
        """{(rule, path): reason} of tools/tidy_exceptions.txt, whose lines are `rule path reason`."""
        path = self.root / "tools/tidy_exceptions.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        rows = [line.split(maxsplit=2) for line in lines if line.strip() and not line.startswith("#")]
        for row in rows:
            if len(row) < 3:
                self.complaints.append(f"tools/tidy_exceptions.txt: no reason given: {' '.join(row)}")
        return {(row[0], row[1]): row[2] for row in rows if len(row) == 3}

    def complain(self, rule, path, line, text):
        if (rule, str(path)) not in self.excused:
            self.complaints.append(f"{path}:{line}: [{rule}] {text}")

    def read(self, path):
        return (self.root / path).read_text(errors="replace")

    def check_size(self, path, text):
        limit = TEST_FILE_LINES_MAX if cpp_source.is_test(path) else FILE_LINES_MAX
        lines = text.count("\n")
        if lines > limit:
            self.complain("file-size", path, 1, f"{lines} lines, {limit} are the limit")

    def check_functions(self, path, text):
        for function in cpp_source.functions(text):
            if function.lines > FUNCTION_LINES_MAX:
                self.complain("function-size", path, function.line,
                              f"{function.name} has {function.lines} lines, {FUNCTION_LINES_MAX} are the limit")
            limit = CONSTRUCTOR_PARAMETERS_MAX if function.is_constructor else PARAMETERS_MAX
            if function.parameters > limit and not cpp_source.is_test(path):
                self.complain("parameters", path, function.line,
                              f"{function.name} has {function.parameters} parameters, {limit} are the limit")

    def check_calls(self, path, code):
        below_src = "/".join(path.parts[1:])
        for pattern, instead, folders in BANNED_CALLS:
            if any(below_src.startswith(folder + "/") for folder in folders):
                continue
            for found in re.finditer(pattern, code):
                self.complain("banned-call", path, code.count("\n", 0, found.start()) + 1,
                              f"{found.group(0).strip()}: {instead}")

    def check_names(self, path, code):
        for found in BANNED_CLASS_NAME.finditer(code):
            self.complain("class-name", path, code.count("\n", 0, found.start()) + 1, f"{found.group(1)}: name the noun")

    def check_iteration(self, path, code):
        """Cores and broker never iterate an unordered container: its order differs from run to run."""
        if path.parts[1] not in ORDERED_FOLDERS:
            return
        header = path.with_suffix(".h")
        declared = code
        if path.suffix == ".cc" and (self.root / header).exists():
            declared += cpp_source.without_comments(self.read(header))
        for name in set(UNORDERED.findall(declared)):
            for found in re.finditer(rf"\bfor\s*\([^;()]*:\s*(?:[\w.]+(?:\.|->))?{name}\s*\)", code):
                self.complain("unordered-iteration", path, code.count("\n", 0, found.start()) + 1, name)

    def check_cpp(self, path, text):
        code = cpp_source.without_comments(text)
        self.check_functions(path, text)
        if path.parts[0] == "src":
            if not cpp_source.is_test(path):
                self.check_calls(path, code)
                self.check_iteration(path, code)
            self.check_names(path, code)
            if path.suffix == ".h" and "#pragma once" not in text:
                self.complain("pragma-once", path, 1, "a header needs #pragma once")
            if path.suffix == ".h" and not text.startswith("//"):
                self.complain("file-comment", path, 1, "a file starts with what it is")

    def check_text(self, path, text):
        for pattern, why in BANNED_TEXT:
            for found in pattern.finditer(text):
                self.complain("banned-text", path, text.count("\n", 0, found.start()) + 1, f"{found.group(0)}: {why}")

    def check_modules(self):
        """Each folder of src/ that makes a target has a README.md of 10 lines or more."""
        for path in self.files:
            if path.name != "CMakeLists.txt" or path.parts[0] != "src" or len(path.parts) < 3:
                continue
            readme = path.with_name("README.md")
            if readme not in self.files:
                self.complain("readme", readme, 1, "each module has one: purpose, main types, threads, invariants")
            elif self.read(readme).count("\n") < 10:
                self.complain("readme", readme, 1, "is too short to say purpose, main types, threads, invariants")

    def check_dead_headers(self):
        included = set()
        for path in self.files:
            if cpp_source.is_cpp(path) or path.suffix == ".py":
                included.update(re.findall(r'#\s*include\s*"([^"]+)"', self.read(path)))
        for path in self.files:
            if path.parts[0] == "src" and path.suffix in (".h", ".def") and "/".join(path.parts[1:]) not in included:
                self.complain("dead-file", path, 1, "nobody includes it")

    def check(self):
        for path in self.files:
            if path.suffix not in TEXT_SUFFIXES or path.parts[:2] in (("tests", "golden"), ("tests", "corpus")):
                continue
            text = self.read(path)
            if path.name != "LICENSE":
                self.check_text(path, text)
            if cpp_source.is_cpp(path) or path.suffix in (".py", ".sh", ".java"):
                self.check_size(path, text)
            if cpp_source.is_cpp(path):
                self.check_cpp(path, text)
        self.check_modules()
        self.check_dead_headers()
        return self.complaints


if __name__ == "__main__":
    problems = Tidy(sys.argv[1] if len(sys.argv) > 1 else ".").check()
    print("\n".join(problems) or "tidy: nothing to complain about")
    sys.exit(1 if problems else 0)
