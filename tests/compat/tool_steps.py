"""The commands of 77-kafka-tools, in order. A step is (name, tool, words, kind). Kinds: "lines" the same lines in the same order;
"set" the same lines in any order (brokers answer maps in any order); "configs" the same configs, as far as both know them.

Words in braces are filled in for each broker: {id:TOPIC} a topic's id, {millis:-90} and {datetime:-90} a time in minutes from the newest records',
{file:NAME} a file of FILES."""

PARTITIONS, WORDS = 4, "words"
MEMBERS, OLD, SPARE = "members", "old", "spare"  # groups: two members; committed offsets only
FILES = {
    "configs": "retention.ms=123456789000\nsegment.bytes=3145728\n",
    "delete": '{"partitions": [{"topic": "words", "partition": 0, "offset": 3}, {"topic": "words", "partition": 1, "offset": -1}], "version": 1}',
    "delete-behind-the-end": '{"partitions": [{"topic": "words", "partition": 0, "offset": 99}], "version": 1}',
    "delete-of-nobody": '{"partitions": [{"topic": "nobody", "partition": 0, "offset": 1}], "version": 1}',
    "delete-bad": '{"partitions": [{"topic": "words"}], "version": 1}',
    "elections": '{"partitions": [{"topic": "words", "partition": 0}, {"topic": "nobody", "partition": 0}]}',
    # What is not there is asked for until the time is over.
    "hurry": "request.timeout.ms=1000\ndefault.api.timeout.ms=2000\n",
    "offsets": '"words",0,3\n"words",2,5\n',
    "offsets-of-groups": '"old","words",0,4\n"old","words",1,2\n',
}

TOPIC = ["--entity-type", "topics", "--entity-name", WORDS]
BROKER = ["--entity-type", "brokers", "--entity-name", "1"]
ALL_BROKERS = ["--entity-type", "brokers", "--entity-default"]

# Apache Kafka 4 does so by itself (eligible leader replicas).
MIN_ISR = ("configs: min.insync.replicas of all brokers", "kafka-configs",
           ["--alter", *ALL_BROKERS, "--add-config", "min.insync.replicas=1"], "lines")


def _topics():
    def topic(name, *words, kind="lines"):
        return f"topics: {name}", "kafka-topics", list(words), kind
    create, describe, alter, delete = "--create", "--describe", "--alter", "--delete"
    return [
        topic("create", create, "--topic", "made", "--partitions", 3, "--replication-factor", 1, "--config", "segment.bytes=2097152",
              "--config", "cleanup.policy=compact,delete"),
        topic("create with defaults", create, "--topic", "plain"),
        topic("create on chosen brokers", create, "--topic", "chosen", "--replica-assignment", "1,1"),
        topic("create again", create, "--topic", "made", "--partitions", 3),
        topic("create if it is not there", create, "--topic", "made", "--if-not-exists"),
        topic("create with both", create, "--topic", "both", "--replica-assignment", "1", "--partitions", 2),
        topic("create with a dot and an underscore", create, "--topic", "a.b_c"),
        topic("create one that collides", create, "--topic", "a_b.c"),
        topic("create with a bad name", create, "--topic", "a b"),
        topic("create with too long a name", create, "--topic", "x" * 250),
        topic("create without partitions", create, "--topic", "none", "--partitions", 0),
        topic("create too many replicas", create, "--topic", "none", "--replication-factor", 2),
        topic("create on an unknown broker", create, "--topic", "none", "--replica-assignment", "7"),
        topic("create on a broker twice", create, "--topic", "none", "--replica-assignment", "1:1"),
        topic("create with an unknown config", create, "--topic", "none", "--config", "no.such=1"),
        topic("create with a bad config", create, "--topic", "none", "--config", "retention.ms=long"),
        topic("create with a bad list", create, "--topic", "none", "--config", "cleanup.policy=burn"),
        topic("create with a small segment", create, "--topic", "none", "--config", "segment.bytes=1"),
        topic("create without a name", create),
        topic("list", "--list"),
        topic("list by expression", "--list", "--topic", "(ma|pl).*"),
        topic("list without internal ones", "--list", "--exclude-internal"),
        topic("list an unknown one", "--list", "--topic", "nobody"),
        topic("describe", describe, "--topic", "made"),
        topic("describe by id", describe, "--topic-id", "{id:made}"),
        topic("describe by an unknown id", describe, "--topic-id", "Vv8bVbNCTtW8Vz5TIkcrQw"),
        topic("describe all", describe, "--exclude-internal"),
        topic("describe those with overrides", describe, "--topics-with-overrides", "--exclude-internal"),
        topic("describe under-replicated ones", describe, "--under-replicated-partitions"),
        topic("describe unavailable ones", describe, "--unavailable-partitions"),
        topic("describe those at min-isr", describe, "--at-min-isr-partitions", "--exclude-internal"),
        topic("describe those under min-isr", describe, "--under-min-isr-partitions"),
        topic("describe an unknown one", describe, "--topic", "nobody"),
        topic("describe an unknown one if it exists", describe, "--topic", "nobody", "--if-exists"),
        topic("alter", alter, "--topic", "made", "--partitions", 5),
        topic("alter to less", alter, "--topic", "made", "--partitions", 2),
        topic("alter to the same", alter, "--topic", "made", "--partitions", 5),
        topic("alter on chosen brokers", alter, "--topic", "made", "--partitions", 6, "--replica-assignment", "1,1,1,1,1,1"),
        topic("alter on an unknown broker", alter, "--topic", "made", "--partitions", 7, "--replica-assignment", "1,1,1,1,1,1,9"),
        topic("alter an unknown one", alter, "--topic", "nobody", "--partitions", 2),
        topic("alter an unknown one if it exists", alter, "--topic", "nobody", "--partitions", 2, "--if-exists"),
        topic("alter several", alter, "--topic", "(plain|chosen)", "--partitions", 4),
        topic("describe what was altered", describe, "--topic", "(made|plain|chosen)"),
        topic("delete", delete, "--topic", "chosen"),
        topic("delete an unknown one", delete, "--topic", "nobody"),
        topic("delete an unknown one if it exists", delete, "--topic", "nobody", "--if-exists"),
        topic("delete several", delete, "--topic", "(plain|a.b_c)"),
        topic("list what is left", "--list", "--exclude-internal"),
        topic("delete the last one", delete, "--topic", "made"),
    ]


