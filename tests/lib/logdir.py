"""The files of a log dir, read directly: batch headers of the segments, index entries, checkpoints."""
import mmap
import pathlib
import re
import struct

import records

_RENAMED = re.compile(r"\.[0-9a-f]{32}-(delete|future|stray)$")


def partition_folders(log_dir):
    """The partitions in a log dir, not those that were renamed to be deleted or moved."""
    return sorted(p for p in pathlib.Path(log_dir).iterdir() if p.is_dir() and not _RENAMED.search(p.name))


def segments(folder):
    return sorted(pathlib.Path(folder).glob("*.log"))


def batches(segment):
    """The batch headers of one .log file."""
    if segment.stat().st_size == 0:
        return []
    with open(segment, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return list(records.headers(data))


def codecs(folder):
    """{codec: batches} over all segments of a partition."""
    found = {}
    for segment in segments(folder):
        for batch in batches(segment):
            found[batch.codec] = found.get(batch.codec, 0) + 1
    return found


def record_count(folder):
    return sum(batch.count for segment in segments(folder) for batch in batches(segment))


def index_entries(file):
    """[(relative offset, position)] of an .index file."""
    return [e for e in struct.iter_unpack(">ii", pathlib.Path(file).read_bytes())]


def checkpoint(file):
    """The lines of a checkpoint file, each split into words, without version and count."""
    return [line.split() for line in pathlib.Path(file).read_text().splitlines()[2:]]


def properties(file):
    """A Java properties file as far as meta.properties and partition.metadata need it: key=value or key: value."""
    found = {}
    for line in pathlib.Path(file).read_text().splitlines():
        if line and not line.startswith("#"):
            key, value = line.replace(": ", "=", 1).split("=", 1)
            found[key.strip()] = value.strip()
    return found
