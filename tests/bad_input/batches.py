"""Rows XR1 to XR25: record batches in Produce: every bit flipped, fields that lie, compressed streams made to hurt. What
tests/answers/produce_rows.py has is not asked again."""
import os
import pathlib
import struct
import zlib

import produce_rows
import records
from produce_rows import one_record, patched, plain, with_crc, with_record_bytes
from raw_client import RawClient
from suite import check, check_equal
from target import is_gregor

TOPIC, LARGE = "batches", "large"
ATTRIBUTES = produce_rows.ATTRIBUTES
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
CORRUPT, TOO_LARGE, INVALID = 2, 10, 87
# Apache Kafka's -1 stands for an exception that nobody caught; a code that says what is wrong is right too.
REFUSED = {CORRUPT, TOO_LARGE, INVALID} if is_gregor() else {-1, CORRUPT, TOO_LARGE, INVALID}
GOOD = {0}
MIB = 1 << 20
CPU_MAX = 1.5  # seconds


def run(target):
    with target.broker.client() as client:
        client.create_topic(TOPIC, 1)
        client.create_topic(LARGE, 1, configs={"max.message.bytes": str(20 * MIB)})
    for topic in (TOPIC, LARGE):
        target.broker.wait_for_topic(topic, 1)
        with target.broker.client() as client:
            client.produce(topic, 0, plain())
    target.accept_open_files()
    bits(target)
    fields(target)
    streams(target)
    others_streams(target)
    many_empty(target)
    bombs(target)


def send(client, batch, codes, topic=TOPIC, values=None):
    """Produces `batch`: one of `codes` must come, and the log must have grown by it or not at all."""
    end = client.list_offsets(topic, 0, -1)["offset"]
    answer = client.produce(topic, 0, batch)
    check(answer["error"] in codes, f"error {answer['error']} instead of {sorted(codes)}, {answer['message']}")
    after = client.list_offsets(topic, 0, -1)["offset"]
    check_equal(after > end, answer["error"] == 0, "the log has grown")
    if values is not None and answer["error"] == 0:
        found = records.parse(client.fetch(topic, 0, end)["records"])
        check_equal([r.value for b in found for r in b.records], values, "what is read back")
    return answer["error"]


