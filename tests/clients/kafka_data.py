"""What a log dir of a real Apache Kafka contains: topics in each codec, and the corners."""
import json

import kafka_jars
import samples
from confluent_kafka import Consumer, Producer, TopicPartition
from records import CODECS
from suite import check, check_equal

# Keys that make small files and few internal partitions.
SETTINGS = {
    "log.segment.bytes": "100000",
    "log.index.interval.bytes": "1000",
    "offsets.topic.num.partitions": "2",
    "transaction.state.log.num.partitions": "2",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
}
LEFT_BEHIND = "deleted"  # its folders are still there, renamed
_COUNT = 3000


def fill(broker, folder):
    """Makes the topics and fills them through the broker, which must be Apache Kafka: transactions, groups, all APIs."""
    create(broker, [f"words-{codec}" for codec in CODECS], 2)
    create(broker, ["transactions", "idempotent", "shortened", "empty", LEFT_BEHIND], 1)
    create(broker, ["compacted"], 1, {"cleanup.policy": "compact"})
    create(broker, ["append.time_2-x"], 1, {"message.timestamp.type": "LogAppendTime"})
    for codec in CODECS:
        for partition in range(2):
            send(broker, f"words-{codec}", partition, samples.sample(_COUNT, f"{codec}{partition}"), codec)
    for topic in ("shortened", "append.time_2-x", LEFT_BEHIND):
        send(broker, topic, 0, samples.sample(_COUNT, topic), "lz4")
    send(broker, "compacted", 0, [r for r in samples.sample(_COUNT, "compacted") if r.key], "snappy")
    send(broker, "idempotent", 0, samples.sample(_COUNT, "idempotent"), "zstd", idempotent=True)
    _transactions(broker)
    _commit_offset(broker)
    _delete_records(broker, folder, "shortened", 1234)
    with broker.client() as client:
        check_equal(client.delete_topic(LEFT_BEHIND), 0, "DeleteTopics")


def create(broker, topics, partitions, configs=None):
    with broker.client() as client:
        for topic in topics:
            check_equal(client.create_topic(topic, partitions, configs=configs)["error"], 0, f"CreateTopics {topic}")
    for topic in topics:
        broker.wait_for_topic(topic, partitions)


def _fail_on_error(error, message):
    check(error is None, f"delivery failed: {error}")


def send(broker, topic, partition, records, codec, idempotent=False):
    producer = Producer({"bootstrap.servers": broker.address, "compression.type": codec, "linger.ms": 20,
                         "enable.idempotence": idempotent, "batch.num.messages": 100})
    for r in records:
        producer.produce(topic, r.value, r.key, partition=partition, timestamp=r.timestamp, headers=r.headers,
                         on_delivery=_fail_on_error)
        producer.poll(0)
    check_equal(producer.flush(60), 0, "records still in the queue")


def _transactions(broker):
    producer = Producer({"bootstrap.servers": broker.address, "transactional.id": "t", "compression.type": "gzip"})
    producer.init_transactions(30)
    for number in range(6):
        producer.begin_transaction()
        for r in samples.sample(60, f"transaction{number}"):
            producer.produce("transactions", r.value, r.key, partition=0, on_delivery=_fail_on_error)
        producer.flush(30)
        if number % 2:
            producer.abort_transaction(30)
        else:
            producer.commit_transaction(30)


def _commit_offset(broker):
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": "readers", "enable.auto.commit": False})
    consumer.commit(offsets=[TopicPartition("words-none", 0, 17)], asynchronous=False)
    consumer.close()


def _delete_records(broker, folder, topic, offset):
    file = folder / "delete-records.json"
    file.write_text(json.dumps({"version": 1, "partitions": [{"topic": topic, "partition": 0, "offset": offset}]}))
    kafka_jars.run("3.9.1", "org.apache.kafka.tools.DeleteRecordsCommand", "--bootstrap-server", broker.address,
                   "--offset-json-file", file)
