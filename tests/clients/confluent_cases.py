"""The cases of confluent-kafka for Python (Debian's on librdkafka 2.0.2, and the newest from PyPI on its own librdkafka)."""
import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import samples
from records import CODECS, Record
from suite import check, check_equal, wait_until

PARTITIONS = 3
IDEMPOTENT = ("none", "gzip", "zstd")  # codecs with which it is tried


def run(suite, broker, count=5000):
    version = confluent_kafka.version()  # a pair in old releases
    name = f"confluent-kafka {version if isinstance(version, str) else version[0]} on librdkafka {confluent_kafka.libversion()[0]}"
    print(f"        {name}", flush=True)
    options = {"bootstrap.servers": broker.address}
    admin = AdminClient(options)
    _topics(suite, name, admin)
    for codec in CODECS:
        topic = f"confluent-{codec}"
        expected = [samples.sample(count, f"{codec}{p}") for p in range(PARTITIONS)]
        idempotent = codec in IDEMPOTENT
        with suite.case(f"{name}: produce{', idempotent' if idempotent else ''}, {codec}"):
            _create(admin, topic, PARTITIONS)
            broker.wait_for_topic(topic, PARTITIONS)
            # (its default is a plain producer that tries again; the order of such a one is not certain)
            how = {"enable.idempotence": True} if idempotent else {"enable.idempotence": False, "message.send.max.retries": 0}
            _produce({**options, **how}, topic, codec, expected)
        with suite.case(f"{name}: consume assigned partitions, {codec}"):
            for partition in range(PARTITIONS):
                consumer = _consumer(options)
                consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
                samples.check_records(_read(consumer, count), expected[partition])
                samples.check_stored(broker.log_dirs[0] / f"{topic}-{partition}", codec, count, idempotent)
                consumer.close()
        with suite.case(f"{name}: seek, times, ends, {codec}"):
            _positions(options, topic, 1, expected[1])
    with suite.case(f"{name}: auto-created topic, partitions by key, acks 0, 1, all"):
        _auto_created(options)
    with suite.case(f"{name}: all partitions of a topic at once"):
        consumer = _consumer(options)
        consumer.assign([TopicPartition("confluent-zstd", p, OFFSET_BEGINNING) for p in range(PARTITIONS)])
        check_equal(len(_read(consumer, PARTITIONS * count)), PARTITIONS * count, "records")
        consumer.close()


def _create(admin, topic, partitions, **options):
    for future in admin.create_topics([NewTopic(topic, num_partitions=partitions, replication_factor=1, **options)]).values():
        future.result(30)
    wait_until(lambda: topic in admin.list_topics(timeout=10).topics, 10, f"topic {topic} is listed")


def _topics(suite, name, admin):
    with suite.case(f"{name}: create, list and delete topics"):
        _create(admin, "rd-made", 4, config={"segment.bytes": "1048576"})
        _create(admin, "rd-other", 1)
        listing = admin.list_topics(timeout=10)
        check_equal(sorted(listing.topics["rd-made"].partitions), [0, 1, 2, 3], "partitions")
        check_equal([b.id for b in listing.brokers.values()], [1], "brokers")
        check(listing.cluster_id, "no cluster id")
        try:
            _create(admin, "rd-made", 1)
            check(False, "a second topic of the same name was created")
        except KafkaException as failure:
            check_equal(failure.args[0].name(), "TOPIC_ALREADY_EXISTS", "error")
        for future in admin.delete_topics(["rd-other"]).values():
            future.result(30)
        wait_until(lambda: "rd-other" not in admin.list_topics(timeout=10).topics, 10, "the deleted topic is gone")


def _produce(options, topic, codec, expected):
    producer = Producer({**options, "compression.type": codec, "linger.ms": 100, "batch.num.messages": 700})
    answered = [[] for _ in expected]

    def report(error, message):
        check(error is None, f"delivery failed: {error}")
        answered[message.partition()].append(message.offset())
    for number in range(len(expected[0])):
        for partition, records_of in enumerate(expected):
            r = records_of[number]
            producer.produce(topic, r.value, r.key, partition=partition, timestamp=r.timestamp, headers=r.headers,
                             on_delivery=report)
        producer.poll(0)
    check_equal(producer.flush(60), 0, "records still in the queue")
    for offsets in answered:
        check_equal(offsets, list(range(len(expected[0]))), "answered offsets")


def _consumer(options):
    return Consumer({**options, "group.id": "unused", "enable.auto.commit": False, "auto.offset.reset": "error",
                     "fetch.wait.max.ms": 200})


def _read(consumer, count, seconds=60):
    """The next `count` records of what is assigned."""
    found = []

    def enough():
        for message in consumer.consume(1000, 0.5):
            if message.error():
                raise KafkaException(message.error())
            found.append(Record(message.key(), message.value(), message.headers() or [], message.timestamp()[1],
                                message.offset()))
        return len(found) >= count
    wait_until(enough, seconds, f"{count} records", pause=0)
    return found


def _positions(options, topic, partition, expected):
    consumer = _consumer(options)
    count = len(expected)
    check_equal(consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10), (0, count), "watermarks")
    for number in (0, 19, 500, 1018, count - 1):
        stamp = expected[number].timestamp
        at = consumer.offsets_for_times([TopicPartition(topic, partition, stamp)], timeout=10)[0]
        check(at.error is None, f"error {at.error}")
        check_equal(at.offset, samples.offset_at(expected, stamp), f"offset at time {stamp}")
    late = consumer.offsets_for_times([TopicPartition(topic, partition, samples.BASE_TIMESTAMP + 10 * count + 1000)], timeout=10)[0]
    check_equal(late.offset, -1, "offset after all (-1 = end)")
    consumer.assign([TopicPartition(topic, partition, 3)])
    samples.check_records(_read(consumer, count - 3), expected[3:], 3)
    for offset in (count // 2, 0, count - 1):
        consumer.seek(TopicPartition(topic, partition, offset))
        samples.check_records(_read(consumer, count - offset), expected[offset:], offset)
    consumer.close()


def _auto_created(options):
    for acks in ("0", "1", "all"):
        topic = f"confluent-auto-{acks}"
        producer = Producer({**options, "acks": acks, "enable.idempotence": False})
        for number in range(200):
            producer.produce(topic, b"value %d" % number, b"key %d" % (number % 10))
        check_equal(producer.flush(30), 0, "records still in the queue")
        partitions = producer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer = _consumer(options)
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        found = _read(consumer, 200)
        check_equal(sorted(r.value for r in found), sorted(b"value %d" % n for n in range(200)), "values")
        consumer.close()
