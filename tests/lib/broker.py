"""Brokers that suites start: Gregor, or Apache Kafka in its place.

    broker = make_broker(suite.folder("broker"), {"num.partitions": "6"})
    broker.start()            # returns once Metadata names a broker
    ... broker.address ...    # "127.0.0.1:PORT", the same after a restart
    broker.stop()             # SIGTERM; kill() for SIGKILL; start() again on the same folders

A suite is wrong if it fails against Apache Kafka; SUITE_BROKER=kafka-4.1.1 (or kafka-3.9.1) makes make_broker start that
release from Maven jars instead of Gregor. That is for checking suites; ./dev never sets it.
"""
import os
import pathlib
import re
import time

import kafka_jars
from process import Process, free_port
from raw_client import RawClient
from suite import GREGOR, wait_until


class Broker:
    """What all kinds have in common. `settings` are server.properties keys; `log_dirs` default to one below `folder`."""

    def __init__(self, folder, settings=None, log_dirs=None, port=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = dict(settings or {})
        self.log_dirs = [pathlib.Path(d) for d in (log_dirs or [self.folder / "data"])]
        self.port = port or free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.log = self.folder / "broker.log"
        self.process = None

    def command(self):
        raise NotImplementedError

    def start(self, timeout=90):
        """Starts it and waits until Metadata names a broker. Gives the seconds that took."""
        began = time.monotonic()
        self.launch()
        while not self._is_ready():
            code = self.process.exit_code()
            if code is not None:
                raise RuntimeError(f"the broker ended with {code} while starting:\n{self.log_tail()}")
            if time.monotonic() - began > timeout:
                raise TimeoutError(f"not ready after {timeout} s:\n{self.log_tail()}")
            time.sleep(0.01)
        return time.monotonic() - began

    def launch(self):
        """Starts it without waiting."""
        self.process = Process(self.command(), self.log)

    def _is_ready(self):
        try:
            with RawClient(self.address, timeout=2) as client:
                return len(client.metadata([], version=1)["brokers"]) > 0
        except (OSError, ValueError):
            return False

    def run_to_end(self, timeout=60):
        """Starts it where it is expected to refuse. Gives the exit code and what it printed."""
        began = self.log.stat().st_size if self.log.exists() else 0
        self.launch()
        try:
            code = self.process.wait(timeout)
        except Exception:
            self.process.kill()
            raise TimeoutError(f"still running after {timeout} s:\n{self.log_tail()}") from None
        self.process = None
        with open(self.log, "rb") as file:
            file.seek(began)
            return code, file.read().decode(errors="replace")

    def is_running(self):
        return self.process is not None and self.process.exit_code() is None

    def stop(self, timeout=60):
        """Graceful stop; gives the exit code, or None if it was not running."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        return process.terminate(timeout)

    def kill(self):
        if self.process is not None:
            process, self.process = self.process, None
            process.kill()

    def client(self, **options):
        return RawClient(self.address, **options)

    def wait_for_topic(self, topic, partitions, seconds=20):
        """Until each partition answers. Apache Kafka says yes to CreateTopics a little earlier than that, and a producer that
        tries again with several requests in flight changes the order."""
        with self.client() as client:
            for partition in range(partitions):
                wait_until(lambda p=partition: client.list_offsets(topic, p, -1)["error"] == 0, seconds,
                           f"a leader of {topic}-{partition}")

    def log_text(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def log_tail(self, lines=25):
        return "\n".join(self.log_text().splitlines()[-lines:])


class GregorBroker(Broker):
    """The broker under test."""

    def command(self):
        settings = {
            "listeners": f"PLAINTEXT://{self.address}",
            "http.listeners": "",  # off, for several brokers share a machine
            "gregor.shards": "2",  # also where there are only two cores
            "log.dirs": ",".join(str(d) for d in self.log_dirs),
            **self.settings,
        }
        words = [GREGOR, "server"]
        for key, value in settings.items():
            words += ["--set", f"{key}={value}"]
        return words


class KafkaBroker(Broker):
    """Apache Kafka: one KRaft node that is broker and controller."""

    def __init__(self, folder, settings=None, log_dirs=None, port=None, release="4.1.1", heap="512m"):
        super().__init__(folder, settings, log_dirs, port)
        self.release = release
        self.heap = heap
        self._controller_port = free_port()

    def properties(self):
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{self._controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": ",".join(str(d) for d in self.log_dirs),
            "offsets.topic.replication.factor": "1",
            **self.settings,
        }

    def command(self):
        file = self.folder / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in self.properties().items()))
        self.prepare(file)
        options = [f"-Xmx{self.heap}", f"-Xms{self.heap}", "-XX:+UseG1GC"]
        return kafka_jars.java(self.release, options, log_level="info") + ["kafka.Kafka", file]

    def prepare(self, file):
        if not (self.log_dirs[0] / "meta.properties").exists():
            uuid = kafka_jars.run(self.release, "kafka.tools.StorageTool", "random-uuid").stdout.strip()
            kafka_jars.run(self.release, "kafka.tools.StorageTool", "format", "-t", uuid, "-c", file)


class KafkaZooKeeperBroker(KafkaBroker):
    """Apache Kafka 3.9.1 in ZooKeeper mode."""

    def __init__(self, folder, zookeeper, settings=None, log_dirs=None, broker_id=1):
        super().__init__(folder, settings, log_dirs, release="3.9.1")
        self.zookeeper_path = ""
        self._zookeeper = zookeeper
        self._broker_id = broker_id

    def properties(self):
        return {
            "broker.id": str(self._broker_id),
            "zookeeper.connect": self._zookeeper.address + self.zookeeper_path,
            "listeners": f"PLAINTEXT://{self.address}",
            "log.dirs": ",".join(str(d) for d in self.log_dirs),
            "inter.broker.protocol.version": "3.9",
            "offsets.topic.replication.factor": "1",
            **self.settings,
        }

    def prepare(self, file):
        pass


class ZooKeeper:
    """One ZooKeeper server, from the jars that Kafka 3.9.1 brings."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._process = None

    def start(self):
        file = self.folder / "zoo.cfg"
        file.write_text(
            f"tickTime=500\ndataDir={self.folder}/zookeeper\nclientPort={self.port}\nclientPortAddress=127.0.0.1\n"
            "admin.enableServer=false\nmaxClientCnxns=0\n")
        command = kafka_jars.java("3.9.1", ["-Xmx256m"], log_level="info")
        self._process = Process(
            command + ["org.apache.zookeeper.server.quorum.QuorumPeerMain", file], self.folder / "zookeeper.log")

    def stop(self):
        if self._process is not None:
            process, self._process = self._process, None
            process.terminate()


def make_broker(folder, settings=None, log_dirs=None):
    """Gregor, or the release of Apache Kafka that SUITE_BROKER names."""
    kind = os.environ.get("SUITE_BROKER", "gregor")
    if kind == "gregor":
        return GregorBroker(folder, settings, log_dirs)
    match = re.fullmatch(r"kafka-(\d+\.\d+\.\d+)", kind)
    if not match:
        raise ValueError(f"SUITE_BROKER={kind}: gregor or kafka-<release>")
    return KafkaBroker(folder, settings, log_dirs, release=match[1])
