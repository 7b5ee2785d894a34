"""Memory and descriptors of a broker that is started again and again, sampled twice a second."""
import os
import statistics
import threading
import time


class ProcessWatch:
    def __init__(self, broker):
        self._broker = broker
        self._began = time.monotonic()
        self._lives = {}  # pid: [seconds of the last sample, largest resident kB, most descriptors]
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._end.wait(0.5):
            process = self._broker.process
            if process is None:
                continue
            try:
                with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                    resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
                descriptors = len(os.listdir(f"/proc/{process.pid}/fd"))
            except (OSError, StopIteration):
                continue  # it was killed just now
            life = self._lives.setdefault(process.pid, [0, 0, 0])
            life[0] = time.monotonic() - self._began
            life[1], life[2] = max(life[1], resident), max(life[2], descriptors)

    def stop(self):
        self._end.set()
        self._thread.join()

    def between(self, first, last):
        """Means of what the lives that ended in [first, last) seconds needed at most: (resident MB, descriptors)."""
        lives = [life for life in self._lives.values() if first <= life[0] < last]
        return statistics.mean(life[1] for life in lives) / 1e3, statistics.mean(life[2] for life in lives)
