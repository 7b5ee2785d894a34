"""Rows XP1 to XP11: sizes, slow senders, other protocols."""
import socket
import ssl
import struct
import time

import records
from raw_client import RawClient
from suite import check, check_equal, wait_until
from target import FRAME_BYTES_MAX, IDLE_SECONDS, MARKER, METADATA_NONE, STALL_SECONDS, TOPIC, is_gregor, quiet_second, request

INT_MAX, INT_MIN = 2**31 - 1, -2**31
# How much later than its time limit a connection may be closed.
LATE_SECONDS = 2.5


def size(value):
    return struct.pack(">i", value)


def run(target):
    sizes(target)
    large_frames(target)
    slow_senders(target)
    other_protocols(target)
    log_lines(target)


def sizes(target):
    with target.row("XP1 a frame of size 0 is closed"):
        target.expect_close(size(0))
    for value in (-1, INT_MIN):
        with target.row(f"XP2 a frame of size {value} is closed"):
            target.expect_close(size(value))
    with target.row("XP3 size 2147483647 and nothing more: closed at once, no memory"):
        with target.memory_stays(4 << 20):
            target.expect_close(size(INT_MAX), within=1.0)
    with target.row("XP4 a size above socket.request.max.bytes is closed"):
        target.expect_close(size(FRAME_BYTES_MAX + 1))
    with target.row("XP1-4 what was asked before a bad size is still answered"):
        good = request(3, 1, METADATA_NONE)
        found = target.expect_close(good + size(-1), answer=None)
        if is_gregor():  # (Apache Kafka closes at once and the answer is lost)
            check_equal(found[4:8], size(7), "correlation id of the answer")


def large_frames(target):
    if not is_gregor():  # Apache Kafka allocates what is announced: a heap of 512 MB ends here
        return
    with target.row("XP4 100 frames of the largest size, sent slowly: memory as bytes arrive, others are served"):
        with target.memory_stays(64 << 20):
            connections = [target.connect() for _ in range(100)]
            try:
                for connection in connections:
                    connection.send(size(FRAME_BYTES_MAX) + MARKER * 50)
                target.good_client_works()
                for connection in connections:
                    connection.send_if_open(MARKER * 50)
            finally:
                for connection in connections:
                    connection.socket.close()


    with target.row("XP4 40 frames of 8 MB but for the end: memory within the budget, closed when they stall, others go on"):
        with target.memory_stays(96 << 20):
            connections = [target.connect() for _ in range(40)]
            try:
                began = time.monotonic()
                for connection in connections:
                    connection.socket.settimeout(0.02)  # those that wait for the budget are not read
                    connection.send_if_open(size(8 << 20) + bytes(8_000_000))
                target.good_client_works()
                left = began + 40 * STALL_SECONDS + LATE_SECONDS - time.monotonic()
                wait_until(lambda: target.open_files() <= target.files, left, "stalled frames that are closed")
            finally:
                for connection in connections:
                    connection.socket.close()
    with target.row("XP4 a large frame of a good client right after"):
        with RawClient(target.broker.address, timeout=5) as client:
            batch = records.build([(None, bytes(900000))])
            check_equal(client.produce(TOPIC, 0, batch)["error"], 0, "error of Produce")


