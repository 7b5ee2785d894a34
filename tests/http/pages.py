"""What the pages say: counts that add up, states, names that must be escaped."""
import json
import re
import shutil
import time

import records
from port import TOPIC
from raw_client import RawClient
from suite import check, check_equal, wait_until

ODD_NAMES = ['"quoted"', "back\\slash", "new\nline", "<script>alert(1)</script>", 'a"} 1\ngregor_ready 0\n', "\x00", "snow☃"]


def run(suite, port):
    counts(suite, port)
    levels(suite, port)
    names(suite, port)
    with suite.case("/ lists the pages, all of which are there"):
        text = port.get("/")[2]
        for path in re.findall(r"^(/\w\S*)", text, re.M):
            check_equal(port.get(path)[0], 200, path)
    with suite.case("/debug/state has the partitions as ListOffsets sees them"):
        port.kafka_works()
        state = port.json("/debug/state")
        with port.broker.client() as client:
            end = client.list_offsets(TOPIC, 0, -1)["offset"]
        partition = next(t for t in state["topics"] if t["name"] == TOPIC)["partitions"][0]
        check_equal((partition["log_start_offset"], partition["high_watermark"], partition["log_end_offset"]), (0, end, end), "offsets")
        check_equal(state["phase"], "ready", "phase")
        check_equal(state["config"]["http.listeners"], port.address, "a setting")
        check(all(shard["answers"] for shard in state["shards"]), "a shard does not answer")


def counts(suite, port):
    with suite.case("/metrics counts requests, bytes, batches, errors, refusals"):
        before = port.metrics()
        for _ in range(5):
            port.kafka_works()
        with port.broker.client() as client:
            check_equal(client.fetch(TOPIC, 0, 10**9)["error"], 1, "error of a fetch out of range")
        with RawClient(port.broker.address) as client:
            client.socket.sendall(b"\x00\x00\x00\x04\x7f\xff\x00\x00")
            check_equal(client.socket.recv(10), b"", "answer to an api that is not served")
        # (the broker may be some microseconds behind with closing)
        wait_until(lambda: port.metrics()["gregor_connections"] == 0, 5, "no connection left")
        after = port.metrics()

        def grown(name):
            return after[name] - before.get(name, 0)
        check_equal(grown('gregor_requests_total{api="Produce"}'), 5, "Produce requests")
        check_equal(grown('gregor_requests_total{api="Fetch"}'), 6, "Fetch requests")
        check_equal(grown('gregor_request_duration_seconds_count{api="Produce"}'), 5, "durations of Produce")
        check_equal(grown('gregor_request_errors_total{api="Fetch",error="OFFSET_OUT_OF_RANGE"}'), 1, "errors of Fetch")
        check_equal(grown("gregor_refused_requests_total"), 1, "refused requests")
        check_equal(grown("gregor_log_appended_batches_total"), 5, "batches")
        check_equal(grown("gregor_connections_opened_total"), 7, "connections")
        size = len(records.build([(None, b"1")]))
        check(grown("gregor_log_appended_bytes_total") >= 5 * size, "appended bytes")
        check(grown("gregor_received_bytes_total") > 5 * size, "received bytes")
        check(grown("gregor_sent_bytes_total") > 5 * size, "sent bytes")
        check(grown("process_cpu_seconds_total") >= 0 and after["process_open_fds"] > 5, "process")
        check(1 << 20 < after["process_resident_memory_bytes"] < 256 << 20, "resident memory")
        check(abs(after["process_start_time_seconds"] - time.time()) < 600, "start time")
    with suite.case("/metrics counts flushes where every record is flushed"):
        with port.broker.client() as client:
            check_equal(client.create_topic("flushed", 1, configs={"flush.messages": "1"})["error"], 0, "CreateTopics")
        port.broker.wait_for_topic("flushed", 1)
        before = port.metrics()["gregor_log_flush_duration_seconds_count"]
        with port.broker.client() as client:
            for _ in range(3):
                check_equal(client.produce("flushed", 0, records.build([(None, b"x")]))["error"], 0, "Produce")
        check(port.metrics()["gregor_log_flush_duration_seconds_count"] >= before + 3, "flushes")


