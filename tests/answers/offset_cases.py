"""Committed offsets of clients that are no members: the answers of Apache Kafka 4.1.1."""
import offset_client as offsets
from suite import check, check_equal

UNKNOWN_TOPIC, METADATA_TOO_LARGE, NOT_AVAILABLE, NOT_COORDINATOR = 3, 12, 15, 16
ILLEGAL_GENERATION, INVALID_GROUP, UNKNOWN_MEMBER, INVALID_REQUEST, ID_NOT_FOUND = 22, 24, 25, 42, 69
MALFORMED = ("This most likely occurs because of a request being malformed by the client library or the message was sent to an "
             "incompatible broker. See the broker logs for more details.")
NOTHING = (-1, -1, "", 0)
GROUPS = ["g", "early", "every", "nobody", "strange", "mixed", "long", "odd", "", "grüße-日本-🦀", "g" * 32767, "doomed", "traveller", "old"]


def finding(suite, broker, client):
    with suite.case("OffsetCommit and OffsetFetch before there is a coordinator"):
        check_equal(offsets.commit(client, "early", [("words", 0, 1)]), {("words", 0): NOT_COORDINATOR}, "commit")
        check_equal(offsets.fetch(client, "early", [("words", 0)]), ({}, NOT_COORDINATOR), "fetch")
        check_equal(offsets.fetch(client, "early", [("words", 0)], version=1)[0], {("words", 0): (-1, -1, "", NOT_COORDINATOR)}, "fetch v1")
        check_equal(offsets.delete(client, "early", [("words", 0)]), ({}, NOT_COORDINATOR), "delete")
    with suite.case("FindCoordinator: the first one makes the topic"):
        check_equal(offsets.find_coordinator(client, ["g"])["g"], (NOT_AVAILABLE, "", -1, "", -1), "first answer")
        check_equal(offsets.find_coordinator(client, ["t"], 3, key_type=1)["t"], (NOT_AVAILABLE, "The coordinator is not available.", -1, "", -1), "in an old version")
        for group in GROUPS:  # Apache Kafka gets one partition ready after the other
            offsets.wait_for_coordinator(client, group)
        topic = client.metadata(["__consumer_offsets"])["topics"][0]
        check_equal((topic["error"], topic["internal"], len(topic["partitions"])), (0, True, 50), "error, internal, partitions")
    host, port = broker.address.rsplit(":", 1)
    for version in range(7):
        with suite.case(f"FindCoordinator v{version}"):
            message = {0: None}.get(version, "NONE" if version < 4 else "")
            check_equal(offsets.find_coordinator(client, ["a"], version)["a"], (0, message, 1, host, int(port)), "answer")
    with suite.case("FindCoordinator: several keys, one twice, one empty"):
        found = offsets.find_coordinator(client, ["a", "b", "a", ""])
        check_equal({key: row[0] for key, row in found.items()}, {"a": 0, "b": 0, "": 0}, "errors")
        check_equal(offsets.find_coordinator(client, []), {}, "no keys")
    for version in (1, 3, 4, 6):
        with suite.case(f"FindCoordinator v{version} of an unknown type of key"):
            row = offsets.find_coordinator(client, ["a"], version, key_type=7)["a"]
            check_equal(row, (INVALID_REQUEST, MALFORMED, -1, "", -1), "answer")


def versions(suite, client):
    for version in range(2, 10):
        with suite.case(f"OffsetCommit v{version}"):
            row = [("words", 0, 100 + version, 5, f"by {version}")]
            check_equal(offsets.commit(client, "every", row, version), {("words", 0): 0}, "errors")
            epoch = 5 if version >= 6 else -1
            check_equal(offsets.fetch(client, "every", [("words", 0)])[0], {("words", 0): (100 + version, epoch, f"by {version}", 0)}, "fetched")
    offsets.commit(client, "every", [("words", 1, 7, 3, "x"), ("more", 0, 8, 4, "")])
    for version in range(1, 10):
        epoch = (lambda e: e) if version >= 5 else (lambda _: -1)
        with suite.case(f"OffsetFetch v{version}"):
            rows = offsets.fetch(client, "every", [("words", 1), ("words", 2), ("nobody", 0)], version)
            check_equal(rows, ({("words", 1): (7, epoch(3), "x", 0), ("words", 2): NOTHING, ("nobody", 0): NOTHING}, 0), "rows")
            check_equal(offsets.fetch(client, "nobody", [("words", 1)], version), ({("words", 1): NOTHING}, 0), "an unknown group")
            check_equal(offsets.fetch(client, "every", [], version), ({}, 0), "nothing asked")
        if version >= 2:
            with suite.case(f"OffsetFetch v{version} of all"):
                rows, error = offsets.fetch(client, "every", None, version)
                check_equal(rows, {("words", 0): (109, epoch(5), "by 9", 0), ("words", 1): (7, epoch(3), "x", 0), ("more", 0): (8, epoch(4), "", 0)}, "rows")
                check_equal(error, 0, "error")
                check_equal(offsets.fetch(client, "nobody", None, version), ({}, 0), "an unknown group")
    for version in (8, 9):
        with suite.case(f"OffsetFetch v{version} of several groups, stable ones only"):
            found = offsets.fetch_many(client, {"every": [("words", 1)], "nobody": None, "early": [("words", 0)]}, version, stable=True)
            check_equal(found, {"every": ({("words", 1): (7, 3, "x", 0)}, 0), "nobody": ({}, 0), "early": ({("words", 0): NOTHING}, 0)}, "groups")


