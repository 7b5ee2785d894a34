"""Members of consumer groups as programs: what they live through, and what is checked meanwhile. Used by the suites of several clients.

A member's program is started once for each process and joins one or more groups. It prints "up" once it polls, "r GROUP TOPIC
PARTITION OFFSET" for each record, and, where the client tells, "+ GROUP TOPIC PARTITION MS" and "- GROUP TOPIC PARTITION MS" when it
gets or gives up a partition (MS: milliseconds since 1970). SIGTERM: it leaves and ends."""
import os
import signal
import struct
import time

import admin_client
import group_client
import offset_client
import records
from suite import check, check_equal, wait_until

SESSION_S, HEARTBEAT_S = 6, 1
ROUND_S = SESSION_S + 2 * HEARTBEAT_S + 2  # how soon a group should be stable again; cooperative assignors need two rounds
WORDS_LATE_MS = 100
LIMIT_S = 60  # how long this waits: a machine may do other things as well


class Group:
    """What a broker says of a group that reads one topic, or what `topics` gives. `claims_lost`: a member that was stopped and goes on
    claims the partitions that others have got meanwhile, and its client's assignor may believe it."""

    def __init__(self, raw, name, topic, claims_lost=False):
        self.raw = raw
        self.name = name
        self.topics = {topic}
        self.claims_lost = claims_lost
        self.doubled = None

    def describe(self):
        return group_client.describe(self.raw, [self.name])[0]

    def owners(self):
        """{(topic, partition): member id} if the group is Stable, else None. Notes partitions with two owners."""
        found = self.describe()
        if found["state"] != "Stable":
            return None
        owners = {}
        for member in found["members"]:
            for place in assigned(member["assignment"]):
                if place in owners:
                    self.doubled = f"{place}: {owners[place]} and {member['member']}"
                owners[place] = member["member"]
        return owners

    def is_shared(self, count, places):
        owners = self.owners()
        return owners is not None and set(owners) == places and len(set(owners.values())) == count


def assigned(blob):
    """[(topic, partition)] of a consumer's assignment."""
    if len(blob) < 6:
        return []
    topics, at, found = struct.unpack(">i", blob[2:6])[0], 6, []
    for _ in range(topics):
        size = struct.unpack(">h", blob[at:at + 2])[0]
        name, at = bytes(blob[at + 2:at + 2 + size]).decode(), at + 2 + size
        count = struct.unpack(">i", blob[at:at + 4])[0]
        found += [(name, partition) for partition in struct.unpack(f">{count}i", blob[at + 4:at + 4 + 4 * count])]
        at += 4 + 4 * count
    return found


