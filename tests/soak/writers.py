"""Writers of the mixed load: librdkafka producers that note what became of each record.

An idempotent writer goes on until each record has its offset; a plain one never sends twice, so that a record without an
answer is there once or not at all.
"""
import array
import random
import threading
import time

from confluent_kafka import Producer

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
UNKNOWN, PENDING = -1, -2
KEYS = 100


class Writer(threading.Thread):
    """Writes record n as b"name:n:..." to topics[n % len(topics)], partition n // len(topics) % partitions."""

    def __init__(self, name, address, topics, partitions, *, codec, idempotent, keyed=False, rate=60):
        super().__init__(daemon=True)
        self.name, self.topics, self.partitions = name, topics, partitions
        self.idempotent, self.keyed, self.rate = idempotent, keyed, rate
        self.offsets = array.array("q")  # of record n: its offset, UNKNOWN or PENDING
        self.stamps = array.array("q")  # of record n: ms
        self.tombstones = set()
        self.fatal = None
        self._random = random.Random(name)
        self._end = threading.Event()
        settings = {
            "bootstrap.servers": address, "client.id": name, "compression.type": codec, "linger.ms": 20, "acks": "all",
            "log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20,
            "topic.metadata.refresh.interval.ms": 5000, "enable.idempotence": idempotent,
            "batch.size": 100_000}
        if idempotent:
            settings["message.timeout.ms"] = 0  # as long as it takes
        else:
            settings.update({"message.send.max.retries": 0, "message.timeout.ms": 10000})
        self._producer = Producer(settings)

    def place(self, n):
        """(topic, partition) of record n."""
        count = len(self.topics)
        return self.topics[n % count], n // count % self.partitions

    def key(self, n):
        """All records of one key go to one partition."""
        return f"{self.name}/{n % KEYS}".encode() if self.keyed else None

    def run(self):
        while not self._end.is_set():
            began = time.monotonic()
            for _ in range(max(1, self.rate // 10)):
                self._send()
            self._producer.poll(0)
            self._end.wait(max(0.0, began + 0.1 - time.monotonic()))

    def _send(self):
        n = len(self.offsets)
        topic, partition = self.place(n)
        value = b"%s:%d:" % (self.name.encode(), n) + self._random.randbytes(self._random.randrange(100, 500)).hex().encode()
        if self.keyed and self._random.random() < 0.05:
            value = None
            self.tombstones.add(n)
        self.offsets.append(PENDING)
        stamp = int(time.time() * 1000)
        self.stamps.append(stamp)
        while True:
            try:
                self._producer.produce(topic, value, self.key(n), partition, timestamp=stamp,
                                       headers={"n": str(n), "w": self.name},
                                       on_delivery=lambda error, message, n=n: self._delivered(n, error, message))
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, n, error, message):
        self.offsets[n] = UNKNOWN if error else message.offset()
        if error and self.idempotent:
            self.fatal = self.fatal or f"{self.name}: record {n}: {error}"

    def stop(self, timeout=120):
        """Gives how many records have no outcome yet."""
        self._end.set()
        self.join()
        return self._producer.flush(timeout)


def make_writers(address, topics, compacted, partitions, rate):
    """Each codec, idempotent and plain; into the topics, and with keys into the compacted one."""
    writers = []
    for codec in CODECS:
        for idempotent in (True, False):
            kind = f"{codec}-{'idempotent' if idempotent else 'plain'}"
            writers.append(Writer(kind, address, topics, partitions, codec=codec, idempotent=idempotent, rate=rate))
            writers.append(Writer(kind + "-keyed", address, [compacted], 1, codec=codec, idempotent=idempotent, keyed=True, rate=rate))
    for writer in writers:
        writer.start()
    return writers