def levels(suite, port):
    with suite.case("/metrics: series of topics and partitions only on request"):
        check(not any("topic=" in name for name in port.metrics()), "topics without being asked for")
        check(f'gregor_topic_partitions{{topic="{TOPIC}"}}' in port.metrics("topic"), "no topic")
        found = port.metrics("partition")
        end = found[f'gregor_partition_log_end_offset{{topic="{TOPIC}",partition="0"}}']
        check(end > 0 and found["gregor_unlisted_partitions"] == 0, "partitions")
        check_equal(port.get("/metrics?level=everything")[0], 400, "an unknown level")


def names(suite, port):
    with suite.case("XH12 client ids and topic names with quotes, newlines, HTML forge no line"):
        for name in ODD_NAMES:
            with RawClient(port.broker.address, client_id=name) as client:
                client.metadata()
                check_equal(client.create_topic(name, 1)["error"], 17, f"error of CreateTopics for {name!r}")
        check_equal(port.metrics("partition")["gregor_ready"], 1, "gregor_ready")
        json.dumps(port.json("/debug/state"))
    with suite.case("XH12 a log dir with quotes and backslashes is escaped in metrics and JSON"):
        log_dir = str(port.broker.log_dirs[0])
        check('"' in log_dir and "\\" in log_dir, f"{log_dir} is not odd enough")
        label = log_dir.replace("\\", "\\\\").replace('"', '\\"')
        check(f'gregor_log_dir_partitions{{dir="{label}"}}' in port.metrics(), "no such series")
        check_equal(port.json("/debug/state")["config"]["log.dirs"], log_dir, "log.dirs")
    with suite.case("XH13 2,000 client ids and 2,000 unknown topics make no new series"):
        before = set(port.metrics("partition"))
        for i in range(2000):
            with RawClient(port.broker.address, client_id=f"client-{i}") as client:
                client.list_offsets(f"unknown-{i}", 0, -1)
        grown = set(port.metrics("partition")) - before
        check(all("ListOffsets" in name for name in grown), f"new: {sorted(grown)[:3]}")


def recovery(suite, port, batch):
    """The broker is killed with much to recover; the port answers meanwhile."""
    with suite.case("XH14 while logs are recovered: alive, not ready, with the reason"):
        with port.broker.client() as client:
            check_equal(client.create_topic("large", 4)["error"], 0, "CreateTopics")
        port.broker.wait_for_topic("large", 4)
        with port.broker.client() as client:
            for i in range(400):
                check_equal(client.produce("large", i % 4, batch)["error"], 0, "Produce")
        port.broker.kill()
        port.broker.launch()
        seen = watch_start(port)
        check(seen, "it was ready before it could be asked: the recovery was too short for this test")
        check_equal({s["live"] for s in seen}, {200}, "status of /livez meanwhile")
        reasons = [reason for s in seen for reason in s["reasons"]]
        check(any(re.fullmatch(r"recovering logs: \d+ of \d+ partitions are loaded", r) for r in reasons), f"reasons {set(reasons)}")
        check_equal(port.json("/readyz?verbose")["recovery"]["partitions_loaded"],
                    port.json("/readyz?verbose")["recovery"]["partitions_found"], "partitions loaded in the end")
        check(port.metrics()["gregor_startup_recovered_bytes"] > 100 << 20, "recovered bytes")
    with suite.case("XH14 a partition whose folder is gone: alive, not ready, with the reason"):
        check_equal(port.broker.stop(), 0, "exit code")
        shutil.rmtree(port.broker.log_dirs[0] / f"{TOPIC}-0")
        port.broker.start()
        answer = port.json("/readyz", status=503)
        check_equal(answer["reasons"], ["1 partitions are offline"], "reasons")
        check_equal(port.metrics()["gregor_offline_partitions"], 1, "gregor_offline_partitions")
        check_equal(port.get("/livez")[0], 200, "status of /livez")


def watch_start(port):
    """Asks until it is ready. What it said while it was not."""
    seen = []
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            live = port.get("/livez", timeout=2)[0]
            status, _, body = port.get("/readyz", timeout=2)
        except OSError:
            time.sleep(0.001)
            continue
        if status == 200:
            return seen
        check_equal(status, 503, "status of /readyz")
        seen.append({"live": live, **json.loads(body)})
    raise TimeoutError("not ready after 60 s")
