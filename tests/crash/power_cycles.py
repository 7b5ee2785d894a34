"""Power loss again and again, on a disk of our own, with log.flush.interval.messages=1: whatever was answered is there,
and so is every change of topics and configs. See power_cut.cc for what is lost."""
import random
import time

from broker import make_broker
from checker import Checker
from config_changes import FIRST, ConfigChanges
from kill_rounds import PARTITIONS, TOPIC, is_gregor, settle
from loop_disk import make_disk
from raw_client import RawClient
from suite import check, check_equal

DISK_MEGABYTES = 1024
# As much as a virtual disk takes with a sync per append; more only makes a queue.
MB_PER_SECOND = 10


class PowerCycles:
    def __init__(self, suite, seed, synced=True):
        self._random = random.Random(seed)
        folder = suite.folder("synced" if synced else "unsynced")
        self._disk = make_disk(suite, folder, DISK_MEGABYTES)
        self._log_dir = self._disk.mount_point / "data"
        self._log_dir.mkdir()
        # (the broker's own log stays outside of the disk)
        settings = {"log.segment.bytes": str(1 << 20), "log.segment.delete.delay.ms": "500"}
        if synced:
            settings["log.flush.interval.messages"] = "1"
        self.broker = make_broker(folder, settings, [self._log_dir])
        suite.at_end(self.broker.kill)
        self.broker.start()
        with RawClient(self.broker.address) as client:
            check_equal(client.create_topic(TOPIC, PARTITIONS)["error"], 0, "error of CreateTopics")
        self.broker.wait_for_topic(TOPIC, PARTITIONS)
        if not is_gregor():  # what Apache Kafka's format tool writes is not synced
            self._disk.sync()
        self.checker = Checker(self.broker.address, TOPIC, PARTITIONS, seed, MB_PER_SECOND)
        suite.at_end(self.checker.stop)
        self.configs = ConfigChanges(self.broker.address, TOPIC)
        suite.at_end(self.configs.stop)
        self.lost_bytes = 0

    def cycle(self):
        self.cut()
        try:
            self.checker.verify()
            self.configs.verify()
        finally:
            if self.checker.violations:
                print(f"        {self.last_cut}", flush=True)

    def cut(self):
        """Load for a moment, a cut, a start."""
        self.checker.work()
        self.configs.start()
        time.sleep(self._random.uniform(0.2, 1.0))
        if self._random.random() < 0.3:
            self.checker.create_and_wait_until_sent()
            time.sleep(self._random.choice([0, 0.001, 0.004]))
        before = self._log_bytes()
        began = time.monotonic()
        self._disk.cut_power(self.broker.process.pid)
        self.last_cut = f"the last cut was from {began:.6f} to {time.monotonic():.6f}"
        self.broker.kill()
        self.configs.stop()
        self._disk.unmount()
        self._disk.mount()
        self.lost_bytes += max(0, before - self._log_bytes())
        self.broker.start()
        settle()

    def _log_bytes(self):
        return sum(file.stat().st_size for file in self._log_dir.glob(f"{TOPIC}-*/*.log"))

    def finish(self):
        self.checker.verify(full=True)
        stats = self.checker.stats()
        changes = self.configs.answered - FIRST
        print(f"        {self.lost_bytes} bytes of segments were lost by the cuts; {changes} changes of configs; {stats}", flush=True)
        check(stats["answered"] > 0 and stats["created"] > 0 and changes > 0, "nothing was answered")
        code = self.broker.stop()
        if is_gregor():
            check_equal(code, 0, "exit code after SIGTERM")
        self.broker.start()
        settle()
        self.checker.verify(full=True)
        self.configs.verify()

    def check_without_sync(self):
        """Without the setting the same cut loses answered records, or this test could not fail. What is left has to be a
        prefix, and the topics have to be there even so."""
        self.cut()
        answer = self.checker.ask("verify full")
        check(self.lost_bytes > 0, "the cut lost nothing")
        check("failed" in answer, f"nothing is missing: {answer}")
        kinds = {violation.split()[1] for violation in self.checker.violations}
        check_equal(kinds, {"lost"}, "kinds of violations")
        self.configs.verify()


def run_cycles(suite, seed, count):
    """The whole of the suites: `count` cuts, and that the same cut takes something where nothing is synced."""
    power = PowerCycles(suite, seed)
    with suite.case(f"{count} power cuts: every answered record and every change of topics and configs is there"):
        for _ in range(count):
            power.cycle()
    with suite.case("all of it once more from the beginning, and after a stop in order"):
        power.finish()
    with suite.case("without syncs a cut loses the end of the logs, nothing else, and no topic"):
        PowerCycles(suite, seed, synced=False).check_without_sync()
