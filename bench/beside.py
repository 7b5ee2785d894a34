#!/usr/bin/env python3
"""beside.py [cold] [warm] [slow]: what a consumer of cold records, and a slow disk, do to others. Gregor, on this machine; needs root for slow.

Latency of the topics `plain` and `synced` (flush.messages=1), RATE (500) records of 1 kB a second each, SECONDS (15) long: alone, then
  cold   beside a consumer that reads MEGABYTES (2000) of another topic of the same log dir again and again, whose pages were dropped from
         memory: COLD_RATE (100) MB a second; 0: as fast as it goes, which takes all the CPU as well
  warm   the same with the pages in memory: what is due to the CPU and not to the disk
  slow   beside producers on another log dir, on a loop device (in /dev/shm) that takes SLOW_BYTES (2000000) a second: eight partitions with
         flush.messages=1, one record at a time each by CONNECTIONS (16), and one partition with segments of 1 MiB as fast as it goes
TRIES (2) times each, alone and beside in turn. BENCH_DIR: where the data goes. BENCH_BUILD: the build tree."""
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("BENCH_BUILD") or HERE.parent / "build" / "release")
sys.path.insert(0, str(HERE.parent / "tests" / "lib"))
import records
from broker import GregorBroker
from loop_disk import LoopDisk
from raw_client import RawClient
from suite import wait_until

RATE, SECONDS, SIZE = (int(os.environ.get(name, usual)) for name, usual in (("RATE", 500), ("SECONDS", 15), ("SIZE", 1000)))
MEGABYTES, SLOW_BYTES = int(os.environ.get("MEGABYTES", "2000")), int(os.environ.get("SLOW_BYTES", "2000000"))
COLD_RATE = int(os.environ.get("COLD_RATE", "100"))
CONNECTIONS, TRIES = int(os.environ.get("CONNECTIONS", "16")), int(os.environ.get("TRIES", "2"))
MEASURED = ("plain", "synced")
FILLERS = 40  # partitions that keep new ones away from the first log dir


