"""A small ext4 file system on a loop device: a disk that a suite may fill or cut the power of. Needs root."""
import os
import pathlib
import subprocess
import time

from suite import BUILD, skip

POWER_CUT = BUILD / "tests" / "power_cut"


def _run(*words):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    if done.returncode != 0:
        raise OSError(f"{' '.join(str(w) for w in words)}: {done.stderr.strip()}")
    return done.stdout.strip()


class LoopDisk:
    """Made and mounted at `folder`/disk."""

    def __init__(self, folder, megabytes):
        self.mount_point = pathlib.Path(folder) / "disk"
        self._image = pathlib.Path(folder) / "disk.img"
        self.mount_point.mkdir()
        with open(self._image, "wb") as file:
            file.truncate(megabytes << 20)
        self._device = _run("losetup", "-f", "--show", self._image)
        self._mounted = False
        try:
            _run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", self._device)
            self.mount()
        except OSError:
            self.remove()
            raise

    @property
    def device(self):
        return self._device

    def mount(self):
        _run("mount", self._device, self.mount_point)
        self._mounted = True

    def unmount(self):
        """A file may stay open a moment longer than its process lives."""
        for _ in range(50):
            try:
                _run("umount", self.mount_point)
                self._mounted = False
                return
            except OSError as error:
                last = error
                time.sleep(0.1)
        raise last

    def cut_power(self, process_id):
        """Stops the process; then everything that is not on the device is gone, and every call on the file system fails
        until it is mounted anew."""
        _run(POWER_CUT, self.mount_point, process_id)

    def sync(self):
        _run("sync", "-f", self.mount_point)

    def free_bytes(self):
        state = os.statvfs(self.mount_point)
        return state.f_bavail * state.f_frsize

    def remove(self):
        if self._mounted:
            self.unmount()
        if self._device:
            _run("losetup", "-d", self._device)
            self._device = None
        self._image.unlink(missing_ok=True)


def make_disk(suite, folder, megabytes):
    """A disk that is removed at the end; skips the suite where that is not allowed."""
    if os.geteuid() != 0:
        skip("loop devices need root")
    try:
        disk = LoopDisk(folder, megabytes)
    except (OSError, FileNotFoundError) as refused:
        skip(f"no loop device with ext4 here: {refused}")
    suite.at_end(disk.remove)
    return disk
