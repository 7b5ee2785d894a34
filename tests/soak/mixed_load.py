"""The mixed load: a broker that is killed all the time under it, and what must be true at the end. See the suites 48-mixed."""
import collections
import os
import time
import urllib.request

import kill_rounds
import logdir
from broker import GregorBroker
from checker import Checker
from process import free_port
from process_watch import ProcessWatch
from readers import Follower, Members, Partition, judge_compacted, judge_log
from suite import CheckFailed, check, check_equal
from writers import make_writers

PARTITIONS = 2
RATE = 40  # records a second, of each of 20 writers
SEGMENT_BYTES = 256 << 10
# What is never deleted becomes more and more segments, about 600 bytes of memory each.
CHECKED_SEGMENT_BYTES = 8 << 20
GROWTH_MAX = 1.05
# A shorter run says nothing of memory: too much is done for the first time in it.
GROWTH_SECONDS_MIN = 900
COMPACTED = {"cleanup.policy": "compact", "min.cleanable.dirty.ratio": 0.1, "delete.retention.ms": 5000}


class Plan:
    """How long, how often it is killed, and what retention has to keep: of a short run less than of a long one."""

    def __init__(self, seconds, kill_seconds):
        self.seconds, self.kill_seconds = seconds, kill_seconds
        self.retention_bytes = min(4 << 20, int(seconds / 45 * (512 << 10)))
        self.retention_ms = min(60_000, int(seconds * 1000 / 4))
        self.topics = {
            "kept": {"retention.ms": -1},
            "sized": {"retention.ms": -1, "retention.bytes": self.retention_bytes},
            "timed": {"retention.ms": self.retention_ms, "segment.ms": self.retention_ms // 4},
        }


def start(suite, plan):
    port = free_port()
    broker = GregorBroker(suite.folder("broker"), {
        "http.listeners": f"127.0.0.1:{port}", "log.segment.bytes": SEGMENT_BYTES, "log.retention.check.interval.ms": 1000,
        "log.initial.task.delay.ms": 500, "log.segment.delete.delay.ms": 2000, "log.cleaner.backoff.ms": 500,
        "log.cleaner.dedupe.buffer.size": 4 << 20, "log.flush.offset.checkpoint.interval.ms": 3000,
        "log.flush.start.offset.checkpoint.interval.ms": 3000, "gregor.log.file.descriptors.max": 300,
        "gregor.scrub.bytes.per.second": 20_000_000, "gregor.scrub.interval.ms": 2000})
    suite.at_end(broker.kill)
    broker.start()
    with broker.client() as client:
        for topic, configs in plan.topics.items():
            check_equal(client.create_topic(topic, PARTITIONS, configs=configs)["error"], 0, f"create {topic}")
        check_equal(client.create_topic("compacted", 1, configs=COMPACTED)["error"], 0, "create compacted")
        for topic in ("checked-plain", "checked-idempotent"):
            created = client.create_topic(topic, PARTITIONS, configs={"segment.bytes": CHECKED_SEGMENT_BYTES})
            check_equal(created["error"], 0, f"create {topic}")
    for topic in [*plan.topics, "compacted", "checked-plain", "checked-idempotent"]:
        broker.wait_for_topic(topic, 1)
    return broker, port


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


class Totals:
    """Figures of all lives; a kill forgets the counters."""

    NAMES = ("gregor_compaction_cleanings_total", "gregor_compaction_failed_total", "gregor_compaction_uncleanable_partitions",
             "gregor_scrub_segments_total", "gregor_scrub_damaged_total", "gregor_scrub_unreadable_total",
             'gregor_log_deleted_segments_total{reason="size"}', 'gregor_log_deleted_segments_total{reason="time"}')

    def __init__(self):
        self.sums = dict.fromkeys(self.NAMES, 0)

    def add(self, port):
        found = metrics(port)
        for name in self.NAMES:
            self.sums[name] += found[name]


Run = collections.namedtuple("Run", "checkers writers followers watch totals open_records")


def load(suite, plan, broker, port):
    """The load and the kills. Gives what is needed for the judgement."""
    checkers = [Checker(broker.address, f"checked-{kind}", PARTITIONS, kill_rounds.make_seed(), mb_per_second=0.3, prefix=f"made-{kind}-",
                        idempotent=kind == "idempotent") for kind in ("plain", "idempotent")]
    for checker in checkers:
        suite.at_end(checker.stop)
        checker.ask("load on")  # (no topics: they would become more and more)
    writers = make_writers(broker.address, list(plan.topics), "compacted", PARTITIONS, RATE)
    followers = [Follower(broker.address, topic, PARTITIONS) for topic in plan.topics]
    members = Members(broker.address, "kept", 2)
    watch = ProcessWatch(broker)
    totals = Totals()
    end = time.monotonic() + plan.seconds
    kills, slowest = 0, 0.0
    while time.monotonic() + plan.kill_seconds < end:
        time.sleep(plan.kill_seconds)
        totals.add(port)
        broker.kill()
        kills += 1
        slowest = max(slowest, broker.start())
    time.sleep(max(0.0, end - time.monotonic()))
    totals.add(port)
    watch.stop()
    members.stop()
    open_records = sum(writer.stop() for writer in writers)
    time.sleep(2)
    for follower in followers:
        follower.stop()
    print(f"        {kills} kills, slowest start {slowest:.2f} s; {sum(len(w.offsets) for w in writers)} records sent, followers saw "
          f"{[f.seen for f in followers]}", flush=True)
    print(f"        {totals.sums}", flush=True)
    return Run(checkers, writers, followers, watch, totals, open_records)


def judge(suite, plan, broker, run):
    plain = [writer for writer in run.writers if not writer.keyed]
    for checker in run.checkers:
        with suite.case("the crash checker: nothing answered is lost, nothing is there twice"):
            print(f"        {checker.verify(full=True)} records", flush=True)
    with suite.case("consumers that followed saw rising offsets and no record twice"):
        for follower in run.followers:
            check(follower.complaint is None and follower.seen > 0, f"{follower.complaint}, {follower.seen} seen")
    for topic in reversed(plan.topics):  # (what is timed goes on growing old)
        with suite.case(f"{topic}: every acknowledged record that had to be kept is there, in order, once"):
            for index in range(PARTITIONS):
                judge_topic(plan, broker, plain, (topic, index))
    with suite.case("compacted: the last value of each key is there"):
        found = Partition(broker, "compacted", 0)
        records, keys = judge_compacted(found, [writer for writer in run.writers if writer.keyed])
        print(f"        {records} records of {found.end} are left, {keys} keys", flush=True)
        check(records < found.end / 2, "it was compacted")


def judge_topic(plan, broker, writers, place):
    topic, index = place
    found = Partition(broker, topic, index)
    kept = judge_log(found, writers, topic, index)
    size = sum(f.stat().st_size for f in (broker.log_dirs[0] / f"{topic}-{index}").glob("*.log"))
    print(f"        {topic}-{index}: [{found.start}, {found.end}), {size / 1e6:.1f} MB, {kept} acknowledged records", flush=True)
    if topic == "kept":
        check_equal(found.start, 0, "log start")
        return
    check(found.start > 0, "old records went")
    if topic == "sized":
        check(size >= plan.retention_bytes, f"only {size} bytes are left")
        return
    # (It may be later by now than it was when the log start was asked for: more had to be kept then.)
    for writer in writers:
        for n, offset in enumerate(writer.offsets):
            if 0 <= offset < found.start and writer.place(n) == place:
                check(writer.stamps[n] <= time.time() * 1000 - plan.retention_ms, f"{writer.name}:{n} went too early")


def cut_newest_batch(folder):
    segment = max((s for s in logdir.segments(folder) if s.stat().st_size > 0), key=lambda s: s.name)
    os.truncate(segment, logdir.batches(segment)[-1].position)


def check_growth(plan, watch):
    """What minutes 5 to 10 of 30 needed, and the last 5; in a shorter run the same shares of it."""
    part = plan.seconds / 6
    early, late = watch.between(part, 2 * part), watch.between(plan.seconds - part, plan.seconds + 5)
    print(f"        resident {early[0]:.1f} -> {late[0]:.1f} MB, descriptors {early[1]:.0f} -> {late[1]:.0f}", flush=True)
    check(late[0] <= GROWTH_MAX * early[0], f"resident memory grew from {early[0]:.1f} to {late[0]:.1f} MB")
    check(late[1] <= GROWTH_MAX * early[1], f"descriptors grew from {early[1]:.0f} to {late[1]:.0f}")


def run_mixed(suite, seconds, kill_seconds):
    """All cases of one run."""
    plan = Plan(seconds, kill_seconds)
    broker, port = start(suite, plan)
    with suite.case(f"{seconds:.0f} s of load with kill -9 every {kill_seconds} s"):
        run = load(suite, plan, broker, port)
        check_equal(run.open_records, 0, "records without an outcome")
        check_equal([writer.fatal for writer in run.writers if writer.fatal], [], "idempotent producers that gave up")
    with suite.case("retention, compaction and the scrub were at work, and nothing was damaged"):
        for name, value in run.totals.sums.items():
            is_trouble = any(word in name for word in ("failed", "uncleanable", "damaged", "unreadable"))
            check((value == 0) if is_trouble else (value > 0), f"{name}: {value}")
    judge(suite, plan, broker, run)
    if seconds >= GROWTH_SECONDS_MIN:
        with suite.case(f"memory and descriptors: at the end at most {GROWTH_MAX} times those of the beginning"):
            check_growth(plan, run.watch)
    with suite.case("the broker stops in order"):
        check_equal(broker.stop(), 0, "exit code")
    with suite.case("the judge notices a batch that was cut off"):
        broker.start()
        broker.kill()  # so that the end is looked for
        cut_newest_batch(broker.log_dirs[0] / "kept-0")
        broker.start()
        plain = [writer for writer in run.writers if not writer.keyed]
        try:
            judge_topic(plan, broker, plain, ("kept", 0))
        except CheckFailed as told:
            check("was acknowledged at" in str(told), str(told))
        else:
            check(False, "it finds nothing wrong")