def loadgen(*words):
    return subprocess.Popen([str(BUILD / "bench" / "loadgen"), *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


class Throttle:
    """Bytes that a device may be written a second: io.max of cgroup v2, or blkio of v1 (for whoever writes)."""

    def __init__(self, device, bytes_per_second, pid):
        number = pathlib.Path(f"/sys/block/{pathlib.Path(device).name}/dev").read_text().strip()
        second = pathlib.Path("/sys/fs/cgroup/cgroup.controllers")
        if second.exists() and "io" in second.read_text().split():
            self._group = pathlib.Path("/sys/fs/cgroup/gregor-bench")
            pathlib.Path("/sys/fs/cgroup/cgroup.subtree_control").write_text("+io +memory")
            self._group.mkdir(exist_ok=True)
            (self._group / "io.max").write_text(f"{number} wbps={bytes_per_second}")
            (self._group / "cgroup.procs").write_text(str(pid))
            self.kind = "io.max, cgroup v2"
            self._end = None
        else:
            file = pathlib.Path("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device")
            file.write_text(f"{number} {bytes_per_second}")
            self.kind = "blkio.throttle.write_bps_device, cgroup v1"
            self._group = None
            self._end = lambda: file.write_text(f"{number} 0")

    def lift(self):
        if self._end:
            self._end()
        elif self._group:
            (self._group / "io.max").write_text("")


def measure(broker):
    """Latencies of the measured topics, at the same time: {topic: {what: {quantile: ms}}}"""
    running = {topic: loadgen("e2e", broker.address, topic, RATE, SECONDS, SIZE, broker.process.pid, "linger.ms=0") for topic in MEASURED}
    found = {}
    for topic, process in running.items():
        text = process.communicate()[0]
        if not all(f"{what}_ms" in text for what in ("ack", "e2e")):
            sys.exit(f"{topic}: {text}")
        if process.returncode:  # so late that it was not waited for
            print(f"        {topic}: {re.search('sent=.*', text)[0]}", flush=True)
        found[topic] = {what: {q: float(v) for q, v in re.findall(r"(p\d+)=([\d.]+)", line)}
                        for what, line in re.findall(r"^(ack|e2e)_ms (.*)$", text, re.MULTILINE)}
    return found


def say(label, found):
    for topic, kinds in found.items():
        line = "; ".join(f"{what} p50 {q['p50']:.2f}, p99 {q['p99']:.2f}, p99.9 {q['p999']:.2f} ms" for what, q in kinds.items())
        print(f"{label:>6} {topic:>6}: {line}", flush=True)


def drop_pages(folder):
    """Of the segments in a partition's folder, so that whoever reads them waits for the disk."""
    for path in folder.glob("*.log"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class Reader:
    """A consumer that reads the cold topic from its beginning again and again, in a process of its own."""

    def __init__(self, broker, kind):
        self._broker = broker
        self._kind = kind
        self._folder = broker.log_dirs[0] / "cold-0"
        self._process = None

    def begin(self):
        self._process = subprocess.Popen([sys.executable, __file__, "--read", self._kind, self._broker.address, str(self._folder)],
                                         stdin=subprocess.DEVNULL)

    def end(self):
        self._process.terminate()
        self._process.wait()


def read_again(kind, address, folder):
    while True:
        if kind == "cold":
            drop_pages(pathlib.Path(folder))
        began = time.monotonic()
        if COLD_RATE:
            read_at_rate(address)
        else:
            loadgen("consume", address, "cold", MEGABYTES * 1000, 0, "assign=1").communicate()
        took = time.monotonic() - began
        print(f"        {MEGABYTES} MB that were {kind} in {took:.1f} s: {MEGABYTES / took:.0f} MB/s", flush=True)


def read_at_rate(address):
    """The whole topic, 1 MB with each Fetch, COLD_RATE of them a second at most."""
    with RawClient(address) as client:
        offset, due = 0, time.monotonic()
        while True:
            data = client.fetch("cold", 0, offset, max_wait_ms=0, max_bytes=1_000_000)["records"]
            for batch in records.headers(data):
                offset = batch.last_offset + 1
            if not data:
                return
            due += len(data) / 1e6 / COLD_RATE
            time.sleep(max(0, due - time.monotonic()))


class SlowWriters:
    """Producers on the log dir whose disk is slow."""

    def __init__(self, broker, disk):
        self._broker, self._disk = broker, disk
        self._running, self._throttle = [], None

    def begin(self):
        self._throttle = Throttle(self._disk.device, SLOW_BYTES, self._broker.process.pid)
        seconds = SECONDS + 30
        self._running = [subprocess.Popen([str(BUILD / "bench" / "one_each"), str(self._broker.port), f"slow{number}",
                                           str(max(1, CONNECTIONS // 8)), str(seconds)], stdin=subprocess.DEVNULL,
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for number in range(8)]
        self._running.append(loadgen("produce", self._broker.address, "bulk", 10**9, 1000, 0, "enable.idempotence=false",
                                     "linger.ms=20", "queue.buffering.max.kbytes=20000", "message.timeout.ms=600000"))
        time.sleep(3)

    def end(self):
        for process in self._running:
            process.kill()
            process.communicate()
        self._throttle.lift()
        print(f"        ({self._throttle.kind})", flush=True)
        time.sleep(10)  # what is still to be written goes to the disk


def check_places(broker, topics, log_dir):
    for topic in topics:
        if not (log_dir / f"{topic}-0").is_dir():
            sys.exit(f"{topic}-0 is not in {log_dir}")


def prepare(broker):
    """The first log dir's topics, while it is the only one."""
    broker.start()
    with broker.client(timeout=60) as client:
        for topic, configs in (("plain", None), ("synced", {"flush.messages": "1"}), ("cold", {"segment.bytes": str(256 << 20)})):
            client.create_topic(topic, 1, configs=configs)
        client.create_topic("filler", FILLERS)
    for topic in MEASURED:  # makes __consumer_offsets
        loadgen("e2e", broker.address, topic, 10, 1, 100, 0).communicate()
    text = loadgen("produce", broker.address, "cold", MEGABYTES * 1000, 1000, 0, "enable.idempotence=false", "linger.ms=20").communicate()[0]
    print(f"        {text.splitlines()[0]}", flush=True)
    broker.stop()


def compare(broker, name, others):
    ratios = {}
    for _ in range(TRIES):
        alone = measure(broker)
        say("alone", alone)
        others.begin()
        try:
            beside = measure(broker)
        finally:
            others.end()
        say(name, beside)
        for topic in MEASURED:
            for what in ("ack", "e2e"):
                ratios.setdefault((topic, what), []).append(beside[topic][what]["p99"] / alone[topic][what]["p99"])
    for (topic, what), found in ratios.items():
        print(f"{name}, {topic}: p99 of {what} is {statistics.median(found):.2f} times that alone ({', '.join(f'{r:.2f}' for r in found)})",
              flush=True)


def run(root, names):
    disk = None
    # In memory: on the disk of the first log dir its syncs would go through that one's journal.
    slow = pathlib.Path(tempfile.mkdtemp(prefix="gregor-beside-", dir="/dev/shm"))
    broker = GregorBroker(root / "broker", {"offsets.topic.num.partitions": "1"}, [root / "fast"])
    if shards := os.environ.get("SHARDS"):
        broker.settings["gregor.shards"] = shards
    try:
        prepare(broker)
        if "slow" in names:
            disk = LoopDisk(slow, 1500)
            broker.log_dirs.append(disk.mount_point / "data")
        broker.start()
        if disk:
            with broker.client(timeout=60) as client:
                for number in range(8):
                    client.create_topic(f"slow{number}", 1, configs={"flush.messages": "1"})
                client.create_topic("bulk", 1, configs={"segment.bytes": str(1 << 20), "retention.bytes": str(500 << 20)})
            check_places(broker, [*(f"slow{number}" for number in range(8)), "bulk"], broker.log_dirs[1])
        check_places(broker, [*MEASURED, "cold", "__consumer_offsets"], broker.log_dirs[0])
        wait_until(lambda: broker.is_running(), 5, "the broker")
        for kind in ("warm", "cold"):
            if kind in names:
                compare(broker, kind, Reader(broker, kind))
        if "slow" in names:
            compare(broker, "slow", SlowWriters(broker, disk))
    finally:
        broker.kill()
        if disk:
            disk.remove()
        shutil.rmtree(slow, ignore_errors=True)


def main():
    if sys.argv[1:2] == ["--read"]:
        return read_again(*sys.argv[2:])
    names = sys.argv[1:] or ["cold", "slow"]
    if any(name not in ("cold", "warm", "slow") for name in names):
        sys.exit(__doc__)
    root = pathlib.Path(tempfile.mkdtemp(prefix="gregor-beside-", dir=os.environ.get("BENCH_DIR")))
    try:
        run(root, names)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return None


main()