def _configs():
    def configs(name, *words, kind="lines"):
        return f"configs: {name}", "kafka-configs", list(words), kind
    describe, alter, add, delete = "--describe", "--alter", "--add-config", "--delete-config"
    return [
        configs("a topic: add", alter, *TOPIC, add, "retention.ms=1000000000,cleanup.policy=[compact,delete]"),
        configs("a topic: describe", describe, *TOPIC, kind="set"),
        configs("a topic: describe all", describe, "--all", *TOPIC, kind="configs"),
        configs("a topic: add from a file", alter, *TOPIC, "--add-config-file", "{file:configs}"),
        configs("a topic: describe those of the file", describe, *TOPIC, kind="set"),
        configs("this broker: add", alter, *BROKER, add, "log.roll.ms=1234567890"),
        configs("all brokers: add", alter, *ALL_BROKERS, add, "message.max.bytes=2000000,log.roll.ms=54321000000"),
        configs("this broker: describe", describe, *BROKER, kind="set"),
        configs("all brokers: describe", describe, *ALL_BROKERS, kind="set"),
        configs("every broker: describe", describe, "--entity-type", "brokers", kind="set"),
        configs("this broker: describe all", describe, "--all", *BROKER, kind="configs"),
        configs("a topic whose defaults have changed", describe, "--all", *TOPIC, kind="configs"),
        configs("every topic: describe", describe, "--entity-type", "topics", kind="set"),
        configs("this broker: delete", alter, *BROKER, delete, "log.roll.ms"),
        configs("this broker: delete what is not set", alter, *BROKER, delete, "log.roll.ms"),
        configs("all brokers: delete", alter, *ALL_BROKERS, delete, "message.max.bytes,log.roll.ms"),
        configs("a topic: delete", alter, *TOPIC, delete, "retention.ms,cleanup.policy"),
        configs("a topic: delete and add", alter, *TOPIC, delete, "segment.bytes", add, "flush.messages=100"),
        configs("a topic: describe what is left", describe, *TOPIC, kind="set"),
        configs("a topic: an unknown config", alter, *TOPIC, add, "no.such=1"),
        configs("a topic: a bad value", alter, *TOPIC, add, "retention.ms=long"),
        configs("a topic: delete an unknown config", alter, *TOPIC, delete, "no.such"),
        configs("this broker: a read-only config", alter, *BROKER, add, "num.partitions=5"),
        configs("all brokers: a read-only config", alter, *ALL_BROKERS, add, "num.partitions=5"),
        configs("all brokers: a bad value", alter, *ALL_BROKERS, add, "message.max.bytes=-5"),
        configs("an unknown broker: describe", describe, "--entity-type", "brokers", "--entity-name", "7"),
        configs("a topic that is not there: describe", describe, "--entity-type", "topics", "--entity-name", "nobody"),
        configs("a topic that is not there: add", alter, "--entity-type", "topics", "--entity-name", "nobody", add, "retention.ms=1"),
        configs("an unknown type", describe, "--entity-type", "boats"),
    ]


