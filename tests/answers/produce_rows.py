"""Odd batches in Produce v8, and what Apache Kafka 3.9.1 and 4.1.1 answer: rows of (name, bytes, codes, log start, records).

`codes`: the error codes that are right; `log start`: the field of the answer, -1 where the batch is refused before the log
looked at it; `records`: how many are appended. A batch of three records is the plain one."""
import struct
import time

import records
from records import Record, crc32c

_NOW = int(time.time() * 1000)


def plain(codec="none", **options):
    return records.build([(b"k%d" % n, b"v%d" % n) for n in range(3)], codec, timestamp=_NOW, **options)


def with_crc(batch):
    """The batch with the CRC that its bytes need."""
    return batch[:17] + struct.pack(">I", crc32c(batch[21:])) + batch[21:]


def patched(form, position, value, batch=None, fix_crc=True):
    """The plain batch with one field overwritten."""
    data = bytearray(batch or plain())
    struct.pack_into(form, data, position, value)
    return with_crc(bytes(data)) if fix_crc else bytes(data)


def with_record_bytes(data, count=1):
    """A batch whose records are these bytes."""
    batch = plain()[:records.HEADER_SIZE] + data
    batch = patched(">i", 57, count, patched(">i", 23, count - 1, patched(">i", 8, len(batch) - 12, batch)))
    return batch


def one_record(attributes=0, time_delta=0, offset_delta=0, rest=b"\x02k\x02v\x00"):
    body = bytes([attributes, time_delta << 1, offset_delta << 1]) + rest
    return bytes([len(body) << 1]) + body


# Apache Kafka's -1 stands for an exception that nobody caught; a code that says what is wrong is right too.
UNEXPECTED, CORRUPT = -1, 2
LENGTH, EPOCH, MAGIC, CRC, ATTRIBUTES, LAST_DELTA, BASE_TIME, MAX_TIME, COUNT = 8, 12, 16, 17, 21, 23, 27, 35, 57

ROWS = [
    ("three records", plain(), {0}, 0, 3),
    ("empty records", b"", {87}, -1, 0),
    ("fewer than 12 bytes", plain()[:11], {87}, -1, 0),
    ("a cut batch", plain()[:-5], {87}, -1, 0),
    ("length beyond the data", patched(">i", LENGTH, 1000), {87}, -1, 0),
    ("two batches", plain() + plain(), {87}, -1, 0),
    ("magic 1", patched(">b", MAGIC, 1), {87}, -1, 0),
    ("magic 0", patched(">b", MAGIC, 0), {87}, -1, 0),
    ("magic 3", patched(">b", MAGIC, 3), {2}, -1, 0),
    ("magic -1", patched(">b", MAGIC, -1), {2}, -1, 0),
    ("length 0", patched(">i", LENGTH, 0), {2}, -1, 0),
    ("length 13", patched(">i", LENGTH, 13), {2}, -1, 0),
    ("length -1", patched(">i", LENGTH, -1), {2}, -1, 0),
    ("length -2^31", patched(">i", LENGTH, -1 << 31), {2}, -1, 0),
    ("length 48", patched(">i", LENGTH, 48), {2}, -1, 0),
    ("length 2^31-1", patched(">i", LENGTH, (1 << 31) - 1), {UNEXPECTED, CORRUPT}, None, 0),
    ("wrong CRC", patched(">I", CRC, 1, fix_crc=False), {2}, -1, 0),
    ("base offset 5", patched(">q", 0, 5), {87}, 0, 0),
    ("base offset -1", patched(">q", 0, -1), {87}, 0, 0),
    ("leader epoch 7", patched(">i", EPOCH, 7), {0}, 0, 3),
    ("count 0", patched(">i", COUNT, 0), {87}, 0, 0),
    ("count -1", patched(">i", COUNT, -1), {87}, 0, 0),
    ("count 2^31-1", patched(">i", COUNT, (1 << 31) - 1), {87}, 0, 0),
    ("count 2 of 3", patched(">i", COUNT, 2), {87}, 0, 0),
    ("count 4 of 3", patched(">i", COUNT, 4), {87}, 0, 0),
    ("last offset delta 1 of 2", patched(">i", LAST_DELTA, 1), {87}, 0, 0),
    ("last offset delta 3", patched(">i", LAST_DELTA, 3), {87}, 0, 0),
    ("last offset delta -1", patched(">i", LAST_DELTA, -1), {87}, 0, 0),
    ("last offset delta 2^31-1", patched(">i", LAST_DELTA, (1 << 31) - 1), {87}, 0, 0),
    ("five bytes behind the batch", plain() + b"abcde", {0}, 0, 3),
    ("twenty bytes behind the batch", plain() + b"a" * 20, {2}, -1, 0),
    ("reserved attribute bits", patched(">h", ATTRIBUTES, 0x180), {0}, 0, 3),
    ("codec 5", patched(">h", ATTRIBUTES, 5), {UNEXPECTED, 76}, 0, 0),
    ("codec 7", patched(">h", ATTRIBUTES, 7), {UNEXPECTED, 76}, 0, 0),
    ("gzip that is none", patched(">h", ATTRIBUTES, 1), {UNEXPECTED, CORRUPT}, 0, 0),
    ("zstd that is none", patched(">h", ATTRIBUTES, 4), {UNEXPECTED, CORRUPT}, 0, 0),
    ("codec bit, no records", patched(">h", ATTRIBUTES, 1, with_record_bytes(b"", 1)), {UNEXPECTED, CORRUPT, 87}, None, 0),
    ("control bit", patched(">h", ATTRIBUTES, 0x20), {87}, 0, 0),
    ("transactional bit", patched(">h", ATTRIBUTES, 0x10), {53}, -1, 0),
    ("LogAppendTime bit", patched(">h", ATTRIBUTES, 8), {0}, 0, 3),
    ("time stamp -1", patched(">q", MAX_TIME, -1, patched(">q", BASE_TIME, -1)), {0}, 0, 3),
    ("time stamp 0", patched(">q", MAX_TIME, 0, patched(">q", BASE_TIME, 0)), {0}, 0, 3),
    ("max time stamp too low", patched(">q", MAX_TIME, _NOW - 1000), {0}, 0, 3),
    ("too large", records.build([(None, b"x" * 200_000)], timestamp=_NOW), {10}, -1, 0),
    ("one record by hand", with_record_bytes(one_record()), {0}, 0, 1),
    ("record attributes set", with_record_bytes(one_record(attributes=9)), {0}, 0, 1),
    ("null key and value", with_record_bytes(one_record(rest=b"\x01\x01\x00")), {0}, 0, 1),
    ("record length 0", with_record_bytes(b"\x00" + one_record()[1:]), {87}, 0, 0),
    ("record length negative", with_record_bytes(b"\x03" + one_record()[1:]), {87}, 0, 0),
    ("record length beyond", with_record_bytes(b"\x7e" + one_record()[1:]), {87}, 0, 0),
    ("header count -1", with_record_bytes(one_record(rest=b"\x01\x01\x01")), {87}, 0, 0),
    ("null header key", with_record_bytes(one_record(rest=b"\x01\x01\x02\x01\x01")), {87}, 0, 0),
    ("null header value", records.build([Record(b"k", b"v", [("h", None)])], timestamp=_NOW), {0}, 0, 1),
    ("bytes left in a record", with_record_bytes(one_record(rest=b"\x01\x01\x00\x00")), {87}, 0, 0),
    ("bytes left in a batch", with_record_bytes(one_record() + b"\x00"), {87}, 0, 0),
] + [(f"three records in {codec}", plain(codec), {0}, 0, 3) for codec in records.CODECS]