def bits(target):
    batch = records.build([(b"key", b"v" * 130)], timestamp=0)
    with target.row(f"XR1 each of the {8 * len(batch)} bits of a batch is flipped"), target.broker.client() as client:
        accepted = 0
        for bit in range(8 * len(batch)):
            flipped = bytearray(batch)
            flipped[bit // 8] ^= 0x80 >> bit % 8
            answer = client.produce(TOPIC, 0, bytes(flipped))
            if 12 <= bit // 8 < 16:  # the leader epoch is the broker's to write
                check_equal(answer["error"], 0, f"bit {bit}")
                accepted += 1
            elif bit == 8 * ATTRIBUTES + 11:  # transactional, without a transactional id in the request
                check_equal(answer["error"], 53, f"bit {bit}")
            elif bit // 8 >= 17:
                check_equal(answer["error"], CORRUPT, f"bit {bit}")
            else:
                check(answer["error"] in REFUSED, f"bit {bit}: {answer['error']}")
        check_equal(accepted, 32, "accepted")


def fields(target):
    value = b"\x02v\x00"
    far = b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"  # -2^63
    rows = [
        ("XR2 length 49, nothing in it", patched(">i", produce_rows.LENGTH, 49, plain()[:61]), REFUSED),
        ("XR9 record length 2^31-1", with_record_bytes(b"\xfe\xff\xff\xff\x0f" + one_record()[1:]), REFUSED),
        ("XR9 record length of 10 bytes", with_record_bytes(b"\xff" * 9 + b"\x01" + one_record()[1:]), REFUSED),
        ("XR10 key length -2", with_record_bytes(one_record(rest=b"\x03" + value)), REFUSED if is_gregor() else GOOD),  # (null there)
        ("XR10 key length 2^31-1", with_record_bytes(one_record(rest=b"\xfe\xff\xff\xff\x0f" + value)), REFUSED),
        ("XR10 value length beyond the record", with_record_bytes(one_record(rest=b"\x02k\x7e\x00")), REFUSED),
        ("XR10 10^6 headers", with_record_bytes(one_record(rest=b"\x02k\x02v\x80\x89\x7a")), REFUSED),
        ("XR10 2^31-1 headers", with_record_bytes(one_record(rest=b"\x02k\x02v\xfe\xff\xff\xff\x0f")), REFUSED),
        ("XR14 11 bytes behind the batch", plain() + bytes(11), GOOD),
        ("XR14 12 bytes behind the batch", plain() + bytes(12), {CORRUPT}),
        ("XR7 delete horizon bit", patched(">h", ATTRIBUTES, 0x40), GOOD),
        ("XR7 codec 6", patched(">h", ATTRIBUTES, 6), {-1, 76, CORRUPT}),
        ("XR12 base time -2^63", patched(">q", produce_rows.BASE_TIME, -1 << 63), {0, 32, INVALID}),
        ("XR12 a time delta of -2^63", with_record_bytes(time_delta_record(far)), {0, 32, INVALID}),
        ("XR23 a record of nothing", with_record_bytes(one_record(rest=b"\x01\x01\x00")), GOOD),
    ]
    for name, batch, codes in rows:
        with target.row(name), target.broker.client() as client, target.memory_stays(MIB):
            send(client, batch, codes)


def time_delta_record(delta):
    body = b"\x00" + delta + b"\x00\x02k\x02v\x00"
    return bytes([len(body) << 1]) + body


def compressed(codec, data, count=3):
    """A batch of so many records whose compressed bytes are these."""
    return patched(">h", ATTRIBUTES, codec, with_record_bytes(data, count))


def inner():
    """The bytes of three records, and the values."""
    return plain()[records.HEADER_SIZE:], [b"v0", b"v1", b"v2"]


def streams(target):
    import lz4.frame
    import snappy
    import zstandard
    data, values = inner()
    block = snappy.compress(data)
    xerial = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    gz = records.compress("gzip", data)
    member = [records.compress("gzip", part) for part in (data[:10], data[10:])]
    extra = b"\x1f\x8b\x08\x04" + bytes(6) + struct.pack("<H", 65535) + bytes(65535) + gz[10:]
    lz = lz4.frame.compress(data, content_checksum=False, store_size=False, block_linked=False)
    zs = zstandard.ZstdCompressor(write_content_size=False).compress(data)
    zs_parts = [zstandard.ZstdCompressor().compress(part) for part in (data[:10], data[10:])]
    skippable = b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"skip"
    rows = [
        ("XR16 snappy: framed as Java does", SNAPPY, xerial + struct.pack(">i", len(block)) + block, GOOD),
        ("XR16 snappy: one bare block", SNAPPY, block, GOOD),
        ("XR16 snappy: chunk length 2^31-1", SNAPPY, xerial + b"\x7f\xff\xff\xff" + block, REFUSED),
        ("XR16 snappy: chunk length -1", SNAPPY, xerial + b"\xff\xff\xff\xff" + block, REFUSED),
        ("XR16 snappy: a block that claims 4 GiB", SNAPPY, b"\xff\xff\xff\xff\x0f" + block[1:], REFUSED),
        ("XR17 lz4: good", LZ4, lz, GOOD),
        ("XR17 lz4: wrong header checksum", LZ4, lz[:6] + bytes([lz[6] ^ 1]) + lz[7:], REFUSED),
        ("XR17 lz4: block above its size", LZ4, lz[:7] + struct.pack("<I", 0x7FFFFFFF) + lz[11:], REFUSED),
        ("XR17 lz4: no end mark, cut in a block", LZ4, lz[:-8], REFUSED),
        ("XR18 zstd: good", ZSTD, zs, GOOD),
        ("XR18 zstd: several frames", ZSTD, b"".join(zs_parts), GOOD),
        ("XR18 zstd: skippable frames", ZSTD, skippable + zs + skippable, GOOD),
        ("XR18 zstd: cut", ZSTD, zs[:-5], REFUSED),
        ("XR18 zstd: a window of 2^31", ZSTD, bytes.fromhex("28b52ffd00a82b000078"), REFUSED),
        ("XR18 zstd: a dictionary", ZSTD, bytes.fromhex("28b52ffd0158072b000078"), REFUSED),
        ("XR19 gzip: two members", GZIP, b"".join(member), GOOD),
        ("XR19 gzip: 64 KiB of extra field", GZIP, extra, GOOD),
        ("XR19 gzip: wrong CRC", GZIP, gz[:-8] + bytes([gz[-8] ^ 1]) + gz[-7:], REFUSED),
        ("XR19 gzip: cut", GZIP, gz[:-9], REFUSED),
    ]
    for name, codec, stream, codes in rows:
        with target.row(name), target.broker.client() as client, target.memory_stays(MIB):
            send(client, compressed(codec, stream), codes, values=values)


def others_streams(target):
    data, _ = inner()
    for name in records.CODECS[1:]:
        with target.row(f"XR20 the batch says {name}, its bytes are of another codec, or none"), target.broker.client() as client:
            for other in records.CODECS:
                if other != name:
                    send(client, compressed(records.CODECS.index(name), records.compress(other, data)), REFUSED)


def huge_record():
    """The beginning of a record whose value is said to have 2^30 bytes."""
    return bytes.fromhex("94808080080000000180808080" + "08")


def bombs(target):
    import lz4.frame
    import snappy
    import zstandard
    zeros = bytes(8 * MIB)
    gzip_zeros = records.compress("gzip", zeros)
    level = zstandard.ZstdCompressor()
    made = {
        # (at most 20 MB compressed; what they inflate to)
        "gzip": (GZIP, records.compress("gzip", huge_record()) + gzip_zeros * 128, "1 GiB"),
        "snappy": (SNAPPY, snappy.compress(huge_record() + bytes(200 * MIB)), "200 MiB"),
        "lz4": (LZ4, lz4.frame.compress(huge_record() + bytes(400 * MIB), block_linked=False), "400 MiB"),
        "zstd": (ZSTD, level.compress(huge_record()) + level.compress(zeros) * 128, "1 GiB"),
    }
    for name, (codec, stream, inflated) in made.items():
        with target.row(f"XR15 {name}: {len(stream) >> 10} KiB that inflate to {inflated}"), target.broker.client() as client:
            batch = with_crc(compressed_unsealed(codec, stream))
            with target.memory_stays((len(batch) >> 20 << 20) + 12 * MIB):
                spent = cpu_seconds(target)
                send(client, batch, REFUSED, topic=LARGE)
                spent = cpu_seconds(target) - spent
            print(f"        {spent:.2f} s of processor time", flush=True)
            check(spent <= CPU_MAX or not is_gregor(), "too much processor time")
    if not is_gregor():
        return  # (Apache Kafka 4.1.1 with a heap of 512 MB does not serve anybody for a while)
    with target.row("XR15 many bombs at a time: a good client is served beside them"):
        batch = with_crc(compressed_unsealed(GZIP, made["gzip"][1]))
        clients = [RawClient(target.broker.address) for _ in range(8)]
        for client in clients:
            client.send_produce(LARGE, 0, batch)
        for _ in range(5):
            target.good_client_works()
        for client in clients:
            check(client.receive_produce(8)["error"] in REFUSED, "accepted")
            client.close()


def compressed_unsealed(codec, stream):
    batch = bytearray(plain()[:records.HEADER_SIZE] + stream)
    struct.pack_into(">i", batch, produce_rows.LENGTH, len(batch) - 12)
    struct.pack_into(">h", batch, ATTRIBUTES, codec)
    return bytes(batch)


def cpu_seconds(target):
    fields = pathlib.Path(f"/proc/{target.broker.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def many_empty(target):
    count = 1_000_000
    with target.row("XR23 a million empty records in one batch: bounded in time and memory"), target.broker.client() as client:
        body = bytearray()
        for index in range(count):
            offset = bytearray()
            value = index << 1
            while value >= 0x80:
                offset.append(value & 0x7F | 0x80)
                value >>= 7
            offset.append(value)
            body += bytes([(5 + len(offset)) << 1, 0, 0]) + offset + b"\x01\x01\x00"
        packed = zlib.compressobj(1, wbits=31)
        stream = packed.compress(bytes(body)) + packed.flush()
        batch = with_crc(patched(">i", 57, count, patched(">i", 23, count - 1, compressed_unsealed(GZIP, stream), False), False))
        with target.memory_stays(16 * MIB):
            spent = cpu_seconds(target)
            send(client, batch, GOOD, topic=LARGE)
            print(f"        {len(batch) >> 10} KiB, {cpu_seconds(target) - spent:.2f} s of processor time", flush=True)