def _offsets():
    def offsets(name, *words, kind="set"):
        return f"offsets: {name}", "kafka-get-offsets", list(words), kind
    return [
        offsets("end", "--topic", WORDS),
        offsets("beginning", "--topic", WORDS, "--time", "earliest"),
        offsets("newest time", "--topic", WORDS, "--time", "max-timestamp"),
        offsets("beginning on this disk", "--topic", WORDS, "--time", "earliest-local"),
        offsets("end of what is elsewhere", "--topic", WORDS, "--time", "latest-tiered"),
        offsets("at a time", "--topic", WORDS, "--time", "{millis:-90}"),
        offsets("after all times", "--topic", WORDS, "--time", "{millis:90}"),
        offsets("some partitions", "--topic-partitions", "words:0,words:2-3"),
        offsets("some partitions of a topic", "--topic", WORDS, "--partitions", "1,3"),
        offsets("every topic but internal ones", "--exclude-internal-topics"),
        offsets("an expression", "--topic-partitions", "w.*:-2"),
        offsets("an unknown topic", "--topic", "nobody"),
        offsets("an unknown partition", "--topic", WORDS, "--partitions", "99"),
        offsets("a bad time", "--topic", WORDS, "--time", "noon"),
    ]


def _groups():
    def groups(name, *words, kind="set"):
        return f"groups: {name}", "kafka-consumer-groups", list(words), kind
    describe, reset, delete, delete_offsets = "--describe", "--reset-offsets", "--delete", "--delete-offsets"

    def resets(name, *words, group=OLD, how="--execute"):
        return groups(f"reset offsets {name}", reset, "--group", group, "--topic", WORDS, *words, how)
    return [
        groups("list", "--list"),
        groups("list with states", "--list", "--state"),
        groups("list stable ones", "--list", "--state", "Stable"),
        groups("list stable and empty ones", "--list", "--state", "stable,empty"),
        groups("list those of a state that is none", "--list", "--state", "Asleep"),
        groups("list with types", "--list", "--type"),
        groups("list classic ones", "--list", "--type", "classic"),
        groups("list those of the new protocol", "--list", "--type", "consumer"),
        groups("list with states and types", "--list", "--state", "Stable", "--type", "classic"),
        groups("describe", describe, "--group", MEMBERS),
        groups("describe more", describe, "--group", MEMBERS, "--verbose"),
        groups("describe offsets", describe, "--group", MEMBERS, "--offsets"),
        groups("describe members", describe, "--group", MEMBERS, "--members"),
        groups("describe members and what they have", describe, "--group", MEMBERS, "--members", "--verbose"),
        groups("describe the state", describe, "--group", MEMBERS, "--state"),
        groups("describe more of the state", describe, "--group", MEMBERS, "--state", "--verbose"),
        groups("describe one without members", describe, "--group", OLD, kind="lines"),
        groups("describe one without members more", describe, "--group", OLD, "--verbose", kind="lines"),
        groups("describe the members of one without", describe, "--group", OLD, "--members"),
        groups("describe the state of one without members", describe, "--group", OLD, "--state"),
        groups("describe an unknown one", describe, "--group", "nobody"),
        groups("describe the members of an unknown one", describe, "--group", "nobody", "--members"),
        groups("describe the state of an unknown one", describe, "--group", "nobody", "--state"),
        groups("describe all", describe, "--all-groups"),
        groups("describe the states of all", describe, "--all-groups", "--state"),
        groups("describe the members of all", describe, "--all-groups", "--members"),
        groups("describe two", describe, "--group", OLD, "--group", MEMBERS, "--state"),
        resets("that would be done", "--to-earliest", how="--dry-run"),
        groups("nothing has changed", describe, "--group", OLD, kind="lines"),
        resets("to the beginning", "--to-earliest"),
        resets("to the end", "--to-latest"),
        resets("to an offset", "--to-offset", 2),
        resets("to an offset behind the end", "--to-offset", 1000),
        resets("to an offset before the beginning", "--to-offset", 0),
        resets("forward", "--shift-by", 3),
        resets("back", "--shift-by", -2),
        resets("back too far", "--shift-by", -1000),
        resets("to a time", "--to-datetime", "{datetime:-90}"),
        resets("to a time after all", "--to-datetime", "{datetime:90}"),
        resets("by a duration", "--by-duration", "PT90M"),
        resets("to where they are", "--to-current"),
        resets("from a file", "--from-file", "{file:offsets}"),
        resets("to the beginning, export", "--to-earliest", "--export"),
        groups("reset offsets from a file of groups", reset, "--group", OLD, "--group", SPARE, "--from-file", "{file:offsets-of-groups}",
               "--execute"),
        groups("reset offsets of a partition", reset, "--group", OLD, "--topic", f"{WORDS}:1", "--to-latest", "--execute"),
        groups("reset offsets of two partitions", reset, "--group", OLD, "--topic", f"{WORDS}:0,2", "--to-offset", 1, "--execute"),
        groups("reset offsets of all topics", reset, "--group", OLD, "--all-topics", "--to-latest", "--execute"),
        groups("reset offsets of all groups", reset, "--all-groups", "--all-topics", "--to-current", "--dry-run"),
        groups("reset offsets of an unknown topic", reset, "--group", OLD, "--topic", "nobody", "--to-earliest", "--execute"),
        groups("reset offsets of an unknown partition", reset, "--group", OLD, "--topic", f"{WORDS}:99", "--to-earliest", "--execute",
               "--timeout", 2000),
        resets("of a new group", "--to-earliest", group="fresh"),
        groups("describe the new group", describe, "--group", "fresh", kind="lines"),
        resets("of a group with members", "--to-earliest", group=MEMBERS),
        resets("without saying where to"),
        groups("what that has come to", describe, "--group", OLD, kind="lines"),
        groups("delete offsets", delete_offsets, "--group", OLD, "--topic", f"{WORDS}:0"),
        groups("delete offsets again", delete_offsets, "--group", OLD, "--topic", f"{WORDS}:0"),
        groups("delete offsets of a topic", delete_offsets, "--group", "fresh", "--topic", WORDS),
        groups("delete offsets of an unknown topic", delete_offsets, "--group", OLD, "--topic", "nobody"),
        groups("delete offsets of an unknown partition", delete_offsets, "--group", OLD, "--topic", f"{WORDS}:99"),
        groups("delete offsets that members use", delete_offsets, "--group", MEMBERS, "--topic", f"{WORDS}:0"),
        groups("delete offsets of an unknown group", delete_offsets, "--group", "nobody", "--topic", WORDS),
        groups("what is left of the offsets", describe, "--group", OLD, kind="lines"),
        groups("delete", delete, "--group", OLD),
        groups("delete again", delete, "--group", OLD),
        groups("delete one with members", delete, "--group", MEMBERS),
        groups("delete several", delete, "--group", SPARE, "--group", "nobody"),
        groups("list what is left", "--list"),
        groups("describe what has been deleted", describe, "--group", OLD),
    ]


