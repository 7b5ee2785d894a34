"""kill -9 and restart in a loop, aimed: at random, in a roll, in a topic creation, in a recovery; then what is left is
judged. Which of these a kill really hit is told by evidence, not by the aim:

  roll      a new segment file of the load's topic was made at most ROLL_SECONDS before, or the newest one is still empty
  creation  a CreateTopics had been sent and got no answer
  recovery  the process had opened a segment of the load's topic and had not yet said that it is ready
"""
import collections
import os
import random
import re
import time

import logdir
from broker import make_broker
from checker import Checker
from raw_client import RawClient
from readiness import launch_and_measure
from segment_watch import SegmentWatch, has_empty_last_segment
from suite import check, check_equal

TOPIC, PARTITIONS = "load", 6
READY = re.compile(r" ready: |Kafka Server started")  # (Gregor's words, Apache Kafka's)
ROLL_SECONDS = 0.005
MB_PER_SECOND_MIN = 20
AIMED_SHARE_MIN = 0.30
ROUNDS_THAT_HIT_EACH = 25
START_SECONDS_MAX = 1.0
# Bytes beyond the recovery points at which the start is measured: just below what it is promised for.
UNFLUSHED_BYTES = 190_000_000


def make_seed():
    seed = int(os.environ.get("SUITE_SEED") or random.randrange(1 << 32))
    print(f"seed {seed}", flush=True)
    return seed


def is_gregor():
    return os.environ.get("SUITE_BROKER", "gregor") == "gregor"


def settle():
    """Apache Kafka answers Metadata while it still replays its metadata log; Gregor's first answer has to be the truth."""
    if not is_gregor():
        time.sleep(3)


class KillRounds:
    """One broker with one load, killed again and again."""

    AIMS = ["random"] * 3 + ["roll"] * 3 + ["topic"] * 2 + ["recovery"] * 2

    def __init__(self, suite, name, seed, log_dirs=1, idempotent=False):
        self._random = random.Random(seed)
        folder = suite.folder(name)
        settings = {"log.segment.bytes": str(1 << 20), "log.segment.delete.delay.ms": "500"}
        self.broker = make_broker(folder, settings, [folder / f"data{i}" for i in range(log_dirs)])
        suite.at_end(self.broker.kill)
        self.broker.start()
        with RawClient(self.broker.address) as client:
            check_equal(client.create_topic(TOPIC, PARTITIONS)["error"], 0, "error of CreateTopics")
        self.checker = Checker(self.broker.address, TOPIC, PARTITIONS, seed, idempotent=idempotent)
        suite.at_end(self.checker.stop)
        self.broker.wait_for_topic(TOPIC, PARTITIONS)
        self.watch = SegmentWatch(self.broker.log_dirs, TOPIC)
        suite.at_end(self.watch.stop)
        self.kills = collections.Counter()
        self.loaded_seconds = 0.0
        self._loaded_since = 0.0
        self.slowest_start = 0.0

    def run(self, rounds):
        self._work()
        for _ in range(rounds):
            self._round()
        self.checker.verify()

    def _round(self):
        time.sleep(self._random.uniform(0.3, 1.2))
        aim = self._random.choice(self.AIMS)
        self._take_aim("random" if aim == "recovery" else aim)
        self._kill()
        # The recoveries that follow are cut short once or twice, or not at all.
        for _ in range(self._random.randint(1, 2) if aim == "recovery" else 0):
            self._kill_in_recovery()
        self._draw_checkpoint_interval()
        self.slowest_start = max(self.slowest_start, launch_and_measure(self.broker, TOPIC, PARTITIONS))
        if self._random.random() < 0.5:
            settle()
            self.checker.verify()
        self._work()

    def _work(self):
        self.checker.work()
        self._loaded_since = time.monotonic()

    def _draw_checkpoint_interval(self):
        interval = self._random.choice([100, 500, 60000])
        self.broker.settings["log.flush.offset.checkpoint.interval.ms"] = str(interval)

    def _take_aim(self, aim):
        if aim == "roll":
            self.watch.wait_for_roll(5)
            time.sleep(self._random.choice([0, 0, 0.0005, 0.001, 0.002]))
        elif aim == "topic":
            self.checker.create_and_wait_until_sent()
            time.sleep(self._random.choice([0, 0.0005, 0.001, 0.003]))

    def _kill(self):
        self.checker.changes()
        killed = time.monotonic()
        self.broker.kill()
        self.loaded_seconds += killed - self._loaded_since
        is_roll = self.watch.rolled_within(killed - ROLL_SECONDS, time.monotonic())
        is_roll = is_roll or has_empty_last_segment(self.watch.folders)
        change = self.checker.unanswered_change(killed, timeout=1)
        self.kills["all"] += 1
        self.kills["in a roll"] += is_roll
        self.kills["in a topic creation"] += change == "creation"
        self.kills["in a topic deletion"] += change == "deletion"
        self.kills["aimed"] += is_roll or change == "creation"

    def _kill_in_recovery(self):
        said = len(self.broker.log_text())
        launched = time.monotonic()
        self.broker.launch()
        self.watch.wait_for_open(20)
        time.sleep(self._random.choice([0, 0, 0.001, 0.003, 0.006, 0.012]))
        self.broker.kill()
        is_ready = READY.search(self.broker.log_text()[said:]) is not None
        is_recovery = not is_ready and self.watch.opened_since(launched)
        self.kills["all"] += 1
        self.kills["in a recovery"] += is_recovery
        self.kills["aimed"] += is_recovery

    def close(self):
        self.checker.stop()
        self.watch.stop()
        self.broker.kill()

    def report(self):
        stats = self.checker.stats()
        speed = stats["bytes"] / 1e6 / self.loaded_seconds
        print(f"        {dict(self.kills)}; {self.watch.rolls} rolls; {speed:.0f} MB/s answered; "
              f"slowest start {self.slowest_start:.3f} s; {stats}", flush=True)
        return speed, stats


