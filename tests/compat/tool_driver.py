"""Apache Kafka's command line tools in one JVM (ToolDriver.java), where each would take seconds to start."""
import pathlib
import re
import subprocess
import threading

import kafka_jars

_SOURCE = pathlib.Path(__file__).with_name("ToolDriver.java")
_SHORT = {
    "kafka-topics": "org.apache.kafka.tools.TopicCommand",
    "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
    "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
    "kafka-log-dirs": "org.apache.kafka.tools.LogDirsCommand",
    "kafka-leader-election": "org.apache.kafka.tools.LeaderElectionCommand",
    "kafka-features": "org.apache.kafka.tools.FeatureCommand",
}
_STACK = re.compile(r"\s+at |\s*\.\.\. \d+ more|\s*Suppressed:")
_LOG_PREFIX = re.compile(r"^(?:\d{4}-\d\d-\d\d[ T][\d:,.]+ |\d+ )?\[[^\]]*\] (?=(?:ERROR|WARN|INFO) )")


class Answer:
    """What a tool printed: exit code, standard output, standard error without stack traces and the log's times."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        kept = [_LOG_PREFIX.sub("", line) for line in err.splitlines() if not _STACK.match(line)]
        self.err = "".join(line + "\n" for line in kept)


class ToolDriver:
    """`sides`: addresses of one or two brokers; what is run on several of them runs at the same time."""

    def __init__(self, release, sides, log):
        self.release = release
        self.sides = sides
        options = ["-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        with open(log, "ab") as errors:
            self._process = subprocess.Popen(
                kafka_jars.java(release, options) + [_SOURCE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)

    def run(self, tool, words, timeout=120, with_address=True):
        """`words`: as in a shell, or one list per side; the broker's address is put in front. Gives an Answer per side."""
        each = words if words and isinstance(words[0], list) else [words] * len(self.sides)
        for side, (address, own) in enumerate(zip(self.sides, each)):
            at = ["--bootstrap-server", address] if with_address else []
            line = [str(side), _SHORT.get(tool, tool), *at, *map(str, own)]
            self._process.stdin.write(("\t".join(line) + "\n").encode())
        self._process.stdin.flush()
        watch = threading.Timer(timeout, self._process.kill)  # a tool that hangs ends the driver
        watch.start()
        try:
            found = dict(self._read_answer() for _ in self.sides)
        finally:
            watch.cancel()
        return [found[side] for side in range(len(self.sides))]

    def _read_answer(self):
        head = self._process.stdout.readline().split()
        if len(head) != 4:
            raise RuntimeError(f"the tools' JVM has ended with {self._process.wait(10)}")
        side, code, out, err = map(int, head)
        return side, Answer(code, self._process.stdout.read(out).decode(), self._process.stdout.read(err).decode())

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