def _records():
    def records(name, file, *words):
        return f"records: {name}", "kafka-delete-records", ["--offset-json-file", "{file:%s}" % file, *words], "set"

    def dirs(name, *words, kind="lines"):
        return f"log dirs: {name}", "kafka-log-dirs", ["--describe", *words], kind
    return [
        dirs("a topic", "--topic-list", WORDS),
        dirs("two topics", "--topic-list", f"{WORDS},nobody"),
        dirs("a topic on a broker", "--topic-list", WORDS, "--broker-list", "1"),
        dirs("an unknown broker", "--topic-list", WORDS, "--broker-list", "1,7"),
        records("delete", "delete"),
        records("delete again", "delete"),
        records("delete behind the end", "delete-behind-the-end"),
        records("delete those of an unknown topic", "delete-of-nobody", "--command-config", "{file:hurry}"),
        records("a bad file", "delete-bad"),
        ("records: the beginnings", "kafka-get-offsets", ["--topic", WORDS, "--time", "earliest"], "set"),
        ("records: lag of a group whose records are gone", "kafka-consumer-groups", ["--describe", "--group", MEMBERS], "set"),
    ]


def _elections():
    def elect(name, *words):
        return f"elections: {name}", "kafka-leader-election", list(words), "set"
    return [
        elect("preferred", "--election-type", "preferred", "--topic", WORDS, "--partition", 0),
        elect("unclean", "--election-type", "unclean", "--topic", WORDS, "--partition", 1),
        elect("all", "--election-type", "preferred", "--all-topic-partitions"),
        elect("unclean, all", "--election-type", "unclean", "--all-topic-partitions"),
        elect("an unknown topic", "--election-type", "preferred", "--topic", "nobody", "--partition", 0),
        elect("an unknown partition", "--election-type", "unclean", "--topic", WORDS, "--partition", 99),
        elect("from a file", "--election-type", "preferred", "--path-to-json-file", "{file:elections}"),
        ("features: upgrade an unknown one", "kafka-features", ["upgrade", "--feature", "no.such=3"], "lines"),
        ("features: downgrade an unknown one", "kafka-features", ["downgrade", "--feature", "no.such=0"], "lines"),
        ("features: disable an unknown one", "kafka-features", ["disable", "--feature", "no.such"], "lines"),
        ("features: try an unknown one", "kafka-features", ["upgrade", "--feature", "no.such=3", "--dry-run"], "lines"),
    ]


def steps():
    return [MIN_ISR, *_topics(), *_offsets(), *_configs(), *_groups(), *_records(), *_elections()]
