"""The frame of a test suite in Python: named cases, one line each, the totals, and cleaning up.

A suite makes one Suite, runs its cases in `with suite.case("..."):` blocks and ends with `sys.exit(suite.finish())`.
A case that raises has failed; the next one is run all the same. What must be stopped at the end (brokers, consumers) is
handed to `suite.at_end`. The variables of tests/README.md are read here; without them (a suite started by hand)
the repository's own release build and a temporary folder are used.
"""
import contextlib
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time
import traceback

ROOT = pathlib.Path(os.environ.get("SUITE_ROOT") or pathlib.Path(__file__).resolve().parents[2])
BUILD = pathlib.Path(os.environ.get("SUITE_BUILD") or ROOT / "build" / "release")
GREGOR = pathlib.Path(os.environ.get("SUITE_GREGOR") or BUILD / "gregor")


class CheckFailed(AssertionError):
    """What a case expected did not hold."""


def check(condition, text):
    """Fails the case with `text` unless `condition` holds."""
    if not condition:
        raise CheckFailed(text)


def check_equal(found, expected, what):
    """Fails the case unless both are equal; long values are cut in the message."""
    if found != expected:
        raise CheckFailed(f"{what}: {_short(found)} instead of {_short(expected)}")


def _short(value):
    text = repr(value)
    return text if len(text) <= 300 else text[:300] + "..."


class Suite:
    def __init__(self):
        given = os.environ.get("SUITE_TMP")
        self.tmp = pathlib.Path(given or tempfile.mkdtemp(prefix="gregor-suite-"))
        self._own_tmp = not given
        self._ends = []
        self._passed = 0
        self._failed = 0
        self._started = time.monotonic()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    def folder(self, name):
        """A new folder below the suite's own."""
        path = self.tmp / name
        path.mkdir(parents=True)
        return path

    def at_end(self, stop):
        """`stop` is called at the end, the last one first, whatever happened."""
        self._ends.append(stop)

    @contextlib.contextmanager
    def case(self, name):
        """One case: passed unless the block raises."""
        began = time.monotonic()
        try:
            yield
        except Exception as failure:  # a suite goes on with its next case
            self._failed += 1
            print(f"FAILED  {name} ({time.monotonic() - began:.1f} s)", flush=True)
            if isinstance(failure, CheckFailed):
                print(f"        {failure}", flush=True)
            else:
                traceback.print_exc(file=sys.stdout)
        else:
            self._passed += 1
            print(f"ok      {name} ({time.monotonic() - began:.1f} s)", flush=True)

    def add(self, passed, failed):
        """Cases that another program ran and printed."""
        self._passed += passed
        self._failed += failed

    @contextlib.contextmanager
    def running(self):
        """The whole suite: ends what at_end collected, also after an exception or SIGTERM."""
        try:
            yield
        finally:
            for stop in reversed(self._ends):
                try:
                    stop()
                except Exception:  # the others still have to be stopped
                    self._failed += 1
                    traceback.print_exc(file=sys.stdout)

    def finish(self):
        """Prints the totals and gives the exit code."""
        if self._own_tmp and not self._failed:
            shutil.rmtree(self.tmp, ignore_errors=True)
        elif self._failed:
            print(f"files are kept in {self.tmp}")
        print(f"{time.monotonic() - self._started:.0f} s")
        print(f"{self._passed} passed, {self._failed} failed", flush=True)
        return 1 if self._failed else 0


def skip(reason):
    """Ends the suite as skipped."""
    print(f"skipped: {reason}", flush=True)
    sys.exit(77)


def wait_until(condition, seconds, what, pause=0.05):
    """Asks `condition` until it gives something true, which is returned; fails after `seconds`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, f"not within {seconds} s: {what}")
        time.sleep(pause)
