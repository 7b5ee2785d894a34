"""Cycles of changing a metadata store on an ext4 file system in a loop device and cutting its power.

The cut is EXT4_IOC_SHUTDOWN without a flush: whatever has not reached the device is lost, the journal included. The
writer is stopped just before, since a machine without power acknowledges nothing: an fdatasync that runs while the
journal is being aborted may return 0 (seen on Linux 6.18: jbd2 does not look at the abort of a commit that has ended).
"""
import fcntl
import os
import pathlib
import random
import signal
import struct
import subprocess
import time

from suite import BUILD, check

EXT4_IOC_SHUTDOWN = 0x8004587D  # _IOR('X', 125, __u32)
NO_LOG_FLUSH = 2


def missing():
    """Why the cycles can't be run here, or None."""
    if os.geteuid() != 0:
        return "needs root for loop devices and mount"
    if not os.path.exists("/dev/loop-control"):
        return "there are no loop devices"
    for tool in ("mkfs.ext4", "losetup", "mount"):
        if subprocess.run(["sh", "-c", f"command -v {tool}"], stdout=subprocess.DEVNULL).returncode != 0:
            return f"{tool} is not installed"
    return None


class Disk:
    """An ext4 file system in a file."""

    def __init__(self, folder, megabytes=64):
        self.point = folder / "mount"
        self.point.mkdir()
        image = folder / "disk.img"
        with open(image, "wb") as file:
            file.truncate(megabytes << 20)
        self.device = subprocess.check_output(["losetup", "--find", "--show", image], text=True).strip()
        subprocess.run(["mkfs.ext4", "-q", "-F", self.device], check=True, stderr=subprocess.DEVNULL)
        self.mounted = False

    def mount(self):
        subprocess.run(["mount", "-t", "ext4", self.device, self.point], check=True)
        self.mounted = True

    def unmount(self):
        if self.mounted:
            subprocess.run(["umount", self.point], check=True)
        self.mounted = False

    def cut_power(self):
        folder = os.open(self.point, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(folder)

    def close(self):
        self.unmount()
        subprocess.run(["losetup", "--detach", self.device], check=True)


def last_number(path):
    """The last whole line of a file of numbers, -1 if there is none."""
    try:
        lines = pathlib.Path(path).read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return -1
    return int(lines[-1]) if lines else -1


class Cycles:
    """Counts what the cycles have seen."""

    def __init__(self, writer, folder, seed):
        self.writer = writer
        self.folder = folder
        self.random = random.Random(seed)
        self.disk = Disk(folder)
        self.store = self.disk.point / "gregor-metadata.db"
        self.acks = folder / "acks"
        self.unsynced = self.disk.point / "unsynced"
        self.changes = 0
        self.lossy = 0  # cycles in which the un-synced file lost something

    def run_one(self):
        """Writes, cuts, mounts again, verifies. @return what is wrong, or None."""
        self.disk.mount()
        process = subprocess.Popen([self.writer, "write", self.store, self.acks, self.unsynced],
                                   stderr=subprocess.DEVNULL)
        before = last_number(self.acks)
        try:
            started = time.monotonic()
            while last_number(self.acks) <= before and process.poll() is None:
                if time.monotonic() - started > 30:
                    return "no change was acknowledged within 30 s"
                time.sleep(0.002)
            time.sleep(self.random.uniform(0, 0.2))
            if process.poll() is not None:
                return f"the writer ended by itself with {process.returncode}"
            os.kill(process.pid, signal.SIGSTOP)
            os.waitpid(process.pid, os.WUNTRACED)
            self.disk.cut_power()
        finally:
            process.kill()
            process.wait()
        acknowledged = last_number(self.acks)
        self.disk.unmount()
        self.disk.mount()
        if last_number(self.unsynced) < acknowledged:
            self.lossy += 1
        result = subprocess.run([self.writer, "verify", self.store, str(acknowledged)], capture_output=True, text=True)
        self.disk.unmount()
        if result.returncode != 0:
            return f"last acknowledged {acknowledged}: {result.stderr.strip()}"
        self.changes = acknowledged + 1
        # What was made without being acknowledged counts as acknowledged from now on: it was seen.
        with open(self.acks, "a") as file:
            file.write(f"{int(result.stdout)}\n")
        return None

    def close(self):
        self.disk.close()


def run_cycles(suite, seed, count):
    """The whole of the suites."""
    cycles = Cycles(BUILD / "tests" / "metadata_writer", suite.folder("metadata-power"), seed)
    suite.at_end(cycles.close)
    with suite.case(f"{count} power cuts: every acknowledged change is there, nothing is half there"):
        for cycle in range(count):
            fault = cycles.run_one()
            check(fault is None, f"cycle {cycle}: {fault}")
        print(f"        {cycles.changes} changes; {cycles.lossy} of {count} cuts took un-synced bytes of a plain file")
    with suite.case("the cuts are real: a file that is not synced loses something"):
        check(cycles.lossy >= count // 4, f"only {cycles.lossy} of {count} cuts took anything")