class Fleet:
    """Processes with a member of each group. `start(number, log, *words)` gives a Process."""

    def __init__(self, broker, groups, start, folder):
        self.broker = broker
        self.groups = groups
        self.processes = []
        self.slowest = {}  # what was waited for: seconds
        self._start = start
        self._folder = folder
        self._raw = broker.client(timeout=60)
        self._partitions = {}  # topic: how many
        self._sent = {}  # (topic, partition): how many
        self._ends = []  # (process, ms): when it was killed or stopped, or has left
        self._killed = {}  # process id: when, in ms
        self._stopped = set()  # processes that were killed or stopped
        self._went_on = {}  # process: when, in ms, after it was stopped

    def create(self, topic, partitions):
        check_equal(self._raw.create_topic(topic, partitions)["error"], 0, "CreateTopics")
        self.expect(topic, partitions)

    def expect(self, topic, partitions):
        """The topic has so many partitions from now on."""
        self.broker.wait_for_topic(topic, partitions)
        self._partitions[topic] = partitions

    def places(self, group):
        return {(topic, p) for topic in group.topics for p in range(self._partitions[topic])}

    def start(self, *words):
        number = len(self.processes)
        self.processes.append(self._start(number, self._folder / f"member{number}", *words))
        return self.processes[-1]

    def produce(self, per_partition=5):
        for topic, count in self._partitions.items():
            for partition in range(count):
                batch = records.build([(b"k", b"v")] * per_partition)
                check_equal(self._raw.produce(topic, partition, batch)["error"], 0, "Produce")
                self._sent[(topic, partition)] = self._sent.get((topic, partition), 0) + per_partition

    def wait_until_up(self, process):
        wait_until(lambda: "up" in process.log.read_text(errors="replace").splitlines(), LIMIT_S, "a member that is up", pause=0.2)

    def wait_until_shared(self, count, what, groups=None, began=None):
        """Until `count` members have all partitions between them, in each group. `began`: time.monotonic() of the cause."""
        began = began or time.monotonic()
        for group in groups or self.groups:
            wait_until(lambda g=group: g.is_shared(count, self.places(g)), LIMIT_S,
                       f"{group.name}: {count} members with all partitions, {what}", pause=0.1)
            self._note(what, time.monotonic() - began)

    def _note(self, what, seconds):
        self.slowest[what] = max(seconds, self.slowest.get(what, 0))

    def received(self, group):
        found = set()
        for line in self._lines("r", group):
            found.add((line[1], int(line[2]), int(line[3])))
        return found

    def _lines(self, kind, group):
        for process in self.processes:
            for line in process.log.read_text(errors="replace").splitlines():
                words = line.split()
                if len(words) == 5 and words[0] == kind and words[1] == group.name:
                    yield words[1:]

    def wait_for_all(self):
        """Until each group has got every record."""
        for group in self.groups:
            wanted = {(t, p, n) for (t, p), count in self._sent.items() if t in group.topics for n in range(count)}
            wait_until(lambda g=group, w=wanted: self.received(g) >= w, LIMIT_S, f"{group.name}: every record to be delivered", pause=0.2)

    def kill(self, process):
        """Gives what check_goes_on() needs: the offsets that are committed, and how much each other process has printed."""
        process.kill()
        self._stopped.add(self.processes.index(process))
        self._killed[process.pid] = time.time() * 1000
        self._ends.append((self.processes.index(process), self._killed[process.pid]))
        marks = {other.pid: other.log.stat().st_size for other in self.processes}
        time.sleep(1)  # a commit may be under way; its session has not expired by then
        for group in self.groups:
            rows, error = offset_client.fetch(self._raw, group.name, None)
            check_equal(error, 0, "OffsetFetch")
            marks[group.name] = {place: row[0] for place, row in rows.items()}
        return marks

    def pause(self, process):
        os.kill(process.pid, signal.SIGSTOP)
        self._stopped.add(self.processes.index(process))
        self._ends.append((self.processes.index(process), time.time() * 1000))

    def go_on(self, process):
        self._went_on[self.processes.index(process)] = time.time() * 1000
        os.kill(process.pid, signal.SIGCONT)

    def leave(self, process):
        self._ends.append((self.processes.index(process), time.time() * 1000))  # not every client tells what it gives up then
        check_equal(process.terminate(LIMIT_S), 0, "exit code of a member that leaves")

    def add_partitions(self, topic, count):
        rows = admin_client.create_partitions(self._raw, [(topic, count, None)])
        check_equal(rows[0][1], 0, "CreatePartitions")
        self.expect(topic, count)

    def end(self):
        for process in self.processes:
            process.kill()
        self._raw.close()

    def check(self, by_words=True):
        """`by_words`: what members say of themselves is compared as well."""
        for group in self.groups:
            check(group.doubled is None, f"{group.name}: two owners of {group.doubled}")
            if not by_words:
                continue
            if self._are_sessions_kept(group):
                self._check_overlaps(group)
            else:
                print(f"        {group.name}: a member was too slow for its session; it learns late what it has lost", flush=True)
        for process in self.processes:
            text = process.log.read_text(errors="replace")
            for word in ("Traceback", "Exception", "panic:"):
                check(word not in text, f"a member has failed:\n{text[text.find(word) - 300:][:1500]}")

    def _are_sessions_kept(self, group):
        """Of those that were neither killed nor stopped; true where the broker's log does not tell."""
        lines = [line for line in self.broker.log_text().splitlines() if " rebalances after generation " in line]
        expired = [line for line in lines if f"group {group.name} " in line and "has expired" in line]
        has_gaps = any("(0 more such lines" not in line for line in lines)
        return not has_gaps and len(expired) <= len(self._stopped)

    def check_goes_on(self, killed, marks):
        """Who has got the partitions of one that was killed began where it had committed: nothing is left out, and no more is
        delivered again. `marks`: as kill() gave it."""
        number = self.processes.index(killed)
        for group in self.groups:
            committed = marks[group.name]
            had = [place for place, _, until, _ in self._spans(number, group) if until == self._killed[killed.pid]]
            check(had, f"{group.name}: the one that was killed had no partition")
            for place in had:
                rows = [self._first(place, group, process, marks) for process in self.processes if process is not killed]
                found = min([offset for offset in rows if offset is not None], default=None)
                check_equal(found, committed.get(place, 0), f"{group.name}: where {place} goes on")

    def _first(self, place, group, process, marks):
        """The first offset of a partition that a process got after kill()."""
        with open(process.log, errors="replace") as log:
            log.seek(marks.get(process.pid, 0))
            rows = [line.split() for line in log]
        mine = [row for row in rows if row[:1] == ["r"] and len(row) == 5 and row[1] == group.name and (row[2], int(row[3])) == place]
        return int(mine[0][4]) if mine else None

    def _spans(self, number, group):
        """[(place, from, to, process)]: when a process had which partition, by its own words."""
        spans, has = [], {}
        ends = sorted(ms for ended, ms in self._ends if ended == number)
        for line in self.processes[number].log.read_text(errors="replace").splitlines():
            words = line.split()
            if len(words) != 5 or words[0] not in "+-" or words[1] != group.name:
                continue
            place, ms = (words[2], int(words[3])), int(words[4])
            if words[0] == "+":
                has[place] = ms
            elif place in has:
                spans.append((place, has[place], _cut(has.pop(place), ms, ends), number))
        return spans + [(place, since, _cut(since, float("inf"), ends), number) for place, since in has.items()]

    def _is_by_claim(self, group, span):
        """Whether a process that was stopped has got this after it went on, and may have got it by claiming it."""
        return group.claims_lost and span[1] >= self._went_on.get(span[3], float("inf"))

    def _check_overlaps(self, group):
        """By what the members say themselves: nobody has a partition while another one has it. A member says what it gives up once
        it gets to it, beside its other threads, so a moment is no overlap; whom the broker gives partitions is checked exactly."""
        spans = sorted(span for number in range(len(self.processes)) for span in self._spans(number, group))
        check_equal({span[0] for span in spans}, self.places(group), f"{group.name}: partitions that its members say they have had")
        for before, after in zip(spans, spans[1:]):
            if before[0] != after[0] or before[3] == after[3] or self._is_by_claim(group, before) or self._is_by_claim(group, after):
                continue
            check(before[2] <= after[1] + WORDS_LATE_MS, f"{group.name}: {before[0]} is had by members {before[3]} and {after[3]} at a time: "
                                                         f"{before[1:3]}, {after[1:3]}")


