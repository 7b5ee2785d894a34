"""Kafka's primitive types, for messages that tests write and read by hand. `flexible` chooses the compact forms."""
import struct
import uuid

ZERO_UUID = uuid.UUID(int=0)


class Writer:
    def __init__(self, flexible=False):
        self.flexible = flexible
        self._parts = []

    def bytes(self):
        return b"".join(self._parts)

    def raw(self, data):
        self._parts.append(bytes(data))
        return self

    def int8(self, value):
        return self.raw(struct.pack(">b", value))

    def int16(self, value):
        return self.raw(struct.pack(">h", value))

    def int32(self, value):
        return self.raw(struct.pack(">i", value))

    def int64(self, value):
        return self.raw(struct.pack(">q", value))

    def boolean(self, value):
        return self.raw(b"\x01" if value else b"\x00")

    def uuid(self, value):
        return self.raw((value or ZERO_UUID).bytes)

    def uvarint(self, value):
        out = bytearray()
        while value >= 0x80:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        out.append(value)
        return self.raw(out)

    def length(self, count, wide):
        """A length in front of something; None is null. `wide`: int32 where it is not compact, else int16."""
        if self.flexible:
            return self.uvarint(0 if count is None else count + 1)
        count = -1 if count is None else count
        return self.int32(count) if wide else self.int16(count)

    def string(self, value):
        data = value.encode() if isinstance(value, str) else value
        self.length(None if data is None else len(data), wide=False)
        return self if data is None else self.raw(data)

    def blob(self, value):
        self.length(None if value is None else len(value), wide=True)
        return self if value is None else self.raw(value)

    def array(self, items, write):
        """`write(item)` is called for each; it ends a struct with tags() by itself."""
        self.length(None if items is None else len(items), wide=True)
        for item in items or []:
            write(item)
        return self

    def tags(self):
        """The empty tagged section that ends each struct of a flexible message."""
        return self.uvarint(0) if self.flexible else self


class Reader:
    def __init__(self, data, flexible=False):
        self.flexible = flexible
        self.data = data
        self.position = 0

    def raw(self, size):
        end = self.position + size
        if size < 0 or end > len(self.data):
            raise ValueError(f"{size} bytes wanted at {self.position} of {len(self.data)}")
        value = self.data[self.position:end]
        self.position = end
        return value

    def _unpack(self, form, size):
        return struct.unpack(form, self.raw(size))[0]

    def int8(self):
        return self._unpack(">b", 1)

    def int16(self):
        return self._unpack(">h", 2)

    def int32(self):
        return self._unpack(">i", 4)

    def int64(self):
        return self._unpack(">q", 8)

    def boolean(self):
        return self.int8() != 0

    def uuid(self):
        return uuid.UUID(bytes=bytes(self.raw(16)))

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.raw(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def varint(self):
        value = self.uvarint()
        return (value >> 1) ^ -(value & 1)

    def length(self, wide):
        if self.flexible:
            return self.uvarint() - 1
        return self.int32() if wide else self.int16()

    def string(self):
        size = self.length(wide=False)
        return None if size < 0 else bytes(self.raw(size)).decode()

    def blob(self):
        size = self.length(wide=True)
        return None if size < 0 else bytes(self.raw(size))

    def array(self, read):
        count = self.length(wide=True)
        return None if count < 0 else [read() for _ in range(count)]

    def tags(self):
        """Skips a tagged section; gives {tag: bytes}."""
        found = {}
        if self.flexible:
            for _ in range(self.uvarint()):
                tag = self.uvarint()
                found[tag] = bytes(self.raw(self.uvarint()))
        return found

    def at_end(self):
        return self.position == len(self.data)
