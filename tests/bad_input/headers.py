"""Rows XP12 to XP18: api keys, versions, client ids, tagged fields, varints, trailing bytes, correlation ids."""
import re
import struct

from suite import check, check_equal
from target import MARKER, METADATA_NONE, REQUEST, is_gregor, request, sized

METADATA, API_VERSIONS = 3, 18
SERVED = {0: "Produce", 1: "Fetch", 2: "ListOffsets", 3: "Metadata", 10: "FindCoordinator", 19: "CreateTopics",
          20: "DeleteTopics"}
UNSUPPORTED_VERSION = 35
# Body of Metadata 12: no topics, no auto-creation, no authorized operations, no tags.
METADATA_12_NONE = b"\x01\x00\x00\x00"
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARN|ERROR) ")


def run(target):
    keys_and_versions(target)
    client_ids(target)
    tags(target)
    varints(target)
    trailing_bytes(target)
    correlation_ids(target)


def keys_and_versions(target):
    for key in (-1, 32767, 9999, 93):
        with target.row(f"XP12 api key {key} is closed"):
            target.expect_close(request(key, 0, MARKER))
    with target.row("XP12 a frame that ends within its header is closed"):
        for size in range(1, 10):
            target.expect_close(sized(request(METADATA, 1)[4:4 + size]))
    for key, name in SERVED.items():
        with target.row(f"XP13 {name} of versions that do not exist is closed"):
            for version in (-1, -32768, 50, 32767):
                target.expect_close(request(key, version, METADATA_NONE))
    for version in (5, 32767, -1):
        with target.row(f"XP13 ApiVersions {version} is answered with 35 in version 0"):
            found = target.expect_answer(request(API_VERSIONS, version, b"\x02x\x02y\x00", tags=b"\x00"))
            check_equal(struct.unpack(">h", found[4:6])[0], UNSUPPORTED_VERSION, "error")
            count = struct.unpack(">i", found[6:10])[0]
            keys = [struct.unpack_from(">hhh", found, 10 + 6 * i) for i in range(count)]
            check(any(key == API_VERSIONS for key, _, _ in keys), "ApiVersions is not in the answer")
            check_equal(len(found), 10 + 6 * count, "size of an answer of version 0")


def client_ids(target):
    with target.row("XP14 a client id of 32767 bytes of which 3 are there is closed"):
        target.expect_close(sized(REQUEST.pack(METADATA, 1, 7) + struct.pack(">h", 32767) + b"abc"))
    with target.row("XP14 a client id of length -2 is read as null"):
        target.expect_answer(sized(REQUEST.pack(METADATA, 1, 7) + struct.pack(">h", -2) + METADATA_NONE))
    with target.row("XP14 a null client id is fine"):
        target.expect_answer(request(METADATA, 1, METADATA_NONE, client_id=None))
    with target.row("XP14 a client id of 32767 bytes is fine"):
        target.expect_answer(request(METADATA, 1, METADATA_NONE, client_id=b"x" * 32767))
    odd_ids = [b"a\0b", b"a\r\n2026-01-01T00:00:00.000Z ERROR forged by a client\n", b"\xff\xfe\x80", b"\x1b[2J", b"\xed\xa0\x80"]
    for odd in odd_ids:
        with target.row(f"XP14 client id {odd[:12]!r}: no line of the log is forged"):
            target.expect_close_or_answer(request(METADATA, 1, METADATA_NONE, client_id=odd))
            # Where the connection is closed the id might be told.
            target.expect_close(request(METADATA, 9999, METADATA_NONE, client_id=odd))
            target.expect_close(request(METADATA, 1, b"\x7f\xff\xff\xff", client_id=odd))
            check_log(target)
    with target.row("XP14 a topic name with control characters: no line of the log is forged"):
        name = b"t\r\nforged by a topic\n\xff"
        body = struct.pack(">ih", 1, len(name)) + name + b"\x01"
        target.expect_close_or_answer(request(METADATA, 4, body))
        check_log(target)


