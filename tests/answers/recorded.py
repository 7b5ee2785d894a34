"""Answers of Apache Kafka that are kept in a file, "name => answer" in each line, and the comparison with them."""
import os

from suite import check, check_equal

RECORDS = "SUITE_RECORD" in os.environ


class Recorded:
    """`tell(name, answer)` compares with the file, step by step; with SUITE_RECORD=1 the file is written anew by finish().
    `different`: {name: what this broker answers instead}."""

    def __init__(self, suite, file, written_by, different=None):
        self.different = dict(different or {})
        self.suite = suite
        self.file = file
        self.written_by = written_by
        self.found = []
        lines = file.read_text().splitlines() if file.exists() else []
        self.known = [tuple(line.split(" => ", 1)) for line in lines if line and not line.startswith("#")]

    def tell(self, name, answer):
        self.found.append((name, answer))
        if RECORDS:
            print(f"        {name} => {answer}", flush=True)
            return
        with self.suite.case(name):
            check(len(self.found) <= len(self.known), "no answer of Apache Kafka is recorded")
            check_equal(name, self.known[len(self.found) - 1][0], "step")
            check_equal(answer, self.different.pop(name, self.known[len(self.found) - 1][1]), "answer")

    def finish(self):
        if RECORDS:
            head = f"# What Apache Kafka 4.1.1 answers: written by {self.written_by}, not by hand.\n"
            self.file.write_text(head + "".join(f"{name} => {answer}\n" for name, answer in self.found))
            return
        with self.suite.case("every recorded step was taken"):
            check_equal(len(self.found), len(self.known), "steps")
            check_equal(list(self.different), [], "steps with another answer")
