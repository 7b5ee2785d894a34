#!/usr/bin/python3
"""A member of a consumer group, as a program: CLIENT ADDRESS GROUP TOPIC ASSIGNOR [INSTANCE]. Prints a line per record, "r PARTITION
OFFSET", and "up" once it polls. SIGTERM: it leaves the group and ends."""
import signal
import sys

SESSION_MS, HEARTBEAT_MS = 6000, 1000
running = True


def stop(*_):
    global running
    running = False


def tell(*words):
    print(*words, flush=True)


def kafka_python(address, group, topic, assignor, instance):
    from kafka import KafkaConsumer
    from kafka.coordinator.assignors.range import RangePartitionAssignor
    from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
    assignors = {"range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor}
    consumer = KafkaConsumer(topic, bootstrap_servers=address, group_id=group, auto_offset_reset="earliest",
                             partition_assignment_strategy=[assignors[assignor]], session_timeout_ms=SESSION_MS,
                             heartbeat_interval_ms=HEARTBEAT_MS, auto_commit_interval_ms=500)
    tell("up")
    while running:
        for records in consumer.poll(timeout_ms=100).values():
            for record in records:
                tell("r", record.partition, record.offset)
    consumer.close()


def confluent(address, group, topic, assignor, instance):
    from confluent_kafka import Consumer
    options = {"bootstrap.servers": address, "group.id": group, "auto.offset.reset": "earliest", "session.timeout.ms": SESSION_MS,
               "heartbeat.interval.ms": HEARTBEAT_MS, "partition.assignment.strategy": assignor, "auto.commit.interval.ms": 500}
    if instance:
        options["group.instance.id"] = instance
    consumer = Consumer(options)
    consumer.subscribe([topic])
    tell("up")
    while running:
        record = consumer.poll(0.1)
        if record is not None and not record.error():
            tell("r", record.partition(), record.offset())
    consumer.close()


def main():
    client, address, group, topic, assignor, *more = sys.argv[1:]
    signal.signal(signal.SIGTERM, stop)
    {"kafka-python": kafka_python, "confluent": confluent}[client](address, group, topic, assignor, more[0] if more else None)


main()