def check_log(target):
    if not is_gregor():
        return
    for line in target.broker.log.read_bytes().splitlines():
        check(LOG_LINE.match(line.decode(errors="replace")), f"a forged line: {line}")
        check(all(byte >= 0x20 for byte in line), f"a control character in: {line}")


def tags(target):
    def metadata_12(section):
        return request(METADATA, 12, METADATA_12_NONE, tags=section)

    with target.row("XP15 unknown tags are skipped"):
        target.expect_answer(metadata_12(b"\x02" + b"\x05\x03abc" + b"\x64\x00"))
    with target.row("XP15 a tag twice, and tags that descend: answered or closed"):
        target.expect_close_or_answer(metadata_12(b"\x02" + b"\x05\x01a" + b"\x05\x01b"))
        target.expect_close_or_answer(metadata_12(b"\x02" + b"\x09\x01a" + b"\x05\x01b"))
    with target.row("XP15 2^31 tags: closed, or taken as none as Apache Kafka does; no memory"):
        with target.memory_stays(1 << 20):
            target.expect_close_or_answer(metadata_12(b"\x80\x80\x80\x80\x08"))
    with target.row("XP15 2^28 tags that are not there: closed, no memory"):
        with target.memory_stays(1 << 20):
            target.expect_close(metadata_12(b"\x80\x80\x80\x80\x01"))
    with target.row("XP15 a tag larger than the rest of the frame is closed"):
        target.expect_close(metadata_12(b"\x01\x05\x7fabc"))
        target.expect_close(metadata_12(b"\x01\x05\xff\xff\xff\xff\x07abc"))


def varints(target):
    def metadata_12(count):
        return request(METADATA, 12, count + METADATA_12_NONE[1:], tags=b"\x00")

    with target.row("XP16 a varint of six bytes is closed"):
        target.expect_close(metadata_12(b"\x81\x80\x80\x80\x80\x00"))
    with target.row("XP16 a varint without an end is closed"):
        target.expect_close(request(METADATA, 12, b"\xff\xff\xff", tags=b"\x00"))
        target.expect_close(request(METADATA, 12, b"\xff" * 100, tags=b"\x00"))
    with target.row("XP16 an overlong varint is accepted"):
        target.expect_answer(metadata_12(b"\x81\x00"))
        target.expect_answer(metadata_12(b"\x81\x80\x80\x80\x00"))
    with target.row("XP16 bits above the 32nd are accepted and lost"):
        target.expect_answer(metadata_12(b"\x81\x80\x80\x80\x70"))
    with target.row("XP16 an array of 2^31-1 items that are not there is closed, no memory"):
        with target.memory_stays(1 << 20):
            target.expect_close(metadata_12(b"\xff\xff\xff\xff\x07"))
            target.expect_close(request(METADATA, 1, struct.pack(">i", 2**31 - 1)))


def trailing_bytes(target):
    with target.row("XP17 bytes behind a body are ignored and nothing gets out of step"):
        target.expect_answer(request(METADATA, 1, METADATA_NONE + MARKER))
        target.expect_answer(request(METADATA, 12, METADATA_12_NONE + MARKER, tags=b"\x00"))
        target.expect_answer(request(API_VERSIONS, 0, MARKER))


def correlation_ids(target):
    with target.row("XP18 correlation ids are echoed, whatever they are"):
        for number in (0, -1, -2**31, 2**31 - 1):
            target.expect_answer(request(METADATA, 1, METADATA_NONE, correlation=number), correlation=number)
        with target.connect() as connection:
            connection.send(request(METADATA, 1, METADATA_NONE, correlation=5) * 3)
            found = [connection.receive_frame()[:4] for _ in range(3)]
            check_equal(found, [struct.pack(">i", 5)] * 3, "repeated correlation ids")
