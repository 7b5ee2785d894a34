"""The cases of kafka-python (2.0.2 of Debian, and the newest from PyPI): the module found first on sys.path is used."""
import kafka
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

import samples
from records import CODECS, Record
from suite import check, check_equal, wait_until

PARTITIONS = 3


def run(suite, broker, count=3000):
    version = tuple(int(part) for part in kafka.__version__.split(".")[:2])
    print(f"        kafka-python {kafka.__version__}", flush=True)
    options = {"bootstrap_servers": broker.address}
    # Newer releases are idempotent by default.
    idempotent = version >= (2, 1)
    plain = {"enable_idempotence": False} if idempotent else {}
    admin = KafkaAdminClient(**options)
    suite.at_end(admin.close)
    _topics(suite, admin, options)
    for codec in CODECS:
        topic = f"python-{codec}"
        expected = [samples.sample(count, f"{codec}{p}") for p in range(PARTITIONS)]
        with suite.case(f"kafka-python {kafka.__version__}: produce, {codec}"):
            admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
            broker.wait_for_topic(topic, PARTITIONS)
            # Older ones change the order when they try again.
            _produce(options if idempotent else {**options, "retries": 0, "acks": "all"}, topic, codec, expected)
        with suite.case(f"kafka-python {kafka.__version__}: consume assigned partitions, {codec}"):
            for partition in range(PARTITIONS):
                found = _consume(options, TopicPartition(topic, partition), 0, count)
                samples.check_records(found, expected[partition])
                samples.check_stored(broker.log_dirs[0] / f"{topic}-{partition}", codec, count, idempotent)
        with suite.case(f"kafka-python {kafka.__version__}: seek, times, ends, {codec}"):
            _positions(options, TopicPartition(topic, 1), expected[1])
    with suite.case(f"kafka-python {kafka.__version__}: auto-created topic, partitions by key, acks 0, 1, all"):
        _auto_created({**options, **plain}, options)


def _topics(suite, admin, options):
    with suite.case(f"kafka-python {kafka.__version__}: create, list, describe and delete topics"):
        admin.create_topics([NewTopic("made", 4, 1, topic_configs={"segment.bytes": "1048576"}), NewTopic("other", 1, 1)])
        wait_until(lambda: {"made", "other"} <= set(admin.list_topics()), 10, "both topics are listed")
        described = admin.describe_topics(["made"])[0]
        name = described.get("topic", described.get("name"))
        check_equal((name, len(described["partitions"])), ("made", 4), "description")
        try:
            admin.create_topics([NewTopic("made", 1, 1)])
            check(False, "a second topic of the same name was created")
        except kafka.errors.TopicAlreadyExistsError:
            pass
        admin.delete_topics(["other"])
        wait_until(lambda: "other" not in admin.list_topics(), 10, "the deleted topic is gone")
        consumer = KafkaConsumer(**options)
        check_equal(consumer.partitions_for_topic("made"), {0, 1, 2, 3}, "partitions")
        check("other" not in consumer.topics(), "a consumer still sees the deleted topic")
        consumer.close()


def _produce(options, topic, codec, expected):
    compression = None if codec == "none" else codec
    producer = KafkaProducer(compression_type=compression, linger_ms=50, batch_size=20000, **options)
    futures = [[] for _ in expected]
    for number in range(len(expected[0])):
        for partition, records_of in enumerate(expected):
            r = records_of[number]
            futures[partition].append(producer.send(
                topic, r.value, key=r.key, headers=r.headers, partition=partition, timestamp_ms=r.timestamp))
    producer.flush(60)
    for sent in futures:
        offsets = [future.get(10).offset for future in sent]
        check_equal(offsets, list(range(len(offsets))), "answered offsets")
    producer.close()


def _consumer(options, partition):
    consumer = KafkaConsumer(group_id=None, enable_auto_commit=False, auto_offset_reset="earliest", **options)
    consumer.assign([partition])
    return consumer


def _read(consumer, count, seconds=60):
    """The next `count` records of the one assigned partition."""
    found = []

    def enough():
        for messages in consumer.poll(500).values():
            found.extend(Record(m.key, m.value, list(m.headers), m.timestamp, m.offset) for m in messages)
        return len(found) >= count
    wait_until(enough, seconds, f"{count} records", pause=0)
    return found


def _consume(options, partition, offset, count):
    consumer = _consumer(options, partition)
    consumer.seek(partition, offset)
    found = _read(consumer, count)
    consumer.close()
    return found


def _positions(options, partition, expected):
    consumer = _consumer(options, partition)
    count = len(expected)
    check_equal(consumer.beginning_offsets([partition]), {partition: 0}, "beginning")
    check_equal(consumer.end_offsets([partition]), {partition: count}, "end")
    for number in (0, 19, 500, 1018, count - 1):
        stamp = expected[number].timestamp
        at = consumer.offsets_for_times({partition: stamp})[partition]
        offset = samples.offset_at(expected, stamp)
        check_equal((at.offset, at.timestamp), (offset, expected[offset].timestamp), f"offset at time {stamp}")
    late = consumer.offsets_for_times({partition: samples.BASE_TIMESTAMP + 10 * count + 1000})
    check_equal(late, {partition: None}, "offset after all")
    for offset in (count // 2, 3, count - 1):
        consumer.seek(partition, offset)
        samples.check_records(_read(consumer, count - offset), expected[offset:], offset)
    consumer.seek_to_end(partition)
    check_equal(consumer.position(partition), count, "position at the end")
    check_equal(consumer.poll(200), {}, "records at the end")
    consumer.seek_to_beginning(partition)
    samples.check_records(_read(consumer, count), expected)
    consumer.close()


def _auto_created(options, consumer_options):
    for acks in (0, 1, "all"):
        topic = f"python-auto-{acks}"
        producer = KafkaProducer(acks=acks, **options)
        for number in range(200):
            producer.send(topic, b"value %d" % number, key=b"key %d" % (number % 10))
        producer.flush(30)
        producer.close()
        consumer = KafkaConsumer(group_id=None, enable_auto_commit=False, auto_offset_reset="earliest", **consumer_options)
        partitions = wait_until(lambda: consumer.partitions_for_topic(topic), 10, "the topic")
        consumer.assign([TopicPartition(topic, p) for p in partitions])
        found = _read(consumer, 200)
        check_equal(sorted(r.value for r in found), sorted(b"value %d" % n for n in range(200)), "values")
        consumer.close()
