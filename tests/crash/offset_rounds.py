"""kill -9 in the middle of commits, and restart, in a loop: what a group was told is committed is there afterwards, and
nothing that it never committed."""
import os
import random
import threading
import time

import offset_client as offsets
from suite import check

TOPIC, PARTITIONS, GROUPS, COMMITTERS = "load", 4, 12, 3


def make_seed():
    seed = int(os.environ.get("SUITE_SEED") or random.randrange(1 << 32))
    print(f"seed {seed}", flush=True)
    return seed


class Committer(threading.Thread):
    """Commits one offset after the other for groups of its own, until the broker is gone."""

    def __init__(self, broker, number, told, sent):
        super().__init__(daemon=True)
        self._broker, self._told, self._sent = broker, told, sent
        self._groups = [f"group-{number}-{i}" for i in range(GROUPS // COMMITTERS)]
        self.commits = 0

    def run(self):
        try:
            with self._broker.client(timeout=10) as client:
                while True:
                    for group in self._groups:
                        self._commit(client, group)
        except (OSError, ValueError):
            return  # killed

    def _commit(self, client, group):
        rows = []
        for partition in range(PARTITIONS):
            place = group, partition
            self._sent[place] = self._sent.get(place, 0) + 1
            rows.append((TOPIC, partition, self._sent[place]))
        for (_, partition), error in offsets.commit(client, group, rows).items():
            if error == 0:
                self._told[(group, partition)] = self._sent[(group, partition)]
        self.commits += 1


class OffsetRounds:
    def __init__(self, suite, broker, seed):
        self._suite, self._broker = suite, broker
        self._random = random.Random(seed)
        self._told, self._sent = {}, {}
        self.commits = 0

    def prepare(self):
        self._broker.start()
        with self._broker.client() as client:
            check(client.create_topic(TOPIC, PARTITIONS)["error"] == 0, "create")
            self._wait(client)

    def _wait(self, client):
        for number in range(COMMITTERS):
            for i in range(GROUPS // COMMITTERS):
                offsets.wait_for_coordinator(client, f"group-{number}-{i}")

    def round(self, number):
        with self._suite.case(f"round {number}"):
            committers = [Committer(self._broker, i, self._told, self._sent) for i in range(COMMITTERS)]
            for committer in committers:
                committer.start()
            time.sleep(self._random.uniform(0.02, 0.4))
            self._broker.kill()
            for committer in committers:
                committer.join(15)
                check(not committer.is_alive(), "a committer hangs")
                self.commits += committer.commits
            self._broker.start()
            with self._broker.client() as client:
                self._wait(client)
                self._judge(client)

    def _judge(self, client):
        for group in sorted({group for group, _ in self._sent}):
            rows, error = offsets.fetch(client, group, None)
            check(error == 0, f"{group}: error {error}")
            for partition in range(PARTITIONS):
                found = rows.get((TOPIC, partition), (0, -1, "", 0))[0]
                told, sent = self._told.get((group, partition), 0), self._sent[(group, partition)]
                check(told <= found <= sent, f"{group}, partition {partition}: {found}, told {told}, sent {sent}")