def refusals(suite, client):
    for version in (2, 7, 8, 9):
        unknown = ID_NOT_FOUND if version >= 9 else ILLEGAL_GENERATION
        rows = [
            ("a generation of an unknown group", "strange", {"generation": 3, "member": "m"}, unknown),
            ("generation 0 of an unknown group", "strange", {"generation": 0}, unknown),
            ("a generation of an empty group", "every", {"generation": 3, "member": "m"}, UNKNOWN_MEMBER),
            ("a generation without a member", "every", {"generation": 3}, UNKNOWN_MEMBER),
            ("a member without a generation", "every", {"member": "m"}, 0),
            ("the smallest generation", "every", {"generation": -(1 << 31)}, 0),
        ]
        for name, group, claim, expected in rows:
            with suite.case(f"OffsetCommit v{version}: {name}"):
                check_equal(offsets.commit(client, group, [("words", 3, 1)], version, **claim), {("words", 3): expected}, "error")
    with suite.case("OffsetCommit: an instance id without a member"):
        check_equal(offsets.commit(client, "every", [("words", 3, 1)], instance="i"), {("words", 3): 0}, "error")
    with suite.case("OffsetCommit: unknown topics and partitions, and one that is there"):
        rows = [("words", 4, 1), ("words", -1, 1), ("nobody", 0, 1), ("a/b", 0, 1), ("", 0, 1), ("words", 2, 1)]
        expected = {("words", 4): 3, ("words", -1): 3, ("nobody", 0): 3, ("a/b", 0): 3, ("", 0): 3, ("words", 2): 0}
        check_equal(offsets.commit(client, "mixed", rows), expected, "errors")
        check_equal(offsets.fetch(client, "mixed", None)[0], {("words", 2): (1, -1, "", 0)}, "stored")
    with suite.case("OffsetCommit: nothing"):
        check_equal(offsets.commit(client, "mixed", []), {}, "answer")
    with suite.case("OffsetCommit: metadata at and above the limit, counted in UTF-16 units"):
        rows = [("words", 0, 1, -1, "m" * 4096), ("words", 1, 1, -1, "m" * 4097), ("words", 2, 1, -1, "é" * 4096), ("words", 3, 1, -1, "🦀" * 2049)]
        expected = {("words", 0): 0, ("words", 1): METADATA_TOO_LARGE, ("words", 2): 0, ("words", 3): METADATA_TOO_LARGE}
        check_equal(offsets.commit(client, "long", rows), expected, "errors")
        check_equal(set(offsets.fetch(client, "long", None)[0]), {("words", 0), ("words", 2)}, "stored")
    with suite.case("OffsetCommit: no metadata"):
        offsets.commit(client, "odd", [("words", 0, 5, -1, None)])
        check_equal(offsets.fetch(client, "odd", None)[0], {("words", 0): (5, -1, "", 0)}, "stored")
    with suite.case("OffsetCommit: offsets that no log has"):
        for offset in (-1, -2, -(1 << 63), (1 << 63) - 1):
            check_equal(offsets.commit(client, "odd", [("words", 1, offset)]), {("words", 1): 0}, f"offset {offset}")
            check_equal(offsets.fetch(client, "odd", [("words", 1)])[0], {("words", 1): (offset, -1, "", 0)}, f"offset {offset}")
    with suite.case("OffsetCommit: a negative leader epoch"):
        check_equal(offsets.commit(client, "odd", [("words", 3, 1, -5)]), {("words", 3): 0}, "error")
        check_equal(offsets.fetch(client, "odd", [("words", 3)])[0], {("words", 3): (1, -5, "", 0)}, "stored")
    with suite.case("OffsetCommit: a partition twice"):
        check_equal(offsets.commit(client, "odd", [("words", 2, 1), ("words", 2, 9)]), {("words", 2): 0}, "errors")
        check_equal(offsets.fetch(client, "odd", [("words", 2)])[0], {("words", 2): (9, -1, "", 0)}, "the last one counts")
    with suite.case("OffsetCommit: the group without a name"):
        check_equal(offsets.commit(client, "", [("words", 0, 1)]), {("words", 0): 0}, "error")
        check_equal(offsets.fetch(client, "", None), ({("words", 0): (1, -1, "", 0)}, 0), "stored")
    with suite.case("OffsetCommit: names beyond ASCII"):
        check_equal(offsets.commit(client, "grüße-日本-🦀", [("words", 0, 3)]), {("words", 0): 0}, "error")
        check_equal(offsets.fetch(client, "grüße-日本-🦀", None)[0], {("words", 0): (3, -1, "", 0)}, "stored")
    with suite.case("OffsetCommit: a name of 32767 bytes"):
        check_equal(offsets.commit(client, "g" * 32767, [("words", 0, 3)]), {("words", 0): 0}, "error")


