"""What the pages say of consumer groups: states, rebalances with their reasons."""
import time
from urllib.parse import quote

import group_client as groups
from suite import check, check_equal, wait_until

ODD = 'odd "group"\n{} ☃'


def _member(client, group):
    """A new member; gives its id."""
    return groups.join(client, group, session=6000)["member"]


def _rejoin(client, group, member):
    groups.send_join(client, group, member, session=6000)


def _sync(client, group, member, generation, assignments=()):
    check_equal(groups.sync(client, group, member, generation, assignments)["error"], 0, "SyncGroup")


def run(suite, port):
    with port.broker.client() as first, port.broker.client() as second:
        wait_until(lambda: groups.find_coordinator(first, ODD) == 0, 30, "a coordinator")
        wait_until(lambda: groups.list_groups(first)[0] == 0, 30, "groups that are loaded")
        before = port.metrics()
        with suite.case("a group's rebalances: who, why, how long"):
            one = _member(first, ODD)
            _rejoin(first, ODD, one)
            check_equal(groups.receive_join(first)["generation"], 1, "generation")
            _sync(first, ODD, one, 1, [(one, b"1")])
            two = _member(second, ODD)
            began = time.monotonic()
            _rejoin(second, ODD, two)
            wait_until(lambda: groups.heartbeat(first, ODD, one, 1) == 27, 5, "a rebalance")
            running = _group(port)
            check_equal((running["state"], running["rebalances"][-1]["has_ended"]), ("PreparingRebalance", False), "while it goes on")
            time.sleep(0.2)
            _rejoin(first, ODD, one)
            check_equal(groups.receive_join(first)["generation"], 2, "generation")
            groups.receive_join(second)
            took = time.monotonic() - began
            found = _group(port)
            check_equal((found["group"], found["state"], found["protocol_type"], found["generation"], found["members"]),
                        (ODD, "CompletingRebalance", "consumer", 2, 2), "group")
            rows = found["rebalances"]
            check_equal([(row["generation"], row["members"]) for row in rows], [(1, 1), (2, 2)], "rebalances")
            check(rows[0]["reason"].startswith(f"new member {one}"), rows[0]["reason"])
            check(rows[1]["reason"].startswith(f"new member {two}"), rows[1]["reason"])
            check(200 <= rows[1]["took_ms"] <= took * 1000 + 1, f"{rows[1]['took_ms']} ms of {took} s")
            check(abs(rows[1]["began_ms"] / 1000 - time.time()) < 60, "when it began")
        with suite.case("only the last 100 are kept, and all are counted"):
            for number in range(105):  # both come with something new, so either may be the first
                changed = [("range", b"%d" % number)]
                groups.send_join(first, ODD, one, session=6000, protocols=changed)
                groups.send_join(second, ODD, two, session=6000, protocols=changed)
                generation = groups.receive_join(first)["generation"]
                groups.receive_join(second)
            found = _group(port)
            check_equal((len(found["rebalances"]), found["rebalances_begun"]), (100, generation), "rebalances")
            check_equal(found["rebalances"][-1]["generation"], generation, "the last one")
        figures(suite, port, before, generation)
        groups.leave(first, ODD, [(one, None), (two, None)])
    with suite.case("an unknown group: 404"):
        check_equal(port.get("/debug/state?group=nobody")[0], 404, "status")


def figures(suite, port, before, generation):
    with suite.case("/metrics counts groups, members, rebalances"):
        after = port.metrics()
        check_equal(after["gregor_members"] - before["gregor_members"], 2, "members")
        grown = {state: after[f'gregor_groups{{state="{state}"}}'] - before[f'gregor_groups{{state="{state}"}}']
                 for state in ("Empty", "PreparingRebalance", "CompletingRebalance", "Stable")}
        check_equal(grown, {"Empty": 0, "PreparingRebalance": 0, "CompletingRebalance": 1, "Stable": 0}, "groups")
        check_equal(after["gregor_rebalances_total"] - before["gregor_rebalances_total"], generation, "rebalances")
        name = "gregor_rebalance_duration_seconds_count"
        check_equal(after[name] - before[name], generation, "durations")
        check(not any("group=" in key for key in after), "a group's name without being asked for")
        topic = port.metrics("topic")
        odd = 'group="odd \\"group\\"\\n{} ☃"'
        check_equal(topic[f"gregor_group_members{{{odd}}}"], 2, "members of the group")
        check_equal(topic[f"gregor_group_rebalances_total{{{odd}}}"], generation, "its rebalances")
        check_equal(topic["gregor_unlisted_groups"], 0, "left out")
    with suite.case("/debug/state lists groups with their last rebalance"):
        listed = [group for group in port.json("/debug/state")["groups"] if group["group"] == ODD]
        check_equal(len(listed), 1, "groups")
        check_equal([row["generation"] for row in listed[0]["rebalances"]], [generation], "rebalances")


def _group(port):
    return port.json("/debug/state?group=" + quote(ODD))
