"""Runs of gregor_sim for the suites: seeds shared out between processes, planted bugs, traces of two builds."""
import os
import re
import subprocess

from suite import BUILD, ROOT, check

PROGRAM = BUILD / "src" / "sim" / "gregor_sim"
SANITIZED_TREE = ROOT / "build" / "asan"
BUGS = ["acknowledge_before_write", "skip_tail_cut", "wrong_base_offset", "skip_directory_sync", "skip_producer_replay",
        "lose_fetch_notice", "commit_unwritten", "keep_generation", "forget_at_load", "accept_old_commit", "accept_fenced"]


def share_out(first, last, parts):
    """[first, last] as at most so many ranges that follow each other."""
    count = last - first + 1
    ranges = []
    for i in range(parts):
        size = count // parts + (1 if i < count % parts else 0)
        if size:
            ranges.append((first, first + size - 1))
            first += size
    return ranges


def run_together(suite, commands):
    """Starts all, waits for all. Returns [(exit code, output)] in their order."""
    started = [subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for words in commands]
    for process in started:
        suite.at_end(process.kill)
    return [(process.returncode, output) for process, output in [(each, each.communicate()[0]) for each in started]]


def run_seeds(suite, first, last):
    """Runs the seeds in as many processes as there are processors; fails the case with the first failure."""
    ranges = share_out(first, last, int(os.environ.get("SUITE_JOBS") or os.cpu_count() or 1))
    results = run_together(suite, [[PROGRAM, "--seeds", f"{a}..{b}"] for a, b in ranges])
    for (a, b), (code, output) in zip(ranges, results):
        print(f"        seeds {a} to {b}: exit code {code}\n" + "\n".join("        " + line for line in output.splitlines()), flush=True)
    check(all(code == 0 for code, _ in results), "not all seeds passed, or they tried too little; see above")


def find_bug(suite, bug, seeds):
    """Fails the case unless one of the seeds finds the planted bug."""
    (code, output), = run_together(suite, [[PROGRAM, "--seeds", f"1..{seeds}", "--bug", bug, "--expect-found", "--repeat", "0"]])
    lines = output.splitlines()[-12:]
    print("\n".join("        " + line[:160] for line in lines), flush=True)
    check(code == 0, f"{bug} is not found by {seeds} seeds")


def traces(suite, program, first, last):
    """{seed: hash of its trace}, of one build."""
    (code, output), = run_together(suite, [[program, "--seeds", f"{first}..{last}", "--hashes", "--repeat", "0"]])
    check(code == 0, f"{program}: exit code {code}\n{output[-2000:]}")
    return {int(seed): found for seed, found in re.findall(r"^hash (\d+) ([0-9a-f]{16})$", output, re.MULTILINE)}


def sanitized_program():
    """gregor_sim of the sanitizer build, or None if that tree was not made. It compiles one file if the tests were built."""
    if not (SANITIZED_TREE / "build.ninja").exists():
        return None
    built = subprocess.run(["ninja", "-C", str(SANITIZED_TREE), "gregor_sim_program"], capture_output=True, text=True)
    check(built.returncode == 0, built.stdout[-2000:])
    return SANITIZED_TREE / "src" / "sim" / "gregor_sim"
