"""kcat as a producer and a consumer, and the text that goes through it."""
import filecmp
import pathlib
import random
import subprocess
import zlib

from suite import check

_WORDS = ("offset segment batch record broker leader epoch index flush partition topic consumer producer codec frame shard "
          "watermark checkpoint controller metadata replica follower listener socket quorum snapshot").split()

# kcat learns from an empty answer that it is at the end: 100 ms instead of 500 for each of many runs.
_SHORT_WAIT = ("-X", "fetch.wait.max.ms=100")


class Text:
    """Lines `key<TAB>text` of `size` bytes in total, and what each partition must get of them.

    The same seed makes the same text. librdkafka's default partitioner takes CRC-32 of the key modulo the number of
    partitions, so the lines of each partition are known beforehand, and in the order of the file."""

    def __init__(self, folder, size, partitions, seed=7):
        self.file = folder / "lines.txt"
        self.partitions = [folder / f"expected-{p}.txt" for p in range(partitions)]
        self.lines = 0
        rng = random.Random(seed)
        sentences = [" ".join(rng.choices(_WORDS, k=rng.randrange(4, 16))) for _ in range(4000)]
        keys = [f"key-{rng.getrandbits(40):x}" for _ in range(20000)]
        homes = [zlib.crc32(key.encode()) % partitions for key in keys]
        outs = [open(path, "w", buffering=1 << 20) for path in self.partitions]
        written = 0
        with open(self.file, "w", buffering=1 << 20) as whole:
            while written < size:
                which = rng.randrange(len(keys))
                line = f"{keys[which]}\t{self.lines} {sentences[(self.lines * 31 + which) % 4000]}\n"
                whole.write(line)
                outs[homes[which]].write(line)
                written += len(line)
                self.lines += 1
        for out in outs:
            out.close()
        self.size = written


def kcat(address, *arguments, given=None, output=None, timeout=300, check_exit=True):
    """Runs kcat to its end. Gives its standard output as bytes, unless `output` names a file for it.

    `given` is standard input as bytes. What it says on standard error must not contain ERROR."""
    command = ["kcat", "-b", address, *map(str, arguments)]
    with open(output, "wb") if output else open("/dev/null", "wb") as out:
        done = subprocess.run(
            command, input=given if given is not None else b"", stdout=out if output else subprocess.PIPE,
            stderr=subprocess.PIPE, timeout=timeout)
    said = done.stderr.decode(errors="replace")
    if check_exit:
        check(done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}: {said[-800:]}")
        check("ERROR" not in said, f"{' '.join(command)} said: {said[-800:]}")
    return done.stdout


def produce_lines(address, topic, file, codec="none", *more):
    """Each line of the file is one record: key, TAB, value."""
    kcat(address, "-P", "-t", topic, "-K", "\\t", "-z", codec, "-l", *more, file)


def consume_lines(address, topic, partition, output, *more):
    """All records of a partition from its beginning to its end, as `produce_lines` takes them."""
    kcat(address, "-C", "-q", "-t", topic, "-p", partition, "-o", "beginning", "-e", "-K", "\\t",
         *_SHORT_WAIT, *more, output=output)


def consume(address, topic, partition, offset, *more, form="%o %k %s\\n"):
    """The lines that a consumer from `offset` (in kcat's notation) to the end prints."""
    text = kcat(address, "-C", "-q", "-t", topic, "-p", partition, "-o", offset, "-e", "-f", form,
                *_SHORT_WAIT, *more)
    return text.decode().splitlines()


def check_same(found, expected):
    """Fails unless both files are equal; names the first line that differs."""
    if filecmp.cmp(found, expected, shallow=False):
        return
    with open(found) as left, open(expected) as right:
        for number, (one, other) in enumerate(zip(left, right), 1):
            check(one == other, f"{pathlib.Path(found).name} line {number}: {one!r} instead of {other!r}")
    sizes = pathlib.Path(found).stat().st_size, pathlib.Path(expected).stat().st_size
    check(False, f"{pathlib.Path(found).name}: {sizes[0]} bytes instead of {sizes[1]}")
