"""The steps of 47-log-dir-moves that a broker's answers are recorded of: AlterReplicaLogDirs in every way that it may be asked.
The broker has three log dirs."""
import admin_client as a
from suite import wait_until

# With "-0.", 32 hexadecimal digits and "-future" a name may have 255 characters.
LONGEST = 213


class Script:
    """`tell(name, answer)` is called for each step."""

    def __init__(self, broker, tell):
        self.broker = broker
        self.tell = tell
        self.client = broker.client()

    def close(self):
        self.client.close()

    def ask(self, name, asked, version=2):
        rows, count = a.alter_replica_log_dirs(self.client, asked, version)
        short = lambda topic: f"{topic[0]} * {len(topic)}" if len(topic) > 100 else topic
        words = ", ".join(f"{short(topic)}-{index} {error}" for (topic, index), error in sorted(rows.items()))
        self.tell(name, f"{count} rows: {words}")

    def path(self, number):
        return str(self.broker.log_dirs[number])

    def place(self, topic, index=0):
        return place_of(self.client, topic, index)[0]

    def other_than(self, topic, index=0):
        return next(str(d) for d in self.broker.log_dirs if str(d) != self.place(topic, index))


def place_of(client, topic, index=0):
    """The log dir of a partition, and {log dir of a copy: (size, lag)}."""
    place, futures = None, {}
    for row in a.describe_log_dirs(client)[0]:
        found = row["partitions"].get((topic, index))
        if found is None:
            continue
        if found[2]:
            futures[row["path"]] = found[:2]
        else:
            place = row["path"]
    return place, futures


def walk(script):
    client = script.client
    client.create_topic("words", 2)
    script.broker.wait_for_topic("words", 2)
    words = [("words", [0, 1])]
    known = script.path(0)
    for version in (1, 2):
        say = f"version {version}: "
        script.ask(say + "an unknown dir", [("/nowhere", words)], version)
        script.ask(say + "a relative dir", [("data", words)], version)
        script.ask(say + "no path", [("", words)], version)
        script.ask(say + "a dir with a slash behind it", [(known + "/", words)], version)
        script.ask(say + "a dir by another way", [(f"{script.broker.log_dirs[0].parent}/./{script.broker.log_dirs[0].name}", words)], version)
        script.ask(say + "the folder of a partition", [(script.place("words") + "/words-0", words)], version)
        script.ask(say + "an unknown topic", [(known, [("nobody", [0])])], version)
        script.ask(say + "an unknown partition", [(known, [("words", [2, -1, 2147483647])])], version)
        script.ask(say + "a bad name", [(known, [("a/b", [0]), ("", [0]), ("..", [0])])], version)
        script.ask(say + "a long name", [(known, [("x" * LONGEST, [0]), ("x" * (LONGEST + 1), [0]), ("x" * 250, [0])])], version)
        script.ask(say + "a long name, an unknown dir", [("/nowhere", [("x" * (LONGEST + 1), [0])])], version)
        script.ask(say + "an unknown topic, an unknown dir", [("/nowhere", [("nobody", [0])])], version)
        script.ask(say + "nothing", [], version)
        script.ask(say + "no topics", [(known, [])], version)
        script.ask(say + "no partitions", [(known, [("words", []), ("nobody", [])])], version)
        script.ask(say + "where it is", [(script.place("words"), [("words", [0])])], version)
        script.ask(say + "the same dir twice", [(known, [("nobody", [0])]), (known, [("nobody", [1])])], version)
        script.ask(say + "the same partition twice in a dir", [(known, [("nobody", [0, 0])])], version)
        script.ask(say + "a topic twice in a dir", [(known, [("nobody", [0]), ("nobody", [1])])], version)
        script.ask(say + "a partition in two dirs", [(script.place("words"), [("words", [0])]), ("/nowhere", [("words", [0])])], version)
        to = script.other_than("words")
        script.ask(say + "another dir", [(to, [("words", [0])])], version)
        wait_until(lambda: place_of(client, "words") == (to, {}), 60, "the move")
        script.ask(say + "there again", [(to, [("words", [0])])], version)
    script.ask("of 3 partitions each its error", [("/nowhere", [("words", [0])]), (script.place("words", 1), [("words", [1]), ("nobody", [7])])])
