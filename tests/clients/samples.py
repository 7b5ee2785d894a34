"""Records that every client library can carry, and the comparison with what came back."""
import random
import time

from records import Record
from suite import check, check_equal

# An hour ago: older than the retention time, and the broker may remove them while the test runs.
BASE_TIMESTAMP = int((time.time() - 3600) * 1000)


def sample(count, seed):
    """Records with and without key, with empty and null values, with headers; time stamps rise by 10 ms, with steps back."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        value = f"value {number} ".encode() * rng.randrange(1, 12)
        key = rng.choice([None, f"key-{number % 97}".encode(), "Schlüssel".encode()])
        if number % 50 == 11:
            key, value = b"deleted", None
        if number % 50 == 12:
            value = b""
        headers = [("kind", b"test"), ("number", str(number).encode()), ("kind", b"again")] if number % 7 == 0 else []
        made.append(Record(key, value, headers, BASE_TIMESTAMP + number * 10 - (35 if number % 20 == 19 else 0)))
    return made


def check_records(found, expected, first_offset=0):
    """found: Records with their offsets."""
    check_equal(len(found), len(expected), "number of records")
    for number, (one, other) in enumerate(zip(found, expected)):
        check_equal(one.offset, first_offset + number, "offset")
        for field in ("key", "value", "timestamp"):
            check_equal(getattr(one, field), getattr(other, field), f"{field} at offset {one.offset}")
        check_equal([tuple(h) for h in one.headers or []], other.headers, f"headers at offset {one.offset}")


# A client sends a batch of hardly any records as it is when compressing would make it larger.
TINY_BATCH_RECORDS = 2


def check_stored(folder, codec, records_of, idempotent=None):
    """The batches in the files of a partition carry the codec, and hold as many records as were sent; if said, all or none of
    them come from producers with an id."""
    import logdir
    batches = [batch for segment in logdir.segments(folder) for batch in logdir.batches(segment)]
    others = [b for b in batches if b.codec != codec and not (b.codec == "none" and b.count <= TINY_BATCH_RECORDS)]
    check(not others and any(b.codec == codec for b in batches),
          f"stored batches of {folder.name}: {logdir.codecs(folder)} instead of {codec}")
    check_equal(logdir.record_count(folder), records_of, "records in the files")
    if idempotent is not None:
        check_equal({batch.producer_id >= 0 for batch in batches}, {idempotent}, "batches have a producer id")


def offset_at(expected, timestamp):
    """The first offset whose record is at least that late; None if there is none."""
    return next((n for n, record in enumerate(expected) if record.timestamp >= timestamp), None)
