"""Record batches (format 2) in Python: building them, reading them back, and CRC-32C. Slow and simple on purpose: it shares
nothing with the program under test. snappy, lz4 and zstd need Debian's python3-snappy, python3-lz4, python3-zstandard."""
import dataclasses
import gzip
import struct
import time
import zlib

from wire import Reader, Writer

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
HEADER_SIZE = 61
_HEADER = struct.Struct(">qiibIhiqqqhii")


def _make_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = (byte >> 1) ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _make_table()


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


@dataclasses.dataclass
class Record:
    key: bytes
    value: bytes
    headers: list = dataclasses.field(default_factory=list)
    timestamp: int = -1
    offset: int = -1


@dataclasses.dataclass
class Batch:
    base_offset: int
    size: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    base_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    count: int
    position: int = 0
    records: list = None

    @property
    def codec(self):
        return CODECS[self.attributes & 7]

    @property
    def last_offset(self):
        return self.base_offset + self.last_offset_delta

    @property
    def log_append_time(self):
        return bool(self.attributes & 8)


def compress(codec, data):
    if codec == "none":
        return data
    if codec == "gzip":
        packer = zlib.compressobj(wbits=31)
        return packer.compress(data) + packer.flush()
    if codec == "snappy":
        import snappy
        return snappy.compress(data)
    if codec == "lz4":
        import lz4.frame
        return lz4.frame.compress(data)
    import zstandard
    return zstandard.ZstdCompressor().compress(data)


def decompress(codec, data):
    if codec == "none":
        return data
    if codec == "gzip":
        return gzip.decompress(data)
    if codec == "snappy":
        return _decompress_snappy(data)
    if codec == "lz4":
        import lz4.frame
        return lz4.frame.decompress(data)
    import zstandard
    out = b""
    while data:  # one frame each
        reader = zstandard.ZstdDecompressor().decompressobj()
        out += reader.decompress(data)
        data = reader.unused_data
    return out


def _decompress_snappy(data):
    """Plain, or in the framing that Java clients write: a header of 16 bytes, then blocks with an int32 size."""
    import snappy
    data = bytes(data)
    if not data.startswith(b"\x82SNAPPY\x00"):
        return snappy.decompress(data)
    out, position = b"", 16
    while position < len(data):
        size = struct.unpack_from(">i", data, position)[0]
        out += snappy.decompress(data[position + 4:position + 4 + size])
        position += 4 + size
    return out


def build(items, codec="none", timestamp=None, base_offset=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
          attributes=0):
    """One batch. items: Records, or (key, value) pairs; `timestamp` (ms) is for those without one; now by default."""
    now = int(time.time() * 1000) if timestamp is None else timestamp
    made = [r if isinstance(r, Record) else Record(*r) for r in items]
    stamps = [r.timestamp if r.timestamp >= 0 else now for r in made]
    body = Writer()
    for index, (record, stamp) in enumerate(zip(made, stamps)):
        data = _encode_record(record, index, stamp - stamps[0])
        _varint(body, len(data))
        body.raw(data)
    checked = struct.pack(
        ">hiqqqhii", attributes | CODECS.index(codec), len(made) - 1, stamps[0], max(stamps), producer_id, producer_epoch,
        base_sequence, len(made))
    checked += compress(codec, body.bytes())
    return struct.pack(">qiibI", base_offset, len(checked) + 9, -1, 2, crc32c(checked)) + checked


def _varint(writer, value):
    writer.uvarint((value << 1) ^ (value >> 63))


def _encode_record(record, index, delta):
    out = Writer().int8(0)
    _varint(out, delta)
    _varint(out, index)
    for field in (record.key, record.value):
        _blob(out, field)
    _varint(out, len(record.headers))
    for name, value in record.headers:
        _blob(out, name.encode())
        _blob(out, value)
    return out.bytes()


def _blob(out, data):
    _varint(out, -1 if data is None else len(data))
    if data is not None:
        out.raw(data)


def headers(data, start=0):
    """The batch headers in `data`, records unread; a piece of a batch at the end is left out."""
    position = start
    while position + HEADER_SIZE <= len(data):
        base, length, epoch, magic, crc, attributes, delta, first, last, pid, pepoch, sequence, count = \
            _HEADER.unpack_from(data, position)
        size = length + 12
        if position + size > len(data):
            return
        yield Batch(base, size, epoch, magic, crc, attributes, delta, first, last, pid, pepoch, sequence, count, position)
        position += size


def parse(data, check_crc=True):
    """All whole batches in `data` with their records. ValueError if a CRC or a count is wrong."""
    found = []
    for batch in headers(data):
        end = batch.position + batch.size
        if check_crc and crc32c(data[batch.position + 21:end]) != batch.crc:
            raise ValueError(f"wrong CRC in the batch at offset {batch.base_offset}")
        reader = Reader(decompress(batch.codec, bytes(data[batch.position + HEADER_SIZE:end])))
        batch.records = [_decode_record(reader, batch) for _ in range(batch.count)]
        if not reader.at_end():
            raise ValueError(f"bytes behind the records of the batch at offset {batch.base_offset}")
        found.append(batch)
    return found


def _decode_record(reader, batch):
    size = reader.varint()
    end = reader.position + size
    reader.int8()
    stamp = batch.base_timestamp + reader.varint()
    offset = batch.base_offset + reader.varint()
    key, value = _read_blob(reader), _read_blob(reader)
    pairs = [(_read_blob(reader).decode(), _read_blob(reader)) for _ in range(reader.varint())]
    if reader.position != end:
        raise ValueError(f"record at offset {offset} has {reader.position - end} bytes too many")
    return Record(key, value, pairs, batch.max_timestamp if batch.log_append_time else stamp, offset)


def _read_blob(reader):
    size = reader.varint()
    return None if size < 0 else bytes(reader.raw(size))
