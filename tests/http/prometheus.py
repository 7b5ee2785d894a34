"""Debian's Prometheus reads /metrics: promtool's rules, and a server that scrapes it."""
import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request

from process import Process, free_port
from suite import ROOT, check, check_equal, wait_until


def program(name):
    """Where it is installed, or unpacked by ./dev; None if neither."""
    unpacked = ROOT / "build" / "unpacked" / "usr" / "bin" / name
    return shutil.which(name) or (str(unpacked) if os.access(unpacked, os.X_OK) else None)


def run(suite, port):
    promtool, server = program("promtool"), program("prometheus")
    if not promtool or not server:
        with suite.case("prometheus is there (package prometheus)"):
            check(False, "neither installed nor in build/unpacked: see tools/packages.txt")
        return
    for level in ("basic", "topic", "partition"):
        with suite.case(f"promtool check metrics, level {level}: nothing to say"):
            page = port.get(f"/metrics?level={level}")[2]
            found = subprocess.run([promtool, "check", "metrics"], input=page, capture_output=True, text=True, timeout=60, check=False)
            check_equal((found.returncode, found.stdout + found.stderr), (0, ""), "promtool")
    with suite.case("Prometheus scrapes /metrics without a warning"):
        scrape(suite, port, server)


def scrape(suite, port, server):
    folder = suite.folder("prometheus")
    (folder / "prometheus.yml").write_text(f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: gregor
    static_configs: [{{targets: ["{port.address}"]}}]
  - job_name: partitions
    params: {{level: [partition]}}
    static_configs: [{{targets: ["{port.address}"]}}]
""")
    address = f"127.0.0.1:{free_port()}"
    process = Process([server, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
                       f"--web.listen-address={address}"], folder / "log")
    suite.at_end(process.kill)

    def query(text):
        url = f"http://{address}/api/v1/query?query={urllib.parse.quote(text)}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return [(s["metric"], float(s["value"][1])) for s in json.load(answer)["data"]["result"]]
        except OSError:
            return []
    try:
        wait_until(lambda: query("scrape_samples_scraped > 0 and up == 1")[1:], 30, "two targets that are up", pause=0.2)
        wait_until(lambda: query("count_over_time(up[30s]) >= 3")[1:], 30, "three scrapes of each", pause=0.2)
        check_equal(query("min_over_time(up[5m]) < 1"), [], "scrapes that failed")
        produced = query('gregor_requests_total{api="Produce",job="gregor"}')
        check(len(produced) == 1 and produced[0][1] > 0, f"gregor_requests_total is {produced}")
        check(query('gregor_partition_log_end_offset{topic="good",job="partitions"}'), "no partition")
        check(query("histogram_quantile(0.99, sum by (le) (gregor_request_duration_seconds_bucket))"), "no quantile")
        lines = [line for line in (folder / "log").read_text().splitlines() if "level=warn" in line or "level=error" in line]
        check_equal(lines, [], "warnings of Prometheus")
    finally:
        process.terminate()