def too_long(suite, broker):
    with suite.case("OffsetCommit: a name of 32768 bytes ends the connection"), broker.client() as client:
        try:
            offsets.commit(client, "g" * 32768, [("words", 0, 3)])
        except ConnectionError:
            return
        raise AssertionError("answered")


def deletions(suite, client):
    offsets.commit(client, "doomed", [("words", 0, 1), ("words", 1, 2)])
    with suite.case("OffsetDelete"):
        found = offsets.delete(client, "doomed", [("words", 0), ("words", 3), ("words", 9), ("nobody", 0)])
        check_equal(found, ({("words", 0): 0, ("words", 3): 0, ("words", 9): UNKNOWN_TOPIC, ("nobody", 0): UNKNOWN_TOPIC}, 0), "answer")
        check_equal(offsets.fetch(client, "doomed", None)[0], {("words", 1): (2, -1, "", 0)}, "left")
    with suite.case("OffsetDelete: an unknown group"):
        check_equal(offsets.delete(client, "strange", [("words", 0)]), ({}, ID_NOT_FOUND), "answer")
        check_equal(offsets.delete(client, "strange", [("nobody", 0)]), ({}, ID_NOT_FOUND), "of an unknown topic")
        check_equal(offsets.delete(client, "strange", []), ({}, ID_NOT_FOUND), "nothing")
        check_equal(offsets.delete(client, "doomed", [("nobody", 0)]), ({("nobody", 0): UNKNOWN_TOPIC}, 0), "a known one, of an unknown topic")
        check_equal(offsets.delete(client, "doomed", []), ({}, 0), "a known one, nothing")
        check_equal(offsets.delete(client, "", [("words", 0)]), ({}, INVALID_GROUP), "without a name")


def topics_that_go(suite, client):
    with suite.case("a deleted topic takes its offsets along"):
        check_equal(client.create_topic("gone", 2)["error"], 0, "create")
        offsets.commit(client, "traveller", [("gone", 0, 1), ("gone", 1, 1), ("words", 0, 5)])
        check_equal(client.delete_topic("gone"), 0, "delete")
        from suite import wait_until
        left = {("words", 0): (5, -1, "", 0)}
        wait_until(lambda: offsets.fetch(client, "traveller", None)[0] == left, 10, "offsets of the deleted topic go")


def internal_topic(suite, client):
    import records
    with suite.case("clients may not write to __consumer_offsets"):
        check_equal(client.produce("__consumer_offsets", 0, records.build([(b"k", b"v")]))["error"], 17, "error")


def run(suite, broker, client, is_gregor):
    for topic, count in (("words", 4), ("more", 1)):
        check_equal(client.create_topic(topic, count)["error"], 0, "create")
        broker.wait_for_topic(topic, count)
    finding(suite, broker, client)
    versions(suite, client)
    refusals(suite, client)
    too_long(suite, broker)
    deletions(suite, client)
    topics_that_go(suite, client)
    internal_topic(suite, client)
    if is_gregor:
        old_versions(suite, client)


def old_versions(suite, client):
    """Apache Kafka 4 dropped version 1; 3.9 has it."""
    with suite.case("OffsetCommit v1"):
        check_equal(offsets.commit(client, "old", [("words", 0, 11, -1, "first")], 1), {("words", 0): 0}, "error")
        check_equal(offsets.fetch(client, "old", None)[0], {("words", 0): (11, -1, "first", 0)}, "stored")


def after_restart(suite, client, name):
    """What `run` has left, after the broker was started anew."""
    for group in GROUPS:
        offsets.wait_for_coordinator(client, group)
    with suite.case(f"offsets are there {name}"):
        rows, error = offsets.fetch(client, "every", None)
        check_equal(error, 0, "error")
        check_equal({place: row[0] for place, row in rows.items()}, {("words", 0): 109, ("words", 1): 7, ("words", 3): 1, ("more", 0): 8}, "every")
        check_equal(offsets.fetch(client, "doomed", None)[0], {("words", 1): (2, -1, "", 0)}, "doomed")
        check_equal(offsets.fetch(client, "traveller", None)[0], {("words", 0): (5, -1, "", 0)}, "traveller")
        check_equal(offsets.fetch(client, "", None)[0], {("words", 0): (1, -1, "", 0)}, "without a name")
        check_equal(len(offsets.fetch(client, "long", None)[0][("words", 2)][2]), 4096, "metadata")
    with suite.case(f"commits go on {name}"):
        check_equal(offsets.commit(client, "every", [("words", 0, 109, 5, "by 9")]), {("words", 0): 0}, "error")
        check(offsets.commit(client, "strange", [("words", 0, 1)], generation=1) == {("words", 0): ID_NOT_FOUND}, "unknown stays unknown")
