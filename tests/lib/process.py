"""A program that a suite starts: its output in a file, ended by process id, and never outliving the suite."""
import ctypes
import os
import random
import signal
import socket
import subprocess

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def free_port():
    """A free port of 127.0.0.1, outside of the range from which the kernel numbers outgoing connections: a client that
    tries again and again while the broker is down could otherwise take the port, or connect to itself."""
    while True:
        port = random.randrange(12000, 30000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _die_with_parent():
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One running program. Its standard output and error are appended to `log`."""

    def __init__(self, command, log, environment=None):
        self.log = log
        with open(log, "ab") as out:
            self._process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env={**os.environ, **(environment or {})}, preexec_fn=_die_with_parent)

    @property
    def pid(self):
        return self._process.pid

    def exit_code(self):
        """The exit code, or None while it runs; negative: ended by that signal."""
        return self._process.poll()

    def terminate(self, timeout=60):
        """SIGTERM; after `timeout` seconds SIGKILL. Gives the exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"process {self.pid} did not stop within {timeout} s, see {self.log}") from None

    def kill(self):
        """SIGKILL, and waits for its end."""
        if self._process.poll() is None:
            self._process.kill()
        return self._process.wait(30)

    def wait(self, timeout):
        """Waits for its own end; gives the exit code."""
        return self._process.wait(timeout)