def slow_senders(target):
    with target.row("XP6 a size that comes byte by byte is closed after the stall time-out"):
        frame = request(3, 1, METADATA_NONE)
        step = STALL_SECONDS * 0.45
        # Apache Kafka counts every byte as activity: there only the silence after it is judged.
        count = len(frame) - 1 if is_gregor() else 3
        with target.connect() as connection:
            began = time.monotonic()
            for i in range(count):
                if not connection.send_if_open(frame[i:i + 1]) or time.monotonic() - began > STALL_SECONDS + LATE_SECONDS:
                    break
                time.sleep(step)
            check(connection.receive_to_end(IDLE_SECONDS + LATE_SECONDS) == b"", "not closed")
            if is_gregor():
                check(time.monotonic() - began < STALL_SECONDS + LATE_SECONDS, "closed too late")
    with target.row("XP7 half a frame, then FIN: closed quietly"):
        quiet_second()
        with target.connect() as connection:
            connection.send(request(3, 1, METADATA_NONE + MARKER)[:20])
            connection.socket.shutdown(socket.SHUT_WR)
            check_equal(connection.receive_to_end(2), b"", "answer")
            check_equal(target.log_lines(connection.port) if is_gregor() else [], [], "log lines")
    with target.row("XP8 half a frame, then silence: closed after the stall time-out"):
        began = time.monotonic()
        limit = (STALL_SECONDS if is_gregor() else IDLE_SECONDS) + LATE_SECONDS
        target.expect_close(request(3, 1, METADATA_NONE)[:20], within=limit)
        check(time.monotonic() - began > STALL_SECONDS * 0.8, "closed too early")
    with target.row("XP8 a connection that is silent is closed after connections.max.idle.ms, not before"):
        for data in (b"", request(3, 1, METADATA_NONE)):
            began = time.monotonic()
            target.expect_close(data, within=IDLE_SECONDS + LATE_SECONDS, answer=None)
            check(time.monotonic() - began > IDLE_SECONDS * 0.8, "closed too early")


def other_protocols(target):
    for verb in ("GET / HTTP/1.1", "POST /topics HTTP/1.1", "HEAD / HTTP/1.0"):
        with target.row(f"XP9 {verb}: closed with a hint"):
            text = f"{verb}\r\nHost: localhost\r\nX: ".encode() + MARKER + b"\r\n\r\n"
            found = target.expect_close(text, answer=None)
            if is_gregor():
                check(found.startswith(b"HTTP/1.1 400 ") and b"Kafka" in found, f"the hint is {found[:80]}")
    with target.row("XP10 a TLS ClientHello is closed"):
        target.expect_close(client_hello())
    random_bytes = size(INT_MAX) + target.random.randbytes(1 << 20)
    for name, data in [("an SSH banner", b"SSH-2.0-OpenSSH_9.2p1 " + MARKER + b"\r\n"), ("1 MB of zeros", bytes(1 << 20)),
                       ("1 MB of 0xff", b"\xff" * (1 << 20)), ("1 MB of random bytes", random_bytes),
                       ("1 MB of random bytes in a frame", size(1 << 20) + target.random.randbytes(1 << 20))]:
        with target.row(f"XP11 {name}: closed"):
            with target.memory_stays(8 << 20):
                target.expect_close(data)


def client_hello():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outgoing = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    check_equal(hello[:2], b"\x16\x03", "start of the ClientHello")
    return hello


def log_lines(target):
    if not is_gregor():
        return
    with target.row("XP a bad frame leaves one line: peer, listener, reason; no payload"):
        quiet_second()
        with target.connect() as connection:
            connection.send(request(9999, 0, MARKER))
            check_equal(connection.receive_to_end(2), b"", "answer")
            time.sleep(0.1)
            lines = target.log_lines(connection.port)
        check_equal(len(lines), 1, f"lines about the connection {lines}")
        for word in ("WARN", "127.0.0.1", "PLAINTEXT", "9999"):
            check(word in lines[0], f"no {word} in: {lines[0]}")
        check(MARKER.decode() not in target.broker.log_text(), "payload in the log")
    with target.row("XP 300 bad frames leave a few lines, which tell how many were held back"):
        quiet_second()
        before = len(target.broker.log_text().splitlines())
        for _ in range(300):
            target.expect_close(size(-1))
        quiet_second()
        target.expect_close(size(-1))
        time.sleep(0.1)
        lines = [line for line in target.broker.log_text().splitlines()[before:] if "closing" in line]
        check(len(lines) <= 40, f"{len(lines)} lines")
        held_back = sum(int(line.rsplit("(", 1)[1].split()[0]) for line in lines if "(" in line)
        check_equal(len(lines) + held_back, 301, "lines and those held back")