def check_aims(kills):
    share = kills["aimed"] / kills["all"]
    check(share >= AIMED_SHARE_MIN, f"only {share:.0%} of the kills hit a roll, a topic creation or a recovery")
    for aim in ("in a roll", "in a topic creation", "in a recovery"):
        check(kills[aim] > 0, f"no kill {aim}: {dict(kills)}")


def check_nothing_open(stats):
    """Idempotent producers got an offset for every batch, if need be after trying again."""
    check_equal((stats["unanswered"], stats["refused"]), (0, 0), f"batches without an answer, and refused ones ({stats})")


def run_rounds(suite, seed, rounds, log_dirs=1, idempotent=False):
    """`rounds` kills on one broker; everything is judged at the end once more from the beginning."""
    run = KillRounds(suite, f"rounds-{'idempotent-' * idempotent}{seed}", seed, log_dirs, idempotent)
    run.run(rounds)
    with_topics = run.checker.verify(full=True)
    speed, stats = run.report()
    check(with_topics > 0, "nothing was written")
    if idempotent:
        check_nothing_open(stats)
    check(stats["created"] > 0 and stats["deleted"] > 0, f"no topics were made and deleted: {stats}")
    # (Apache Kafka is too slow for that in the seconds after each start.)
    check(speed >= MB_PER_SECOND_MIN or not is_gregor(), f"only {speed:.1f} MB/s were answered")
    if rounds >= ROUNDS_THAT_HIT_EACH:
        check_aims(run.kills)
    code = run.broker.stop()
    if is_gregor():
        check_equal(code, 0, "exit code after SIGTERM")
    run.broker.start()
    settle()
    run.checker.verify(full=True)
    run.close()
    return run.kills


def check_the_checker(suite, seed):
    """The newest batch of a partition is cut off while the broker is down: the checker has to say so."""
    run = KillRounds(suite, f"cut-{seed}", seed)
    run.run(1)
    run.broker.kill()
    segment = max((s for s in run.watch.folders[0].glob("*.log") if s.stat().st_size > 0), key=lambda s: s.name)
    newest = logdir.batches(segment)[-1]
    os.truncate(segment, newest.position)
    run.broker.start()
    settle()
    answer = run.checker.ask("verify full")
    check("failed" in answer, f"the checker finds nothing wrong: {answer}")
    kinds = {violation.split()[1] for violation in run.checker.violations}
    check_equal(kinds, {"lost"}, "kinds of violations")
    run.close()


def unflushed_bytes(broker):
    """Bytes of the load's topic that lie in segments which no recovery point covers wholly."""
    total = 0
    for folder in (d for log_dir in broker.log_dirs for d in log_dir.glob(f"{TOPIC}-*")):
        point = recovery_point(folder)
        segments = sorted(folder.glob("*.log"))
        for index, segment in enumerate(segments):
            end = int(segments[index + 1].stem) if index + 1 < len(segments) else None
            if end is None or end > point:
                total += segment.stat().st_size
    return total


def recovery_point(folder):
    file = folder.parent / "recovery-point-offset-checkpoint"
    topic, partition = folder.name.rsplit("-", 1)
    for line in file.read_text().splitlines()[2:] if file.exists() else []:
        words = line.split()
        if words[:2] == [topic, partition]:
            return int(words[2])
    return 0


def measure_start(suite, seed, tries):
    """Seconds from exec to ListOffsets of every partition after a kill -9 with almost 200 MB unflushed; all `tries`."""
    folder = suite.folder(f"start-{seed}")
    broker = make_broker(folder)
    suite.at_end(broker.kill)
    broker.start()
    with RawClient(broker.address) as client:
        check_equal(client.create_topic(TOPIC, PARTITIONS)["error"], 0, "error of CreateTopics")
    broker.wait_for_topic(TOPIC, PARTITIONS)
    checker = Checker(broker.address, TOPIC, PARTITIONS, seed, mb_per_second=100)
    suite.at_end(checker.stop)
    checker.ask("load on")
    while unflushed_bytes(broker) < UNFLUSHED_BYTES * 0.95:
        time.sleep(0.05)
    checker.rest()
    seconds = []
    for _ in range(tries):
        broker.kill()
        size = unflushed_bytes(broker)
        seconds.append(launch_and_measure(broker, TOPIC, PARTITIONS))
        print(f"        {size / 1e6:.0f} MB beyond the recovery points: {seconds[-1]:.3f} s", flush=True)
        check(size > UNFLUSHED_BYTES * 0.8, "too little lies beyond the recovery points to mean anything")
    checker.verify(full=True)
    checker.stop()
    broker.kill()
    return seconds
