"""The crash checker as a process that a suite drives: see crash_checker.cc for its commands."""
import queue
import subprocess
import threading
import time

from process import _die_with_parent
from suite import BUILD, check

PROGRAM = BUILD / "tests" / "crash_checker"


class Checker:
    """Works on an existing topic. Starts with everything standing still."""

    def __init__(self, address, topic, partitions, seed, mb_per_second=30, prefix="made-", idempotent=False):
        self._process = subprocess.Popen(
            [str(PROGRAM), "run", "--address", address, "--topic", topic, "--partitions", str(partitions), "--seed", str(seed),
             "--mb-per-second", str(mb_per_second), "--topics-prefix", prefix, "--idempotent", "yes" if idempotent else "no"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, preexec_fn=_die_with_parent)
        self._answers = queue.Queue()
        self._changes = queue.Queue()
        self.violations = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            words = line.split()
            if words[0] in ("creating", "deleting", "changed"):
                self._changes.put((time.monotonic(), words))
            elif words[0] == "violation":
                self.violations.append(line.strip())
            else:
                self._answers.put(line.strip())
        self._answers.put(None)

    def _tell(self, command):
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def ask(self, command, timeout=120):
        self._tell(command)
        answer = self._answers.get(timeout=timeout)
        check(answer is not None, f"the checker ended at '{command}'")
        check(answer.split()[0] == command.split()[0], f"'{answer}' to '{command}'")
        return answer

    def work(self):
        """Load and topics go on."""
        self.ask("load on")
        self.ask("topics on")

    def rest(self):
        self.ask("load off")
        self.ask("topics off")

    def create_and_wait_until_sent(self, timeout=20):
        """Orders a topic; returns as soon as the request has left. Gives its name, or None if none left in time."""
        self.changes()
        self._tell("create")
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                _, words = self._changes.get(timeout=max(0.001, end - time.monotonic()))
            except queue.Empty:
                return None
            if words[0] == "creating":
                return words[1]
        return None

    def changes(self):
        """The topic changes told since the last time: (time, words)."""
        found = []
        while True:
            try:
                found.append(self._changes.get_nowait())
            except queue.Empty:
                return found

    def unanswered_change(self, since, timeout=5):
        """"creation" or "deletion" if such a request had left before `since` and gets no answer, else None."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                when, words = self._changes.get(timeout=0.1)
            except queue.Empty:
                return None
            if words[0] == "changed" and when >= since:
                return words[1] if words[3] == "unanswered" else None
        return None

    def verify(self, full=False, timeout=600):
        """Everything stands still, is read and judged. Fails the case if a promise was broken."""
        before = len(self.violations)
        answer = self.ask("verify full" if full else "verify", timeout)
        broken = self.violations[before:]
        check("clean" in answer.split() and not broken, f"{answer}\n        " + "\n        ".join(broken))
        return int(answer.split("records=")[1].split()[0])

    def stats(self):
        """Counters as a dict; everything stands still afterwards."""
        pairs = [word.split("=") for word in self.ask("stats").split()[1:]]
        return {name: int(value) if value.isdigit() else value for name, value in pairs}

    def stop(self):
        if self._process.poll() is None:
            try:
                self._tell("quit")
                self._process.wait(30)
            except (OSError, subprocess.TimeoutExpired):
                self._process.kill()
                self._process.wait(30)
