"""Changes the configs of a topic, one after the other, on a connection of its own; after a cut it says whether each change that
was answered is there."""
import threading

import config_client
from raw_client import RawClient
from suite import check, check_equal

KEY = "retention.bytes"
FIRST = 1 << 40


class ConfigChanges:
    """Each change writes the next number, so what is there tells which change was the last."""

    def __init__(self, address, topic):
        self._address = address
        self._topic = topic
        self._stopped = threading.Event()
        self._thread = None
        self.sent = self.answered = FIRST

    def start(self):
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            with RawClient(self._address, timeout=20) as client:
                while not self._stopped.is_set():
                    self.sent += 1
                    change = (config_client.TOPIC, self._topic, [(KEY, config_client.SET, str(self.sent))])
                    if config_client.alter(client, [change])[0][0] == 0:
                        self.answered = self.sent
                    self._stopped.wait(0.01)
        except (OSError, EOFError, ValueError):
            return  # the broker has gone

    def stop(self):
        """The answers that have come by now are all that come. To be called once the broker is down."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout=30)
            check(not self._thread.is_alive(), "a change of configs hangs although the broker is down")
            self._thread = None

    def verify(self):
        """@raises if an answered change is not there, or one that nobody sent is"""
        with RawClient(self._address) as client:
            described = config_client.describe(client, [(config_client.TOPIC, self._topic, [KEY])])[0]
        check_equal(described["error"], 0, "error of DescribeConfigs")
        found = int(described["configs"][KEY]["value"])
        if self.answered == FIRST and found < FIRST:
            return
        check(self.answered <= found <= self.sent,
              f"{KEY} is {found}, answered was {self.answered}, sent {self.sent}")
        self.sent = self.answered = found
