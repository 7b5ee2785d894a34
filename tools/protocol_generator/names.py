"""Names of generated things: CamelCase to snake_case, and to the names that Kafka's JSON has."""

import re

CPP_KEYWORDS = frozenset(
    "and auto bool break case catch char class const continue default delete do double "
    "else enum explicit export extern false float for friend goto if inline int long "
    "namespace new not operator or private protected public register return short signed "
    "sizeof static struct switch template this throw true try typedef union unsigned "
    "using virtual void volatile while xor".split()
)

# Members that every generated struct or message has; a field must not be called so.
RESERVED_MEMBERS = frozenset(
    "read_fields write_fields json_fields decode encode to_json message_name version_lowest "
    "version_highest flexible_from".split()
)

# Types that generated code names without a prefix; a nested struct must not hide them.
RESERVED_TYPES = frozenset(
    "Reader Writer Result ErrorCode Bytes Records JsonWriter Tag ApiInfo".split()
)


def snake_case(name):
    """`LastKnownElr` -> `last_known_elr`, `isKRaftController` -> `is_kraft_controller`."""
    text = name.replace("KRaft", "Kraft")
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", text)
    text = re.sub(r"(?<=[A-Z])(?=[A-Z][a-z])", "_", text)
    return text.lower()


def json_name(name):
    """The name in Kafka's JSON: the schema's with a lower-case first letter."""
    return name[0].lower() + name[1:]
