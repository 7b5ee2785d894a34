#!/usr/bin/env python3
"""check_format.py [ROOT]: the C++ files against .clang-format with clang-format-16; 77 (skipped) where that is missing.

`./dev fmt` rewrites them."""
import concurrent.futures
import os
import shutil
import subprocess
import sys

import cpp_source

PROGRAM = "clang-format-16"
SKIPPED = 77
BATCH = 12


def is_formatted(root, paths):
    """What clang-format complains about in these files."""
    run = subprocess.run([PROGRAM, "--dry-run", "-Werror", *paths], cwd=root, capture_output=True, text=True, check=False)
    return run.stderr if run.returncode else ""


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "."
    if shutil.which(PROGRAM) is None:
        print(f"SKIPPED: no {PROGRAM} here")
        sys.exit(SKIPPED)
    paths = [str(path) for path in cpp_source.tracked_files(root) if cpp_source.is_cpp(path)]
    batches = [paths[i:i + BATCH] for i in range(0, len(paths), BATCH)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        complaints = "".join(pool.map(lambda batch: is_formatted(root, batch), batches))
    files = sorted({line.split(":")[0] for line in complaints.splitlines() if "clang-format-violations" in line})
    print("\n".join(files + [f"{len(files)} files are not formatted: ./dev fmt"]) if complaints
          else f"format: {len(paths)} files as {PROGRAM} would have them")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
