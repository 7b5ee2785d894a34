"""Tests of what is refused, of joined structs and of the smallest sizes."""

import unittest

import check
import names
import parse

HEAD = """api Thing key 7
versions 0-5
flexible 3+
headers request: h1 v0-2, h2 v3+; response: h0 v0-2, h1 v3+
listeners broker
"""


def resolved(fields, head=HEAD):
    text = head + "request\n" + "".join(f"  {line}\n" for line in fields) + "response\n"
    return check.resolve(parse.parse_text(text, "Thing.api"))


class CheckTest(unittest.TestCase):
    def assert_refused(self, fields, text, head=HEAD):
        with self.assertRaisesRegex(parse.SchemaError, text):
            resolved(fields, head)

    def test_versions_are_cut(self):
        fields = resolved(["A int8 0+", "B []C 1-4", "  D int8 0+"]).messages[0].root.fields
        self.assertEqual(fields[0].versions, parse.Versions(0, 5))
        self.assertEqual(fields[1].struct.fields[0].versions, parse.Versions(1, 4))

    def test_structs_of_one_name_are_joined(self):
        message = resolved(
            [
                "Old []T 0-2",
                "  First int8 0-2",
                "  Both int8 0+",
                "Newer []T 3+",
                "  Both int8 3+",
                "  Last int8 3+",
            ]
        ).messages[0]
        self.assertEqual(len(message.structs), 1)
        joined = message.structs[0]
        self.assertEqual([field.name for field in joined.fields], ["First", "Both", "Last"])
        self.assertEqual(
            [field.versions for field in joined.fields],
            [parse.Versions(0, 2), parse.Versions(0, 5), parse.Versions(3, 5)],
        )
        self.assertIs(message.root.fields[0].struct, message.root.fields[1].struct)

    def test_structs_that_differ_are_refused(self):
        self.assert_refused(
            ["A []T 0-2", "  X int8 0+", "B []T 3+", "  X int16 3+"], "declared in two ways"
        )
        self.assert_refused(["A []T 0-1", "  X int8 0+", "B []T 3+", "  X int8 3+"], "hole")

    def test_smallest_sizes(self):
        message = resolved(
            [
                "A []T 0+",
                "  N string 0+",
                "  I int32 2+",
                "  S T2 0+",
                "    U uuid 0-2",
                "  G int64 3+ #0@3+",
            ]
        ).messages[0]
        struct = message.structs[-1]
        self.assertEqual(
            [check.size_in(struct, message, version) for version in (0, 2, 3)], [18, 22, 7]
        )
        self.assertEqual(check.smallest_size(struct, message), 7)

    def test_refused(self):
        self.assert_refused(["A int8 6+"], "in no version")
        self.assert_refused(["A int8 0+", "A int8 0+"], "there twice")
        self.assert_refused(["A int8 3+ #0@3+", "B int8 3+ #0@3+"], "tag 0 is there twice")
        self.assert_refused(["A int8 0+ #0@2+"], "version without tags")
        self.assert_refused(["A int8 0+ ?0+"], "can't be null")
        self.assert_refused(["A string 0+ =null"], "not allowed")
        self.assert_refused(["A []bytes 0+"], "not supported")
        self.assert_refused(["A records 0+"], "must be nullable")
        self.assert_refused(["Class int8 0+"], "must not be called class")
        self.assert_refused(["Decode int8 0+"], "must not be called decode")
        self.assert_refused(["A Reader 0+", "  B int8 0+"], "must not be called Reader")

    def test_headers_must_fit(self):
        self.assert_refused([], "headers line", HEAD.replace("flexible 3+", "flexible 4+"))
        self.assert_refused([], "headers line", HEAD.replace("h1 v3+", "h0 v3+"))

    def test_keys_are_there_once(self):
        api = resolved(["A int8 0+"])
        check.check_all([api])
        with self.assertRaises(parse.SchemaError):
            check.check_all([api, api])


class NamesTest(unittest.TestCase):
    def test_names(self):
        for name, snake, json in (
            ("TopicId", "topic_id", "topicId"),
            ("isKRaftController", "is_kraft_controller", "isKRaftController"),
            ("V3AndBelowTopics", "v3_and_below_topics", "v3AndBelowTopics"),
            ("LastKnownElr", "last_known_elr", "lastKnownElr"),
            ("V0Host", "v0_host", "v0Host"),
        ):
            self.assertEqual(names.snake_case(name), snake)
            self.assertEqual(names.json_name(name), json)


if __name__ == "__main__":
    unittest.main()
