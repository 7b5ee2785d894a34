"""The steps of 25-group-answers: what is asked of a broker about consumer groups. Each step has a name and an answer in words, in
which member ids that the broker made are named by who has them. Written so that nothing depends on chance: where several
members wait, their answers are told in a fixed order."""
import re
import time

import group_client as g
from suite import wait_until

UUID = re.compile(r"-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
DELAY_MS = 300  # group.initial.rebalance.delay.ms of these brokers
SETTINGS = {"group.initial.rebalance.delay.ms": str(DELAY_MS), "group.min.session.timeout.ms": "1000", "group.max.size": "4",
            "offsets.topic.num.partitions": "3"}


class Script:
    """`tell(name, answer)` is called for each step."""

    def __init__(self, broker, tell):
        self.broker = broker
        self.tell = tell
        self.client = broker.client()
        self.more = [broker.client(client_id=f"more{n}") for n in range(4)]
        self._names = {}

    def close(self):
        for client in [self.client, *self.more]:
            client.close()

    def name(self, member, who):
        """From now on the id is told as <who>."""
        if member:
            self._names[member] = f"<{who}>"
        return member

    def words(self, value):
        if isinstance(value, dict):
            return "{" + ", ".join(f"{k} {self.words(v)}" for k, v in value.items() if k != "throttle") + "}"
        if isinstance(value, (list, tuple)):
            return "[" + ", ".join(self.words(v) for v in value) + "]"
        if isinstance(value, bytes):
            return f"{len(value)} bytes"
        if value in self._names:
            return self._names[value]
        if isinstance(value, str) and UUID.search(value):
            return UUID.sub("-UUID", value)
        return "none" if value is None else f"'{value}'" if isinstance(value, str) else str(value)

    def say(self, name, value):
        self.tell(name, self.words(value))

    def wait_for_coordinator(self, group):
        wait_until(lambda: g.find_coordinator(self.client, group) == 0, 60, "a coordinator", pause=0.2)
        wait_until(lambda: g.heartbeat(self.client, group, "x", 0) == 25, 60, "a loaded coordinator", pause=0.2)

    def settle(self, group, **options):
        """One dynamic member, Stable. Gives its id."""
        first = g.join(self.client, group, version=3, **options)
        assert first["error"] == 0, first
        member = self.name(first["member"], f"{group}'s first")
        answer = g.sync(self.client, group, member, first["generation"], [(member, b"all")], protocol=first["protocol"],
                        kind=options.get("kind", "consumer"))
        assert answer["error"] == 0, answer
        return member


def before_any_topic(script):
    """Nobody has asked for a coordinator yet."""
    c = script.client
    script.say("no topic: Heartbeat", g.heartbeat(c, "early", "m", 1))
    script.say("no topic: JoinGroup", g.join(c, "early"))
    script.say("no topic: SyncGroup", g.sync(c, "early", "m", 1))
    script.say("no topic: LeaveGroup 5", g.leave(c, "early", [("m", None)]))
    script.say("no topic: LeaveGroup 1", g.leave(c, "early", [("m", None)], version=1))
    script.say("no topic: DescribeGroups", g.describe(c, ["early"]))
    script.say("no topic: DescribeGroups 4", g.describe(c, ["early"], version=4))
    script.say("no topic: ListGroups", g.list_groups(c))
    script.say("no topic: DeleteGroups", g.delete(c, ["early"]))


def unknown_groups(script):
    c = script.client
    for version in range(10):
        script.say(f"unknown group: JoinGroup {version} with a member id", g.join(c, "nothing", "m", version=version))
    for version in range(6):
        script.say(f"unknown group: SyncGroup {version}", g.sync(c, "nothing", "m", 1, version=version))
        script.say(f"unknown group: LeaveGroup {version}", g.leave(c, "nothing", [("m", None)], version=version))
    for version in range(5):
        script.say(f"unknown group: Heartbeat {version}", g.heartbeat(c, "nothing", "m", 1, version=version))
    for version in range(7):
        script.say(f"unknown group: DescribeGroups {version}", g.describe(c, ["nothing", "nothing", "other"], version=version))
    for version in range(3):
        script.say(f"unknown group: DeleteGroups {version}", g.delete(c, ["nothing", "other", "nothing"], version=version))
    script.say("unknown group: several leave", g.leave(c, "nothing", [("m", None), ("", "i"), ("", None)]))
    script.say("unknown group: operations", g.describe(c, ["nothing"], version=5, operations=True))
    script.say("no groups in DescribeGroups", g.describe(c, []))
    script.say("no groups in DeleteGroups", g.delete(c, []))
    for version in range(6):
        script.say(f"ListGroups {version} without groups", g.list_groups(c, version=version))


def empty_ids(script):
    c = script.client
    for version in (0, 3, 6, 7, 9):
        script.say(f"group '': JoinGroup {version}", g.join(c, "", version=version))
    script.say("group '': JoinGroup with a member", g.join(c, "", "m"))
    script.say("group '': SyncGroup", g.sync(c, "", "m", 1))
    script.say("group '': Heartbeat", g.heartbeat(c, "", "m", 1))
    script.say("group '': LeaveGroup 1", g.leave(c, "", [("m", None)], version=1))
    script.say("group '': LeaveGroup 5", g.leave(c, "", [("m", None)]))
    script.say("group '': DescribeGroups", g.describe(c, [""]))
    script.say("group '': DescribeGroups 5", g.describe(c, [""], version=5))
    script.say("group '': DeleteGroups", g.delete(c, [""]))


def bad_joins(script):
    c = script.client
    for timeout in (-1, 0, 1, 999, 1800001, 2147483647):
        script.say(f"JoinGroup with a session of {timeout} ms", g.join(c, "bad", session=timeout))
    script.say("JoinGroup with a session of 1 ms, group ''", g.join(c, "", session=1))
    script.say("JoinGroup without a type", g.join(c, "bad1", kind=""))
    script.say("JoinGroup without protocols", g.join(c, "bad2", protocols=[]))
    script.say("JoinGroup 3 without protocols", g.join(c, "bad3", version=3, protocols=[]))
    script.say("JoinGroup with a member id of a group that was only made", g.join(c, "bad1", "m"))
    script.say("DeleteGroups of them", g.delete(c, ["bad1", "bad2", "bad3"]))


def member_id_required(script):
    c = script.client
    for version in (4, 5, 6, 7, 8, 9):
        answer = g.join(c, f"required{version}", version=version)
        script.say(f"JoinGroup {version} without a member id", answer)
    script.say("a group with a pending member", g.describe(c, ["required4"], version=5))
    script.say("heartbeat of a pending member", g.heartbeat(c, "required9", answer["member"], 0))
    script.say("sync of a pending member", g.sync(c, "required9", answer["member"], 0))
    script.say("a pending member leaves", g.leave(c, "required9", [(answer["member"], None)]))
    script.say("and joins again", g.join(c, "required9", answer["member"]))
    again = g.join(c, "required9")["member"]
    script.say("a pending member becomes static", g.join(c, "required9", again, instance="i"))
    script.say("a pending member with another type", g.join(c, "required9", again, kind=""))
    joined = g.join(c, "required9", again)
    script.name(joined["member"], "required")
    script.say("it joins", joined)
    script.say("a group whose member has not synced", g.describe(c, ["required9"], version=5))
    script.say("DeleteGroups of a group with members", g.delete(c, ["required9"]))
    script.say("it leaves", g.leave(c, "required9", [(again, None)], version=2))
    script.say("the group after it", g.describe(c, ["required9"]))
    groups = [f"required{v}" for v in (4, 5, 6, 7, 8, 9)]
    script.say("groups of pending members", g.list_groups(c))
    script.say("DeleteGroups of groups with pending members", g.delete(c, groups))
    script.say("the pending member of a deleted group", g.join(c, "required4", again))


def one_member(script):
    c = script.client
    for version in range(4):
        group = f"one{version}"
        began = time.monotonic()
        answer = g.join(c, group, version=version)
        waited = (time.monotonic() - began) * 1000
        script.name(answer["member"], "only")
        script.say(f"one member, JoinGroup {version}", answer)
        script.say(f"one member, JoinGroup {version} waited for the initial delay", DELAY_MS * 0.9 < waited < DELAY_MS * 3)
        member = answer["member"]
        script.say(f"{group}: describe before the sync", g.describe(c, [group], version=version))
        script.say(f"{group}: sync", g.sync(c, group, member, 1, [(member, b"abc"), ("stranger", b"x")], version=version))
        script.say(f"{group}: sync again", g.sync(c, group, member, 1, version=version))
        script.say(f"{group}: heartbeat", g.heartbeat(c, group, member, 1, version=version))
        script.say(f"{group}: describe", g.describe(c, [group], version=version))
        script.say(f"{group}: heartbeat of another generation", [g.heartbeat(c, group, member, n) for n in (0, 2, -1)])
        script.say(f"{group}: heartbeat of a stranger", g.heartbeat(c, group, "stranger", 1))
        script.say(f"{group}: leave", g.leave(c, group, [(member, None)], version=version))
        script.say(f"{group}: leave again", g.leave(c, group, [(member, None)], version=version))
        script.say(f"{group}: heartbeat after that", g.heartbeat(c, group, member, 1))
        script.say(f"{group}: sync after that", g.sync(c, group, member, 2, version=version))
        script.say(f"{group}: join after that", g.join(c, group, member, version=version))
        script.say(f"{group}: describe after that", g.describe(c, [group], operations=True))


def errors_of_members(script):
    c, group = script.client, "errors"
    member = script.settle(group)
    script.say("sync with another generation", g.sync(c, group, member, 2))
    script.say("sync of a stranger", g.sync(c, group, "stranger", 1))
    script.say("sync with an instance id that is not known", g.sync(c, group, member, 1, instance="i"))
    script.say("sync with another type", g.sync(c, group, member, 1, kind="connect"))
    script.say("sync with another protocol", g.sync(c, group, member, 1, protocol="sticky"))
    script.say("sync without type", g.sync(c, group, member, 1, kind=None))
    script.say("sync without protocol", g.sync(c, group, member, 1, protocol=None))
    script.say("sync without both, group ''", g.sync(c, "", member, 1, kind=None, protocol=None))
    script.say("heartbeat with an instance id that is not known", g.heartbeat(c, group, member, 1, instance="i"))
    script.say("join with another type", g.join(c, group, kind="connect"))
    script.say("join with another protocol", g.join(c, group, protocols=[("sticky", b"")]))
    script.say("the member joins with another type", g.join(c, group, member, kind="connect"))
    script.say("a stranger joins", g.join(c, group, "stranger"))
    script.say("a stranger joins with another type", g.join(c, group, "stranger", kind="connect"))
    script.say("the member joins with an instance id", g.join(c, group, member, instance="i"))
    script.say("leave: strangers", g.leave(c, group, [("stranger", None), ("", "i"), ("", None), (member, "i")]))
    script.say("leave of nobody", g.leave(c, group, []))
    script.say("still a member", g.heartbeat(c, group, member, 1))
    script.say("DeleteGroups of a Stable group", g.delete(c, [group]))
    again = g.join(c, group, member)
    script.say("the leader joins again", again)
    script.say("and again, before it syncs", g.join(c, group, member))
    script.say("and with other metadata", g.join(c, group, member, protocols=[("range", b"other"), ("sticky", b"")]))
    script.say("sync with no assignment for it", g.sync(c, group, member, 3))
    script.say("describe", g.describe(c, [group]))
    script.say("leave", g.leave(c, group, [(member, None)]))


def two_members(script):
    c, other, group = script.client, script.more[0], "two"
    first = script.settle(group, protocols=[("range", b"r"), ("sticky", b"s")])
    g.send_join(other, group, version=3, protocols=[("sticky", b"S")])
    wait_until(lambda: g.heartbeat(c, group, first, 1) == 27, 10, "a rebalance")
    script.say("two: describe while members join", [g.describe(c, [group], version=5)[0][k] for k in ("state", "kind", "protocol")])
    script.say("two: sync while members join", g.sync(c, group, first, 1))
    script.say("two: DeleteGroups while members join", g.delete(c, [group]))
    script.say("two: ListGroups while members join", [g.list_groups(c, states=s) for s in (["PreparingRebalance"], ["stable"], ["preparingrebalance", "x"])])
    answer = g.join(c, group, first, protocols=[("range", b"r"), ("sticky", b"s")])
    second = g.receive_join(other, 3)
    script.name(second["member"], "second")
    answer["members"].sort(key=lambda m: m["member"] != first)
    script.say("two: the first joins", answer)
    script.say("two: the second has joined", second)
    member = second["member"]
    g.send_sync(other, group, member, 2, [(member, b"mine")], protocol=answer["protocol"])
    script.say("two: heartbeats before the assignment", [g.heartbeat(c, group, m, 2) for m in (first, member)])
    script.say("two: state before the assignment", g.describe(c, [group])[0]["state"])
    script.say("two: the leader assigns", g.sync(c, group, first, 2, [(first, b"1"), (member, b"22")], protocol=answer["protocol"]))
    script.say("two: the second gets its part", g.receive_sync(other))
    script.say("two: the follower joins again, unchanged", g.join(other, group, member, protocols=[("sticky", b"S")]))
    found = g.describe(c, [group])[0]
    found["members"].sort(key=lambda m: m["member"] != first)
    script.say("two: describe", found)
    script.say("two: the leader leaves", g.leave(c, group, [(first, None, "tired")]))
    script.say("two: the follower hears of it", g.heartbeat(c, group, member, 2))
    script.say("two: the follower joins", g.join(c, group, member, protocols=[("sticky", b"S")]))
    script.say("two: it leaves before its sync", g.leave(c, group, [(member, None)]))
    script.say("two: the group is empty", g.describe(c, [group]))
    script.say("two: DeleteGroups", g.delete(c, [group, "two", "nothing"]))
    script.say("two: gone", g.describe(c, [group]))


def full_groups(script):
    c, group = script.client, "full"
    first = script.settle(group)
    waiting = script.more[:3]
    for client in waiting:
        g.send_join(client, group, version=3)
    wait_until(lambda: len(g.describe(c, [group])[0]["members"]) == 4, 10, "four members")
    script.say("full: one too many, while members join", g.describe(c, [group])[0]["state"])
    answer = g.join(c, group, first)
    script.say("full: members", [answer["error"], len(answer["members"])])
    ids = [g.receive_join(client, 3)["member"] for client in waiting]
    script.say("full: one too many", g.join(script.more[3], group))
    script.say("full: one too many, version 3", g.join(script.more[3], group, version=3))
    script.say("full: a stranger", g.join(script.more[3], group, "stranger"))
    script.say("full: leave all", [row[2] for row in g.leave(c, group, [(m, None) for m in [first, *ids]])[1]])


def expiry(script):
    c, group = script.client, "expiry"
    member = script.settle(group, session=1500)
    for _ in range(3):
        time.sleep(0.9)
        script.say("expiry: a member that beats stays", g.heartbeat(c, group, member, 1))
    time.sleep(2.2)
    script.say("expiry: one that is silent goes", g.heartbeat(c, group, member, 1))
    found = g.describe(c, [group])[0]
    script.say("expiry: the group is empty", [found["state"], found["kind"], found["protocol"], found["members"]])
    answer = g.join(c, group, version=3)
    script.say("expiry: the next generation", answer["generation"])
    script.say("expiry: leave", g.leave(c, group, [(answer["member"], None)])[0])
    pending = g.join(c, group, session=1000)["member"]
    time.sleep(1.6)
    script.say("expiry: a pending member", g.join(c, group, pending))


def slow_members(script):
    c, other, group = script.client, script.more[0], "slow"
    first = script.settle(group, rebalance=1500)
    began = time.monotonic()
    g.send_join(other, group, version=3, rebalance=1500)
    answer = g.receive_join(other, 3)
    waited = time.monotonic() - began
    script.name(answer["member"], "prompt")
    script.say("slow: the other goes on without it", answer)
    script.say("slow: after the rebalance time-out", 1.3 < waited < 3.5)
    script.say("slow: it is not known any more", g.heartbeat(c, group, first, 1))
    time.sleep(2.2)
    script.say("slow: and who does not sync goes too", g.heartbeat(other, group, answer["member"], answer["generation"]))


def static_members(script):
    c, other, group = script.client, script.more[0], "static"
    g.send_join(c, group, instance="a")
    time.sleep(0.1)
    g.send_join(other, group, instance="b")
    first, second = g.receive_join(c), g.receive_join(other)
    a, b = script.name(first["member"], "a"), script.name(second["member"], "b")
    script.say("static: the first", {**first, "members": len(first["members"])})
    script.say("static: the second", second)
    g.send_sync(other, group, b, 1, instance="b")
    script.say("static: the leader's sync", g.sync(c, group, a, 1, [(a, b"A"), (b, b"BB")], instance="a"))
    script.say("static: the follower's sync", g.receive_sync(other))
    script.say("static: heartbeats", [g.heartbeat(c, group, m, 1, instance=i) for m, i in ((a, "a"), (a, None), (a, "b"), ("x", "a"), (a, "c"))])
    follower = g.join(other, group, instance="b")
    b2 = script.name(follower["member"], "b again")
    script.say("static: the follower starts anew", follower)
    script.say("static: its old id", [g.heartbeat(c, group, b, 1, instance="b"), g.heartbeat(c, group, b, 1)])
    script.say("static: its sync", g.sync(other, group, b2, 1, instance="b"))
    leader = g.join(c, group, instance="a")
    a2 = script.name(leader["member"], "a again")
    leader["members"].sort(key=lambda m: m["instance"])
    script.say("static: the leader starts anew", leader)
    script.say("static: its sync", g.sync(c, group, a2, 1, instance="a"))
    older = g.join(c, group, instance="a", version=7)
    a3 = script.name(older["member"], "a, third")
    script.say("static: the leader starts anew, version 7", older)
    script.say("static: its sync", g.sync(c, group, a3, 1, instance="a"))
    script.say("static: state", g.describe(c, [group])[0]["state"])
    found = g.describe(c, [group])[0]["members"]
    script.say("static: describe", sorted(found, key=lambda m: m["instance"]))
    script.say("static: an old id joins", g.join(other, group, b, instance="b"))
    script.say("static: an old id syncs", g.sync(other, group, b, 1, instance="b"))
    script.say("static: leave", g.leave(c, group, [(b, "b"), (b2, "c"), ("", "c"), (b2, "b")]))
    script.say("static: the other hears of it", g.heartbeat(c, group, a3, 1, instance="a"))
    script.say("static: it is alone", g.join(c, group, a3, instance="a"))
    script.say("static: an administrator removes it", g.leave(other, group, [("", "a", "moved")]))
    script.say("static: the group", g.describe(c, [group]))


def lists(script):
    c = script.client
    member = script.settle("listed", kind="connect", protocols=[("one", b"")])
    for version in range(6):
        error, rows = g.list_groups(c, version=version)
        script.say(f"ListGroups {version}", [error, [r for r in rows if r[0] in ("listed", "one0", "static")]])
    for states in (["Stable"], ["STABLE"], ["Empty", "Dead"], ["nonsense"], [""]):
        error, rows = g.list_groups(c, states=states)
        script.say(f"ListGroups of states {states}", [error, [r for r in rows if r[0] in ("listed", "one0", "static")]])
    for types in (["classic"], ["Classic"], ["consumer"], ["nonsense"], ["share", "classic"]):
        error, rows = g.list_groups(c, types=types)
        script.say(f"ListGroups of types {types}", [error, [r for r in rows if r[0] in ("listed", "one0", "static")]])
    script.say("describe a group that is none of consumers", g.describe(c, ["listed"]))
    script.say("leave", g.leave(c, "listed", [(member, None)])[0])


def strange_ids(script):
    c = script.client
    for name, group in (("of blanks", "  "), ("with a slash", "a/b"), ("with a newline", "a\nb"), ("in Greek", "ομάδα")):
        script.wait_for_coordinator(group)
        answer = g.join(c, group, version=3)
        script.name(answer["member"], "strange")
        script.say(f"a group id {name}", [answer["error"], answer["member"]])
        script.say(f"a group id {name}: leave", g.leave(c, group, [(answer["member"], None)])[0])
        script.say(f"a group id {name}: delete", g.delete(c, [group])[0][1])


def odd_requests(script):
    c, other = script.client, script.more[0]
    answer = g.join(c, "odd", version=3, rebalance=2147483647, protocols=[(f"p{n}", b"") for n in range(10000)])
    script.say("odd: 10,000 protocols, the longest rebalance time-out", [answer["error"], answer["generation"]])
    script.say("odd: leave", g.leave(c, "odd", [(answer["member"], None)])[0])
    answer = g.join(c, "odd", version=3, rebalance=-1)
    script.say("odd: a rebalance time-out of -1", [answer["error"], answer["generation"]])
    script.say("odd: leave", g.leave(c, "odd", [(answer["member"], None)])[0])
    first = script.settle("follow")
    g.send_join(other, "follow", version=3)
    wait_until(lambda: g.heartbeat(c, "follow", first, 1) == 27, 10, "a rebalance")
    g.join(c, "follow", first)
    second = g.receive_join(other, 3)["member"]
    g.send_sync(other, "follow", second, 2, [(first, b"mine"), (second, b"mine")])
    script.say("odd: the leader assigns to strangers only", g.sync(c, "follow", first, 2, [("stranger", b"x")]))
    script.say("odd: what a follower assigned", g.receive_sync(other))
    g.send_join(other, "follow", second, version=3, protocols=[("range", g.subscription(["t", "u"]))])
    wait_until(lambda: g.heartbeat(c, "follow", first, 2) == 27, 10, "a rebalance")
    g.join(c, "follow", first)
    g.receive_join(other, 3)
    g.send_sync(other, "follow", second, 3)
    script.say("odd: 2 MB of assignments", g.sync(c, "follow", first, 3, [(first, b"x" * 2_000_000)]))
    script.say("odd: the follower hears of it", g.receive_sync(other))
    script.say("odd: the group after that", g.describe(c, ["follow"])[0]["state"])
    script.say("odd: leave", [row[2] for row in g.leave(c, "follow", [(first, None), (second, None)])[1]])


def abandoned_joins(script):
    """Members whose connections go while they wait."""
    c, group = script.client, "abandoned"
    g.send_join(c, group, version=3, rebalance=3000)
    wait_until(lambda: g.list_groups(script.more[0], states=["PreparingRebalance"])[1], 10, "the first member")
    for _ in range(2):
        with script.broker.client() as gone:
            g.send_join(gone, group, version=3, rebalance=3000)
            time.sleep(0.05)
    answer = g.receive_join(c, 3)
    script.say("abandoned: who stays is answered", [answer["error"], answer["generation"]])
    script.say("abandoned: members", len(answer["members"]) if answer["members"] else "led by another")
    script.say("abandoned: leave", g.leave(c, group, [(answer["member"], None)])[0])


ALL = (unknown_groups, empty_ids, bad_joins, member_id_required, one_member, errors_of_members, two_members, full_groups, expiry,
       slow_members, static_members, lists, strange_ids, odd_requests, abandoned_joins)


def walk(script):
    before_any_topic(script)
    script.wait_for_coordinator("first")
    for steps in ALL:
        steps(script)
