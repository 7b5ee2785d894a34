"""Rows XH1 to XH15: hostile bytes on the HTTP port (docs/bad-input.md)."""
import time

from port import CONNECTIONS_MAX, IDLE_SECONDS, REQUEST_SECONDS
from suite import check, check_equal, wait_until

LOCAL = b"Host: localhost\r\n"
# How much later than its time limit a connection may be closed.
LATE_SECONDS = 2.5


def get(fields=b"", path=b"/"):
    return b"GET " + path + b" HTTP/1.1\r\n" + LOCAL + fields + b"\r\n"


def asked(method, version=b"HTTP/1.1"):
    return method + b" / " + version + b"\r\n" + LOCAL + b"\r\n"


# (row, what is sent, bytes, statuses that may come; the connection must be closed)
REFUSED = [
    ("XH1", "garbage", b"\x00\xff\x13\x37" * 100, [400]),
    ("XH1", "a Kafka frame", b"\x00\x00\x00\x10\x00\x12\x00\x00\x00\x00\x00\x01\x00\x06client", [400]),
    ("XH1", "a TLS ClientHello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), [400]),
    ("XH1", "an SSH banner", b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n", [400]),
    ("XH2", "a request line of 1 MB", b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\n\r\n", [414]),
    ("XH2", "100,000 header fields", get(b"a:b\r\n" * 100_000), [431]),
    ("XH2", "a header field of 1 MB", get(b"X: " + b"a" * (1 << 20) + b"\r\n"), [431]),
    ("XH5", "Content-Length -1", get(b"Content-Length: -1\r\n"), [400]),
    ("XH5", "Content-Length 2^63", get(b"Content-Length: 9223372036854775808\r\n"), [400]),
    ("XH5", "Content-Length 2^64", get(b"Content-Length: 18446744073709551616\r\n"), [400]),
    ("XH5", "two Content-Lengths that differ", get(b"Content-Length: 1\r\nContent-Length: 2\r\n") + b"xx", [400]),
    ("XH5", "Content-Length and Transfer-Encoding", get(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n", [400]),
    ("XH5", "a chunk of 2^64-1", get(b"Transfer-Encoding: chunked\r\n") + b"FFFFFFFFFFFFFFFF\r\nx", [400]),
    ("XH5", "a chunk extension of 1 MB", get(b"Transfer-Encoding: chunked\r\n") + b"1;" + b"a" * (1 << 20), [400]),
    ("XH6", "a body of 10 GB with GET", get(b"Content-Length: 10737418240\r\n") + b"x" * 100_000, [413]),
    ("XH6", "a body of 10 GB with POST", asked(b"POST")[:-2] + b"Content-Length: 10737418240\r\n\r\n" + b"x" * 100_000, [413]),
    *[("XH7", f"method {m.decode()}", asked(m), [405]) for m in (b"TRACE", b"POST", b"DELETE", b"OPTIONS", b"BREW", b"get")],
    ("XH7", "CONNECT", b"CONNECT localhost:9092 HTTP/1.1\r\n" + LOCAL + b"\r\n", [405]),
    ("XH7", "HTTP/0.9", b"GET /\r\n\r\n", [400]),
    ("XH7", "HTTP/9.9", asked(b"GET", b"HTTP/9.9"), [505]),
    ("XH7", "the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    ("XH8", "a target with a scheme", get(path=b"http://localhost/metrics"), [404]),
    ("XH9", "lines that end with LF", b"GET / HTTP/1.1\nHost: localhost\n\n", [400]),
    ("XH9", "a folded line", get(b"X: a\r\n b\r\n"), [400]),
    ("XH9", "a blank before the colon", get(b"X : a\r\n"), [400]),
    ("XH9", "NUL in a field", get(b"X: a\x00b\r\n"), [400]),
    ("XH9", "CR in a field", get(b"X: a\rb\r\n"), [400]),
]
NO_PAGES = ["/../../etc/passwd", "/%2e%2e%2fetc/passwd", "/%00", "/%ff", "//", "//metrics", "/metrics/", "/Metrics",
            "/debug/state/../../version", "/etc/passwd", "/index.html"]


def run(suite, port):
    for row, name, data, statuses in REFUSED:
        with suite.case(f"{row} {name}: {statuses[0]}, closed"):
            found = port.statuses(data)
            check(len(found) == 1 and found[0] in statuses, f"answered {found}")
            port.works()
    for path in NO_PAGES:
        with suite.case(f"XH8 {path}: 404"):
            status, _, body = port.get(path)
            check_equal(status, 404, "status")
            check("root:" not in body, "a file was shown")
    slow_senders(suite, port)
    slow_readers(suite, port)
    pipelines(suite, port)
    other_origins(suite, port)
    conditional(suite, port)


def slow_senders(suite, port):
    with suite.case("XH3 200 connections, one byte at a time: others are served, all are closed in time"):
        slow = [port.connect() for _ in range(200)]
        try:
            began = time.monotonic()
            for byte in b"GET /":
                for connection in slow:
                    connection.send_if_open(bytes([byte]))
                check(port.works() < 1, "an honest request had to wait")
                check(port.kafka_works() < 1, "the Kafka port was slow")
            # (what was asked of the last ones may be waited for: the limit counts from their first byte)
            for connection in slow:
                left = began + REQUEST_SECONDS + LATE_SECONDS - time.monotonic()
                check(connection.receive_to_end(max(left, 0.01)) is not None, "still open")
        finally:
            for connection in slow:
                connection.socket.close()
    with suite.case("XH3 silence: closed after the request limit; after an answer, after the idle limit and not before"):
        with port.connect() as silent, port.connect() as idle:
            idle.send(get())
            check(silent.receive_to_end(REQUEST_SECONDS + LATE_SECONDS) == b"", "not closed in silence")
            check(port.broker.is_running(), "the broker has ended")
            found = idle.receive_to_end(0.1)
            check(found is None, "an idle connection was closed too early")
            check(idle.receive_to_end(IDLE_SECONDS + LATE_SECONDS) is not None, "an idle connection stays")
    with suite.case(f"XH3 more than {CONNECTIONS_MAX} connections: the one that waits longest goes"):
        held = [port.connect() for _ in range(CONNECTIONS_MAX)]
        try:
            check_equal(port.get("/version")[0], 200, "status of one more")
            check(held[0].receive_to_end(1.0) is not None, "the first one is still open")
        finally:
            for connection in held:
                connection.socket.close()


def slow_readers(suite, port):
    with suite.case("XH4 answers that nobody reads: closed, memory bounded"):
        before = port.metrics()["process_resident_memory_bytes"]
        readers = [port.connect(receive_buffer=4096) for _ in range(8)]
        try:
            for reader in readers:
                reader.socket.settimeout(0.2)
                try:
                    reader.socket.sendall(get(path=b"/metrics?level=partition") * 2000)
                except OSError:
                    pass  # the broker has stopped reading, as it should
            port.works()
            # Only this one request is left.
            wait_until(lambda: port.metrics()["gregor_http_connections"] <= 1, REQUEST_SECONDS + 6, "closed connections")
            grown = port.metrics()["process_resident_memory_bytes"] - before
            check(grown < 32 << 20, f"memory has grown by {grown / 2**20:.1f} MiB")
        finally:
            for reader in readers:
                reader.socket.close()


def pipelines(suite, port):
    with suite.case("XH10 100 requests in one segment are answered in order"):
        paths = [b"/version", b"/nothing", b"/livez"]
        data = b"".join(get(path=paths[i % 3]) for i in range(99)) + get(b"Connection: close\r\n", b"/version")
        check_equal(port.statuses(data, within=10), [200, 404, 200] * 33 + [200], "statuses")


def other_origins(suite, port):
    with suite.case("XH11 a name that somebody's DNS points here: 403"):
        for host in ("evil.example", "evil.example:9080", "127.0.0.1.evil.example"):
            check_equal(port.get("/metrics", headers={"Host": host})[0], 403, host)
    with suite.case("XH11 a page from elsewhere: 403, and nothing allows other origins"):
        for origin in ("http://evil.example", "null"):
            status, headers, _ = port.get("/debug/state", headers={"Origin": origin})
            check_equal(status, 403, origin)
            check("Access-Control-Allow-Origin" not in headers, "other origins are allowed")
        check("Access-Control-Allow-Origin" not in port.get("/debug/state")[1], "other origins are allowed")
    with suite.case("XH11 nothing changes state: every method but GET and HEAD is refused on every page"):
        for path in (b"/", b"/livez", b"/readyz", b"/metrics", b"/version", b"/debug/state"):
            for method in (b"POST", b"PUT", b"PATCH", b"DELETE"):
                data = method + b" " + path + b" HTTP/1.1\r\n" + LOCAL + b"\r\n"
                check_equal(port.statuses(data), [405], f"{method} {path}")


def conditional(suite, port):
    with suite.case("XH15 Range, If-*, Expect, Upgrade, Accept-Encoding have no effect"):
        for name, value in [("Range", "bytes=0-3"), ("If-None-Match", "*"), ("If-Modified-Since", "Sat, 21 Nov 2099 00:00:00 GMT"),
                            ("Expect", "100-continue"), ("Upgrade", "h2c"), ("Accept-Encoding", "gzip"), ("Accept", "image/png")]:
            status, headers, body = port.get("/version", headers={name: value})
            check_equal(status, 200, name)
            check("gregor" in body and "Content-Encoding" not in headers, f"{name}: {body}")
    with suite.case("HEAD is GET without a body"):
        status, headers, body = port.get("/version", method="HEAD")
        check_equal((status, body), (200, ""), "status and body")
        check_equal(headers["Content-Length"], str(len(port.get("/version")[2])), "Content-Length")
