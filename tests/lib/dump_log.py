"""kafka.tools.DumpLogSegments over the files of a log dir. Its exit code says nothing and its complaints have many forms, so
the test is the other way round: every line it prints must be one of the few that say nothing bad."""
import pathlib
import re

import kafka_jars

_HARMLESS = [re.compile(pattern) for pattern in (
    r"Dumping .*",
    r"Log starting offset: \d+",
    r"baseOffset: \d+ lastOffset: \d+ count: \d+ .* isvalid: true",
    r"\| offset: \d+ (CreateTime|LogAppendTime): -?\d+ keySize: .*",
    r"offset: \d+ position: \d+",
    r"timestamp: -?\d+ offset: \d+",
    r"\S+\.(time)?index is empty\.",
    r"producerId: \d+ producerEpoch: .*",
    r"version: \d+ producerId: \d+ firstOffset: .*",
    r"",
)]
_KINDS = (".log", ".index", ".timeindex", ".txnindex", ".snapshot")


class Dump:
    """What the tool said: records per .log file, and the lines that it should not have printed."""

    def __init__(self):
        self.records = {}
        self.index_entries = 0
        self.files = 0
        self.complaints = []

    def total(self):
        return sum(self.records.values())

    def read(self, text):
        file = None
        for line in text.splitlines():
            if not any(pattern.fullmatch(line) for pattern in _HARMLESS):
                self.complaints.append(line)
            elif line.startswith("Dumping "):
                file = line[len("Dumping "):]
                self.files += 1
                if file.endswith(".log"):
                    self.records[file] = 0
            elif line.startswith("| offset: "):
                self.records[file] += 1
                if "isValid: false" in line:  # old formats only
                    self.complaints.append(line)
            elif line.startswith(("offset: ", "timestamp: ")):
                self.index_entries += 1


def files_of(log_dirs):
    """Every file that the tool knows, of every partition, in Gregor's and in Kafka's log dirs."""
    found = []
    for log_dir in log_dirs:
        for folder in sorted(pathlib.Path(log_dir).iterdir()):
            if folder.is_dir() and folder.name != "__cluster_metadata-0":
                found += sorted(file for file in folder.iterdir() if file.suffix in _KINDS)
    return found


def dump(release, files, timeout=550):
    """Runs the tool of a release over the files, with deep iteration."""
    result = Dump()
    files = [str(file) for file in files]
    for start in range(0, len(files), 400):
        done = kafka_jars.run(
            release, "kafka.tools.DumpLogSegments", "--deep-iteration", "--files", ",".join(files[start:start + 400]),
            timeout=timeout, check=False, heap="512m")
        result.read(done.stdout)
        result.read(done.stderr)
        if done.returncode != 0:
            result.complaints.append(f"exit code {done.returncode}")
    return result
