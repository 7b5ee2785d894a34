"""How long a broker takes from exec until it serves every partition of a topic, asked every millisecond."""
import time

from raw_client import LATEST, RawClient


def launch_and_measure(broker, topic, partitions, timeout=120):
    """Launches `broker` and gives the seconds from exec until ListOffsets answered for each partition."""
    began = time.monotonic()
    broker.launch()
    return wait_for_offsets(broker, topic, partitions, began, timeout)


def wait_for_offsets(broker, topic, partitions, began, timeout=120):
    """Waits until ListOffsets answers for each partition of `topic`; gives the seconds since `began`."""
    waiting = set(range(partitions))
    while waiting:
        code = broker.process.exit_code()
        if code is not None:
            raise RuntimeError(f"the broker ended with {code} while starting:\n{broker.log_tail()}")
        if time.monotonic() - began > timeout:
            raise TimeoutError(f"partitions {sorted(waiting)} do not answer after {timeout} s:\n{broker.log_tail()}")
        try:
            with RawClient(broker.address, timeout=5) as client:
                waiting -= {p for p in waiting if client.list_offsets(topic, p, LATEST)["error"] == 0}
        except (OSError, ValueError):
            pass
        if waiting:
            time.sleep(0.001)
    return time.monotonic() - began
