#!/usr/bin/python3
"""A member of a consumer group, as a program: CLIENT ADDRESS GROUP TOPIC ASSIGNOR [INSTANCE] (TOPIC "~...": an expression). What it
prints is told in group_life.py.
With --assignors it lists what the installed clients offer, "CLIENT ASSIGNOR" in each line; with --growing those for which
group_life.growing is, and whether they can be static members."""
import importlib
import signal
import sys
import time

SESSION_MS, LONG_SESSION_MS, HEARTBEAT_MS = 6000, 45000, 1000  # the long one for static members, which restart
FOREVER_MS = 3600 * 1000
running = True
is_interruptible = False


class Stopped(Exception):
    """SIGTERM came while nothing but new records was waited for."""


def stop(*_):
    global running
    running = False
    if is_interruptible:
        raise Stopped


def tell(*words):
    print(*words, flush=True)


def tell_all(kind, group, places):
    for place in places:
        tell(kind, group, place.topic, place.partition, int(time.time() * 1000))


def kafka_python_assignors():
    """{name: class}"""
    import kafka
    found = {}
    for module, name in (("range", "RangePartitionAssignor"), ("roundrobin", "RoundRobinPartitionAssignor"),
                         ("sticky.sticky_assignor", "StickyPartitionAssignor"),
                         ("cooperative_sticky", "CooperativeStickyAssignor")):
        try:
            loaded = importlib.import_module(f"kafka.coordinator.assignors.{module}")
        except ImportError:
            continue
        found[getattr(loaded, name).name] = getattr(loaded, name)
    if kafka.__version__.startswith("2.0."):  # its own encoder raises TypeError when a member joins again
        found.pop("sticky", None)
    return found


def kafka_python(address, group, topic, assignor, instance):
    from kafka import ConsumerRebalanceListener, KafkaConsumer

    class Listener(ConsumerRebalanceListener):
        def on_partitions_assigned(self, assigned):
            tell_all("+", group, assigned)

        def on_partitions_revoked(self, revoked):
            tell_all("-", group, revoked)

    options = {"group_instance_id": instance} if instance and "group_instance_id" in KafkaConsumer.DEFAULT_CONFIG else {}
    if topic.startswith("~"):
        options["metadata_max_age_ms"] = 1000
    consumer = KafkaConsumer(bootstrap_servers=address, group_id=group, auto_offset_reset="earliest",
                             partition_assignment_strategy=[kafka_python_assignors()[assignor]],
                             session_timeout_ms=LONG_SESSION_MS if instance else SESSION_MS,
                             heartbeat_interval_ms=HEARTBEAT_MS, auto_commit_interval_ms=500, **options)
    if topic.startswith("~"):
        consumer.subscribe(pattern=topic[1:], listener=Listener())
    else:
        consumer.subscribe([topic], listener=Listener())
    tell("up")
    for records in polled(consumer, must_poll_long=topic.startswith("~") and forgets_joins()):
        for record in records:
            tell("r", group, record.topic, record.partition, record.offset)
    consumer.close()


def forgets_joins():
    """kafka-python 3 forgets a join under way if poll() ends before its answer and changed topics were its only reason: need_rejoin()
    of kafka/coordinator/consumer.py then compares what is subscribed with what the join has already noted, finds no difference, and
    nobody takes up the answer: heartbeats stay off, the session ends, the consumer keeps the partitions that it had (seen with 3.0.12
    and Apache Kafka 4.1.1 too). A poll() that outlasts the join is not concerned."""
    import kafka
    return not kafka.__version__.startswith("2.0.")


def polled(consumer, must_poll_long):
    """Records, partition by partition, until SIGTERM."""
    global is_interruptible
    while running:
        try:
            is_interruptible = must_poll_long
            found = consumer.poll(timeout_ms=FOREVER_MS if must_poll_long else 100) if running else {}
            is_interruptible = False
        except Stopped:
            return
        yield from found.values()


def confluent(address, group, topic, assignor, instance):
    from confluent_kafka import Consumer
    options = {"bootstrap.servers": address, "group.id": group, "auto.offset.reset": "earliest",
               "session.timeout.ms": LONG_SESSION_MS if instance else SESSION_MS, "heartbeat.interval.ms": HEARTBEAT_MS,
               "topic.metadata.refresh.interval.ms": 1000, "partition.assignment.strategy": assignor, "auto.commit.interval.ms": 500}
    if instance:
        options["group.instance.id"] = instance
    consumer = Consumer(options)
    consumer.subscribe([topic.removeprefix("~")], on_assign=lambda _, places: tell_all("+", group, places),
                       on_revoke=lambda _, places: tell_all("-", group, places),
                       on_lost=lambda _, places: tell_all("-", group, places))
    tell("up")
    while running:
        record = consumer.poll(0.1)
        if record is not None and not record.error():
            tell("r", group, record.topic(), record.partition(), record.offset())
    consumer.close()


def growing():
    """(client, assignor, "static" if it knows static members)"""
    from kafka import KafkaConsumer
    yield "kafka-python", "range", "static" if "group_instance_id" in KafkaConsumer.DEFAULT_CONFIG else "dynamic"
    yield "confluent", "range", "static"
    yield "confluent", "cooperative-sticky", "static"


def main():
    if sys.argv[1] == "--growing":
        for each in growing():
            print(*each)
        return
    if sys.argv[1] == "--assignors":
        for name in kafka_python_assignors():
            print("kafka-python", name)
        for name in ("range", "roundrobin", "cooperative-sticky"):
            print("confluent", name)
        return
    client, address, group, topic, assignor, *more = sys.argv[1:]
    signal.signal(signal.SIGTERM, stop)
    {"kafka-python": kafka_python, "confluent": confluent}[client](address, group, topic, assignor, more[0] if more else None)


main()
