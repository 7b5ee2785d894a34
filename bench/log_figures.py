#!/usr/bin/env python3
"""log_figures.py WHAT... [--kafka]: figures of the log, on this machine, of Gregor or of Apache Kafka 4.1.1 (KRaft, HEAP, default 1G).

  clean   start after a stop in order, with PARTITIONS (10000) partitions of one record each: seconds, CPU, memory
  crash   start after kill -9 with MEGABYTES (1000) of unflushed records of 1 kB in 100 partitions; recovered bytes by second of CPU
  flush   flush.messages=1, syncs that take SYNC_US (5000) longer: 64 connections with one request each, and one connection
  fast    the same with syncs as they are

A start is over when Metadata names a leader for each partition and ListOffsets answers for each; CPU is that of the process from
exec until then. TRIES (3) starts. BENCH_DIR: where the data goes (kept if given). BENCH_BUILD: the build tree."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("BENCH_BUILD") or HERE.parent / "build" / "release")
sys.path.insert(0, str(HERE.parent / "tests" / "lib"))
from process import free_port
from raw_client import RawClient
from wire import Writer
import records

VERSION = "4.1.1"
TRIES = int(os.environ.get("TRIES", "3"))
TOPIC = "figures"
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICK


def memory_mib(pid, what):
    return int(re.search(rf"^{what}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1]) / 1024


def wait_until(condition, seconds, what):
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except (OSError, ValueError, EOFError):
            value = None
        if value:
            return value
        if time.monotonic() > end:
            sys.exit(f"not within {seconds} s: {what}")
        time.sleep(0.1)


class Broker:
    """One broker whose data stays in a folder."""

    def __init__(self, folder, settings, environment):
        self.folder = folder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.environment = {**os.environ, **environment}
        self.settings = settings
        self.pid = None

    def launch(self):
        self.pid = subprocess.Popen(self.command(), env=self.environment, stdin=subprocess.DEVNULL,
                                    stdout=open(self.folder / "log", "a"), stderr=subprocess.STDOUT).pid
        wait_until(lambda: RawClient(self.address).metadata([]) is not None, 120, "Metadata")

    def measure_start(self, partitions):
        """(seconds, CPU seconds, resident MiB)"""
        done = subprocess.run([str(HERE / "ready.py"), "--keep", "--topic", f"{TOPIC}:{partitions}", self.address, *self.command()],
                              env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
        found = re.search(r"ready_s=([\d.]+) pid=(\d+)", done.stdout)
        self.pid = int(found[2])
        return float(found[1]), cpu_seconds(self.pid), memory_mib(self.pid, "VmRSS")

    def end(self, how):
        if self.pid is None:
            return
        pid, self.pid = self.pid, None
        os.kill(pid, how)
        try:
            os.waitpid(pid, 0)
        except ChildProcessError:  # ready.py has started it
            wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), 300, "the end of the process")


class Gregor(Broker):
    name = "Gregor"

    def command(self):
        settings = {"listeners": f"PLAINTEXT://{self.address}", "log.dirs": str(self.folder / "data"), "http.listeners": "127.0.0.1:0",
                    **self.settings}
        return [str(BUILD / "gregor"), "server", *[word for key, value in settings.items() for word in ("--set", f"{key}={value}")]]


class Kafka(Broker):
    name = f"Apache Kafka {VERSION}"

    def __init__(self, folder, settings, environment):
        super().__init__(folder, settings, environment)
        self.port = free_port()
        extra = "\\n".join(f"{key}={value}" for key, value in settings.items())
        subprocess.run([str(HERE / "kafka.sh"), "start", str(folder / "kafka"), VERSION, str(self.port)], check=True,
                       env={**os.environ, "EXTRA": extra}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        # It has formatted its folder; from here on it is started as it is measured.
        subprocess.run([str(HERE / "kafka.sh"), "stop", str(folder / "kafka")], check=True, stdin=subprocess.DEVNULL)
        self.address = f"127.0.0.1:{self.port}"
        time.sleep(3)

    def command(self):
        line = subprocess.run([str(HERE / "kafka.sh"), "command", str(self.folder / "kafka"), "1", VERSION], check=True,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
        return ["bash", "-c", line]


def create(broker, partitions, configs=None):
    """Makes the topic, or gives it more partitions if it is there."""
    with RawClient(broker.address, timeout=300) as client:
        if any(topic["name"] == TOPIC for topic in client.metadata(None)["topics"]):
            error = add_partitions(client, partitions)
        else:
            error = client.create_topic(TOPIC, partitions, configs=configs, timeout_ms=300_000)["error"]
        if error:
            sys.exit(f"the topic can't be made: error {error}")

        def has_leaders():
            found = client.metadata([TOPIC])["topics"][0]["partitions"]
            return len(found) == partitions and all(one["error"] == 0 for one in found)
        wait_until(has_leaders, 300, "leaders")


def add_partitions(client, partitions):
    """CreatePartitions, version 1. Gives the error of the topic."""
    body = Writer(False)

    def one(_):
        body.string(TOPIC).int32(partitions)
        body.array(None, body.int32)  # placed by the broker
    body.array([0], one).int32(300_000).boolean(False)
    reader = client.request(37, 1, body.bytes(), flexible=False)
    reader.int32()  # throttle time
    reader.int32()  # one topic
    reader.string()
    return reader.int16()


def say_starts(broker, partitions, note):
    for _ in range(TRIES):
        seconds, cpu, resident = broker.measure_start(partitions)
        print(f"{broker.name}: ready after {seconds:.2f} s, {cpu:.2f} s of CPU, {resident:.0f} MiB resident{note(cpu)}", flush=True)
        yield


def clean(make):
    """The partitions are made in parts with a restart after each, since the files of those that are new are open."""
    partitions, at_once = int(os.environ.get("PARTITIONS", "10000")), 5000
    broker = make({}, {})
    for first in range(0, partitions, at_once):
        broker.launch()
        create(broker, min(partitions, first + at_once))
        with RawClient(broker.address, timeout=300) as client:
            batch = records.build([(None, bytes(100))])
            for part in range(first, min(partitions, first + at_once), 500):
                client.produce_many(TOPIC, [(p, batch) for p in range(part, min(partitions, part + 500))])
        broker.end(signal.SIGTERM)
    print(f"--- start after a stop in order, {partitions} partitions")
    for _ in say_starts(broker, partitions, lambda _: ""):
        broker.end(signal.SIGTERM)


def crash(make):
    megabytes, partitions = int(os.environ.get("MEGABYTES", "1000")), 100
    # Nothing is noted as flushed, as if the checkpoint had always just been missed.
    broker = make({"log.flush.offset.checkpoint.interval.ms": "100000000"}, {})
    broker.launch()
    create(broker, partitions)
    empty = cpu_seconds(broker.pid)
    subprocess.run([str(BUILD / "bench" / "loadgen"), "produce", broker.address, TOPIC, str(megabytes * 1000), "1000", "0",
                    "enable.idempotence=false", "linger.ms=20", "sticky.partitioning.linger.ms=0"], check=True,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    broker.end(signal.SIGKILL)
    size = sum(file.stat().st_size for file in broker.folder.rglob(f"{TOPIC}-*/*.log")) / 1e6
    print(f"--- start after kill -9, {size:.0f} MB unflushed in {partitions} partitions (CPU of the first, empty start and the topic: {empty:.2f} s)")
    for _ in say_starts(broker, partitions, lambda cpu: f", {size / cpu:.0f} MB by second of CPU, the start included"):
        broker.end(signal.SIGKILL)


def sync_count(file):
    return int.from_bytes(file.read_bytes()[:8], sys.byteorder)


def flush(make, sync_us):
    counter = pathlib.Path(tempfile.mkstemp(prefix="syncs-")[1])
    counter.write_bytes(bytes(4096))
    broker = make({}, {"LD_PRELOAD": str(BUILD / "bench" / "libslow_sync.so"), "SLOW_SYNC_COUNT": str(counter),
                       "SLOW_SYNC_US": str(sync_us)})
    broker.launch()
    create(broker, 1, {"flush.messages": "1"})
    print(f"--- flush.messages=1, one partition, each sync takes {sync_us} us longer")
    rates = {}
    for connections in (1, 64, 1, 64):
        before = sync_count(counter)
        done = subprocess.run([str(BUILD / "bench" / "one_each"), str(broker.port), TOPIC, str(connections), "5"], check=True,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
        syncs = sync_count(counter) - before
        acks, refused, rate = int(re.search(r"acks=(\d+)", done)[1]), int(re.search(r"refused=(\d+)", done)[1]), float(
            re.search(r"per_second=([\d.]+)", done)[1])
        rates[connections] = rate
        print(f"{broker.name}: {connections} connections: {rate:.0f} acknowledged requests a second, {acks / max(1, syncs):.1f} by sync, "
              f"{refused} refused", flush=True)
    print(f"{broker.name}: 64 connections get {rates[64] / rates[1]:.1f} times the rate of one", flush=True)
    broker.end(signal.SIGTERM)
    counter.unlink()


FIGURES = {"clean": clean, "crash": crash, "flush": lambda make: flush(make, int(os.environ.get("SYNC_US", "5000"))),
           "fast": lambda make: flush(make, 0)}


def main():
    words = [word for word in sys.argv[1:] if word != "--kafka"]
    if not words or any(word not in FIGURES for word in words):
        sys.exit(__doc__)
    kind = Kafka if "--kafka" in sys.argv else Gregor
    given = os.environ.get("BENCH_DIR")
    root = pathlib.Path(given or tempfile.mkdtemp(prefix="gregor-bench-"))
    brokers = []

    def make(settings, environment):
        folder = root / f"{kind.__name__.lower()}-{len(brokers)}-{os.getpid()}"
        folder.mkdir(parents=True)
        brokers.append(kind(folder, settings, environment))
        return brokers[-1]
    try:
        for word in words:
            FIGURES[word](make)
    finally:
        for broker in brokers:
            broker.end(signal.SIGKILL)
        if not given:
            shutil.rmtree(root, ignore_errors=True)


main()
