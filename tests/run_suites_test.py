#!/usr/bin/env python3
"""The runner of suites: exit codes, totals, time limits, processes left behind."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

RUNNER = pathlib.Path(__file__).with_name("run_suites.py")


class RunSuites(unittest.TestCase):
    def run_all(self, *words, **suites):
        with tempfile.TemporaryDirectory() as root:
            folder = pathlib.Path(root, "suites", "test")
            folder.mkdir(parents=True)
            for name, text in suites.items():
                path = folder / name
                path.write_text("#!/bin/bash\n" + text)
                path.chmod(0o755)
            environment = dict(os.environ, SUITE_FOLDER=str(folder.parent), SUITE_ROOT=root, SUITE_BUILD=root,
                               SUITE_JOBS="1", SUITE_TOTALS=str(pathlib.Path(root, "totals")), TMPDIR=root)
            run = subprocess.run([sys.executable, RUNNER, "test", *words], env=environment, capture_output=True, text=True,
                                 check=False)
            totals = pathlib.Path(root, "totals")
            return run.returncode, run.stdout, totals.read_text() if totals.exists() else ""

    def check_last(self, result, code, last):
        self.assertEqual(result[0], code, result[1])
        self.assertEqual(result[1].splitlines()[-1], last)
        self.assertEqual(result[2].split()[:3], re.findall(r"\d+", last))

    def test_each_end(self):
        self.check_last(self.run_all(a="exit 0"), 0, "1 passed, 0 failed, 0 skipped")
        self.check_last(self.run_all(a="exit 1"), 1, "0 passed, 1 failed, 0 skipped")
        self.check_last(self.run_all(a="echo why; exit 77"), 0, "0 passed, 0 failed, 1 skipped")
        self.check_last(self.run_all(a="kill -9 $$"), 1, "0 passed, 1 failed, 0 skipped")

    def test_totals_are_added(self):
        result = self.run_all(a="echo 3 passed, 0 failed", b="echo 4 passed, 0 failed, 2 skipped", c="exit 0")
        self.check_last(result, 0, "8 passed, 0 failed, 2 skipped")

    def test_a_zero_with_failures_has_failed(self):
        self.check_last(self.run_all(a="echo 3 passed, 2 failed"), 1, "3 passed, 2 failed, 0 skipped")

    def test_a_failure_without_failures_counts(self):
        self.check_last(self.run_all(a="echo 3 passed, 0 failed; exit 3"), 1, "3 passed, 1 failed, 0 skipped")

    def test_limit_and_children(self):
        start = time.monotonic()
        result = self.run_all(a="# limit: 1\nsleep 60 & sleep 60")
        self.assertLess(time.monotonic() - start, 20)
        self.check_last(result, 1, "0 passed, 1 failed, 0 skipped")
        self.assertIn("over its limit of 1 s", result[1])

    def test_a_child_left_behind_does_not_hold_the_run(self):
        start = time.monotonic()
        self.check_last(self.run_all(a="sleep 60 & exit 0"), 0, "1 passed, 0 failed, 0 skipped")
        self.assertLess(time.monotonic() - start, 20)

    def test_words_choose(self):
        result = self.run_all("two", one="exit 1", two="exit 0")
        self.check_last(result, 0, "1 passed, 0 failed, 0 skipped")
        self.assertNotEqual(self.run_all("none", one="exit 0")[0], 0)


if __name__ == "__main__":
    unittest.main()