def _cut(since, until, ends):
    """A process that was killed or stopped has nothing any more."""
    return min([until, *[ms for ms in ends if ms >= since]])


def three_members(fleet):
    """Three join; one is killed, one is stopped beyond its session time-out and goes on, two leave."""
    fleet.produce()
    members = [fleet.start() for _ in range(3)]
    for member in members:
        fleet.wait_until_up(member)
    fleet.wait_until_shared(3, "after three have joined")
    fleet.wait_for_all()
    fleet.produce(20)
    fleet.wait_for_all()  # it is killed before it has committed all that
    began = time.monotonic()
    marks = fleet.kill(members[0])
    fleet.wait_until_shared(2, "after one was killed", began=began)
    fleet.produce()
    fleet.wait_for_all()
    fleet.check_goes_on(members[0], marks)
    fleet.pause(members[1])
    fleet.wait_until_shared(1, "after one was stopped")
    fleet.go_on(members[1])
    fleet.wait_until_shared(2, "after it went on")
    fleet.produce()
    fleet.wait_for_all()
    fleet.leave(members[1])
    fleet.wait_until_shared(1, "after one has left")
    fleet.produce()
    fleet.wait_for_all()
    fleet.leave(members[2])
    for group in fleet.groups:
        wait_until(lambda g=group: g.describe()["state"] == "Empty", LIMIT_S, f"{group.name}: an empty group")
    fleet.check()


def static_member(fleet, group, rebalances=None):
    """Two static members; one restarts, the other keeps what it has. `rebalances` tells how many there were."""
    before = group.owners()
    count = rebalances() if rebalances else 0
    fleet.leave(fleet.processes[0])
    fleet.wait_until_up(fleet.start("0"))
    fleet.produce()
    fleet.wait_for_all()
    after = group.owners()
    check(after is not None, "the group is not stable")
    kept = [place for place in before if after.get(place) == before[place]]
    check_equal(len(kept), len(before) // 2, "partitions that stay with their member")
    if rebalances:
        check_equal(rebalances(), count, "rebalances because of a restart")


def expression(name):
    """What the members of growing() read: "~" tells that it is an expression."""
    return f"~^{name}[.].*"


def growing(fleet, is_static, rebalances=None):
    """Two members of one group that reads expression(its name). One restarts, if they are static; a topic is made; partitions are added."""
    group, = fleet.groups
    first, second = f"{group.name}.1", f"{group.name}.2"
    group.topics = {first}
    fleet.create(first, 4)
    for number in "01":
        fleet.start(number)
    fleet.wait_until_shared(2, "after two have joined")
    fleet.produce()
    fleet.wait_for_all()
    if is_static:
        static_member(fleet, group, rebalances)
    fleet.create(second, 4)
    fleet.create(f"not-{second}", 1)
    group.topics.add(second)
    fleet.wait_until_shared(2, "after a topic was made")
    fleet.produce()
    fleet.wait_for_all()
    fleet.add_partitions(first, 8)
    fleet.wait_until_shared(2, "after partitions were added")
    fleet.produce()
    fleet.wait_for_all()
    fleet.check()
