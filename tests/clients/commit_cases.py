"""Committed offsets with assigned partitions, by Debian's python3-kafka and python3-confluent-kafka: one library reads what the
other has committed."""
import confluent_kafka
import kafka
from kafka.structs import OffsetAndMetadata

from suite import check_equal

TOPIC, COUNT = "committed", 20


def run(suite, broker):
    with broker.client() as client:
        client.create_topic(TOPIC, 2)
    broker.wait_for_topic(TOPIC, 2)
    producer = kafka.KafkaProducer(bootstrap_servers=broker.address, acks="all")
    for number in range(COUNT):
        producer.send(TOPIC, b"%d" % number, partition=number % 2)
    producer.flush()
    producer.close()
    with suite.case("kafka-python: commits, and goes on behind the commit"):
        check_equal(_kafka_python(broker, 4), [0, 2, 4, 6], "the first four")
        check_equal(_kafka_python(broker, 3), [8, 10, 12], "the next three")
    with suite.case("librdkafka reads what kafka-python has committed, and commits"):
        consumer = _confluent(broker)
        place = confluent_kafka.TopicPartition(TOPIC, 0)
        check_equal(consumer.committed([place], timeout=20)[0].offset, 7, "committed")
        consumer.commit(offsets=[confluent_kafka.TopicPartition(TOPIC, 0, 9), confluent_kafka.TopicPartition(TOPIC, 1, 3)], asynchronous=False)
        found = consumer.committed([place, confluent_kafka.TopicPartition(TOPIC, 1)], timeout=20)
        check_equal([p.offset for p in found], [9, 3], "committed")
        consumer.close()
    with suite.case("librdkafka goes on behind a commit of its own"):
        consumer = _confluent(broker)
        consumer.assign([confluent_kafka.TopicPartition(TOPIC, 1, confluent_kafka.OFFSET_STORED)])
        message = consumer.poll(20)
        check_equal(int(message.value()), 7, "the fourth record of partition 1")
        consumer.close()
    with suite.case("kafka-python goes on where librdkafka was"):
        check_equal(_kafka_python(broker, 1), [18], "the last one")


def _confluent(broker):
    return confluent_kafka.Consumer({"bootstrap.servers": broker.address, "group.id": "shared", "enable.auto.commit": False,
                                     "auto.offset.reset": "earliest"})


def _kafka_python(broker, count):
    """Reads so many records of partition 0 from the committed offset on, and commits."""
    consumer = kafka.KafkaConsumer(bootstrap_servers=broker.address, group_id="shared", enable_auto_commit=False,
                                   auto_offset_reset="earliest", consumer_timeout_ms=20000)
    place = kafka.TopicPartition(TOPIC, 0)
    consumer.assign([place])
    found = []
    for record in consumer:
        found.append(int(record.value))
        if len(found) == count:
            break
    consumer.commit({place: OffsetAndMetadata(record.offset + 1, "by kafka-python")})
    consumer.close()
    return found
