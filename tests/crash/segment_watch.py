"""Tells when the broker makes a new segment file, or opens one again: inotify on its partition folders."""
import ctypes
import os
import select
import struct
import threading
import time

_LIBC = ctypes.CDLL(None, use_errno=True)
_IN_OPEN, _IN_CREATE, _IN_MOVED_TO, _IN_ONLYDIR = 0x20, 0x100, 0x80, 0x01000000
_EVENT = struct.Struct("iIII")


class SegmentWatch:
    """Watches the folders of `topic` in `log_dirs` (they must exist). Every change is kept with its time."""

    def __init__(self, log_dirs, topic):
        self._fd = _LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self.folders = [p for d in log_dirs for p in d.iterdir() if p.is_dir() and p.name.rsplit("-", 1)[0] == topic]
        for folder in self.folders:
            mask = _IN_OPEN | _IN_CREATE | _IN_MOVED_TO | _IN_ONLYDIR
            if _LIBC.inotify_add_watch(self._fd, os.fsencode(folder), mask) < 0:
                raise OSError(ctypes.get_errno(), f"inotify_add_watch {folder}")
        self._changed = threading.Condition()
        self._last_roll = self._last_open = 0.0
        self.rolls = 0
        self._ended = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while not self._ended:
            if not select.select([self._fd], [], [], 0.1)[0]:
                continue
            data = os.read(self._fd, 1 << 16)
            with self._changed:
                self._take(data, time.monotonic())
                self._changed.notify_all()

    def _take(self, data, now):
        at = 0
        while at < len(data):
            _, mask, _, size = _EVENT.unpack_from(data, at)
            name = data[at + _EVENT.size:at + _EVENT.size + size].rstrip(b"\0")
            at += _EVENT.size + size
            if not name.endswith(b".log"):
                continue
            if mask & (_IN_CREATE | _IN_MOVED_TO):
                self._last_roll = now
                self.rolls += 1
            if mask & _IN_OPEN:
                self._last_open = now

    def wait_for_roll(self, timeout):
        """Returns at the next new segment; False after `timeout` seconds."""
        return self._wait(lambda began: self._last_roll > began, timeout)

    def wait_for_open(self, timeout):
        """Returns when a segment is opened; False after `timeout` seconds."""
        return self._wait(lambda began: self._last_open > began, timeout)

    def _wait(self, happened, timeout):
        began = time.monotonic()
        with self._changed:
            return self._changed.wait_for(lambda: happened(began), timeout)

    def rolled_within(self, begin, end):
        with self._changed:
            return begin <= self._last_roll <= end

    def opened_since(self, begin):
        with self._changed:
            return self._last_open >= begin

    def stop(self):
        if not self._ended:
            self._ended = True
            self._thread.join()
            os.close(self._fd)


def has_empty_last_segment(folders):
    """Whether the newest segment of one of the folders has no byte yet, and is not its first one."""
    for folder in folders:
        segments = sorted(folder.glob("*.log"))
        if len(segments) > 1 and segments[-1].stat().st_size == 0:
            return True
    return False
