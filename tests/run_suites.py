#!/usr/bin/python3
"""Runs the suites of one folder (tests/README.md has the convention): run_suites.py FOLDER [WORD...]

Prints each suite's output as it comes, then a table with times and the totals as the last line, `N passed, N failed,
N skipped`. With SUITE_TOTALS=FILE, the totals are also appended to that file. Exit code 1 if anything failed."""
import dataclasses
import os
import pathlib
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOTALS = re.compile(rb"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\s*$")
LIMIT = re.compile(r"^# limit: (\d+)\s*$", re.M)
SKIPPED = 77
LIMIT_DEFAULT_S = 600


@dataclasses.dataclass
class Outcome:
    name: str
    state: str  # passed, failed, skipped
    passed: int
    failed: int
    skipped: int
    seconds: float
    note: str = ""


def limit_of(path):
    """The time limit in seconds that the first ten lines of a suite name."""
    with open(path, errors="replace") as file:
        head = "".join(line for line, _ in zip(file, range(10)))
    found = LIMIT.search(head)
    return int(found.group(1)) if found else LIMIT_DEFAULT_S


def end_group(process):
    """Ends what a suite left running: its process group, which is its own."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            return
        time.sleep(2 if sent == signal.SIGTERM else 0)


def pump(process, limit_s):
    """Shows the output of a suite until it ends. Gives (all totals lines, last line, whether the limit was passed)."""
    deadline = time.monotonic() + limit_s
    totals, last, rest = None, b"", b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if time.monotonic() > deadline:
                return totals, last, True
            if not selector.select(timeout=1):
                if process.poll() is not None:
                    return totals, last, False  # ended; a child of it still holds the pipe
                continue
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                return totals, last, False
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                last = line.strip() or last
                totals = TOTALS.match(line) or totals


def judge(name, code, totals, last, is_late, limit_s, seconds):
    """What the end of a suite means."""
    passed, failed, skipped = (int(n or 0) for n in totals.groups()) if totals else (0, 0, 0)
    if is_late:
        return Outcome(name, "failed", passed, max(failed, 1), skipped, seconds, f"over its limit of {limit_s} s")
    if code == SKIPPED:
        return Outcome(name, "skipped", passed, failed, max(skipped, 1), seconds, last.decode(errors="replace"))
    if code != 0:
        return Outcome(name, "failed", passed, max(failed, 1), skipped, seconds, f"exit code {code}")
    if failed:
        return Outcome(name, "failed", passed, failed, skipped, seconds, "exit code 0, but its totals name failures")
    if not totals:
        passed = 1
    return Outcome(name, "passed", passed, failed, skipped, seconds)


def run(path):
    """Runs one suite to its end or limit."""
    limit_s = limit_of(path)
    folder = tempfile.mkdtemp(prefix=f"suite-{path.name}-")
    environment = dict(os.environ, SUITE_TMP=folder, SUITE_PYTHON="/usr/bin/python3",
                       SUITE_GREGOR=str(pathlib.Path(os.environ["SUITE_BUILD"]) / "gregor"))
    print(f"\n=== {path.name}", flush=True)
    start = time.monotonic()
    process = subprocess.Popen([path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env=environment, cwd=os.environ["SUITE_ROOT"], start_new_session=True)
    totals, last, is_late = pump(process, limit_s)
    if is_late:
        end_group(process)
    code = process.wait()
    end_group(process)
    outcome = judge(path.name, code, totals, last, is_late, limit_s, time.monotonic() - start)
    if outcome.state == "failed":
        outcome.note += f"; its files: {folder}"
    else:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"=== {path.name}: {outcome.state} in {outcome.seconds:.0f} s {outcome.note}".rstrip(), flush=True)
    return outcome


def report(kind, outcomes):
    """Prints the table and the totals; gives the exit code."""
    print(f"\n{kind}:")
    for o in outcomes:
        print(f"  {o.state:8} {o.seconds:6.0f} s  {o.name:28} {o.passed} passed, {o.failed} failed, {o.skipped} skipped"
              f"{'  (' + o.note + ')' if o.note else ''}")
    passed, failed, skipped = (sum(getattr(o, field) for o in outcomes) for field in ("passed", "failed", "skipped"))
    if os.environ.get("SUITE_TOTALS"):
        with open(os.environ["SUITE_TOTALS"], "a") as file:
            print(passed, failed, skipped, kind, file=file)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed else 0


def main():
    kind, words = sys.argv[1], sys.argv[2:]
    folder = pathlib.Path(os.environ.get("SUITE_FOLDER") or pathlib.Path(__file__).parent / "suites") / kind
    found = sorted(p for p in folder.glob("*") if p.is_file() and os.access(p, os.X_OK))
    chosen = [p for p in found if not words or any(word in p.name for word in words)]
    if not chosen:
        sys.exit(f"run_suites: no suite in {folder} for {' '.join(words) or 'any word'}")
    sys.exit(report(kind, [run(path) for path in chosen]))


if __name__ == "__main__":
    main()
