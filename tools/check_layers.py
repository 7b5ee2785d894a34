#!/usr/bin/env python3
"""check_layers.py [ROOT]: every include between the folders of src/ against tools/layers.txt; exit 1 if one points up.

Also: only a folder's own namespace may be opened in it (no forward declaration of what stands above)."""
import pathlib
import re
import sys

import cpp_source

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<][^">]+[">])', re.M)
NAMESPACE = re.compile(r"^\s*namespace\s+gregor::(\w+)", re.M)


class Layers:
    """tools/layers.txt."""

    def __init__(self, text):
        self.allowed, self.only, self.test = {}, [], set()
        for line in text.splitlines():
            line = line.split("#")[0].strip()
            if line.startswith("only "):
                _, prefix, *folders = line.split()
                self.only.append((prefix, folders))
            elif line:
                folder, _, below = line.partition(":")
                if folder == "test":
                    self.test = set(below.split())
                else:
                    self.allowed[folder.strip()] = set(below.split())

    def part_of(self, path):
        """The longest line that a path below src/ belongs to; None if there is none."""
        parts = pathlib.PurePosixPath(path).parts
        for n in range(len(parts) - 1, 0, -1):
            if "/".join(parts[:n]) in self.allowed:
                return "/".join(parts[:n])
        return None


def check_file(path, text, layers):
    """Complaints about one file; `path` is below src/."""
    part = layers.part_of(path)
    if part is None:
        return [f"src/{path}: its folder has no line in tools/layers.txt"]
    below = layers.allowed[part]
    is_test = cpp_source.is_test(path)
    complaints = []
    for found in INCLUDE.finditer(text):
        included, where = found.group(1), f"src/{path}:{text.count(chr(10), 0, found.start(1)) + 1}"
        for prefix, folders in layers.only:
            plain = included.replace('"', "<", 1)
            if plain.startswith(prefix) and not is_test and not any(f"{path}".startswith(f + "/") for f in folders + ["app", "sim"]):
                complaints.append(f"{where}: {included} belongs into {' '.join(folders)} only")
        target = layers.part_of(included[1:-1]) if included[0] == '"' else None
        if target is None or target == part or "*" in below or target in below:
            continue
        if not (is_test and target in layers.test):
            complaints.append(f"{where}: {part} may not include {target} ({included})")
    modules = {name.split("/")[0] for name in layers.allowed}
    for found in NAMESPACE.finditer(text):
        if found.group(1) in modules and found.group(1) != part.split("/")[0]:
            complaints.append(f"src/{path}: {part} opens namespace gregor::{found.group(1)}")
    return complaints


def check(root):
    """All complaints about the tree at `root`."""
    root = pathlib.Path(root)
    layers = Layers((root / "tools/layers.txt").read_text())
    complaints = []
    for path in cpp_source.tracked_files(root):
        if path.parts[0] == "src" and cpp_source.is_cpp(path) and len(path.parts) > 2:
            complaints += check_file(path.relative_to("src"), (root / path).read_text(), layers)
    return complaints


if __name__ == "__main__":
    problems = check(sys.argv[1] if len(sys.argv) > 1 else ".")
    print("\n".join(problems) or "layers: every include points down")
    sys.exit(1 if problems else 0)
