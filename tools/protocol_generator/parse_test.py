"""Tests of the schema notation."""

import unittest

import parse

SHEET = """# a comment
api Thing key 7
versions 0-5
unstable 5+
flexible 3+
headers request: h1 v0-2, h2 v3+; response: h0 v0-2, h1 v3+
listeners broker,controller

request
  Name string 0+ ?2+ =null ign
  Items []Item 1-4
    Id uuid 1+ key
    Sizes []int32 1+
  Epoch int64 3+ #0@3+ =-1 ent:epoch

response
  ErrorCode int16 0+

notes
  One.
    More of it.
"""


class ParseTest(unittest.TestCase):
    def test_whole_sheet(self):
        api = parse.parse_text(SHEET, "Thing.api")
        self.assertEqual((api.name, api.key, api.versions), ("Thing", 7, parse.Versions(0, 5)))
        self.assertEqual((api.flexible_from, api.unstable_from), (3, 5))
        self.assertEqual(api.request_headers, [(0, 1), (3, 2)])
        self.assertEqual(api.response_headers, [(0, 0), (3, 1)])
        self.assertEqual(api.listeners, ["broker", "controller"])
        self.assertEqual(api.notes, ["One.", "  More of it."])
        self.assertEqual(
            [message.name for message in api.messages], ["ThingRequest", "ThingResponse"]
        )

    def test_fields(self):
        name, items, epoch = parse.parse_text(SHEET, "Thing.api").messages[0].root.fields
        self.assertEqual((name.nullable.lowest, name.default, name.ignorable), (2, "null", True))
        self.assertTrue(items.array and items.is_struct)
        self.assertEqual([field.name for field in items.struct.fields], ["Id", "Sizes"])
        self.assertTrue(items.struct.fields[0].map_key)
        self.assertFalse(items.struct.fields[1].is_struct)
        self.assertEqual((epoch.tag, epoch.tagged.lowest, epoch.default), (0, 3, "-1"))

    def test_versions(self):
        self.assertEqual(parse.parse_versions("3+", ""), parse.Versions(3, parse.HIGHEST))
        self.assertEqual(parse.parse_versions("4", ""), parse.Versions(4, 4))
        self.assertEqual(parse.parse_versions("0-2", ""), parse.Versions(0, 2))
        for text in ("", "x", "3-", "-1", "3++"):
            with self.assertRaises(parse.SchemaError):
                parse.parse_versions(text, "here")

    def test_joined_versions_have_no_hole(self):
        low, high = parse.Versions(0, 3), parse.Versions(4, 9)
        self.assertEqual(low.join(high), parse.Versions(0, 9))
        self.assertEqual(high.join(low), parse.Versions(0, 9))
        self.assertIsNone(parse.Versions(0, 2).join(high))
        self.assertEqual(parse.NONE.join(high), high)

    def test_headers(self):
        self.assertEqual(parse.parse_headers("h2", ""), [(0, 2)])
        self.assertEqual(parse.parse_headers("h0 always", ""), [(0, 0)])
        self.assertEqual(
            parse.parse_headers("h0 v0, h1 v1-2, h2 v3+", ""), [(0, 0), (1, 1), (3, 2)]
        )

    def test_errors_name_the_line(self):
        for bad, line in (
            (" Name string 0+", 10),
            ("  Name string", 10),
            ("  Name string 0+ what", 10),
            ("      Name string 0+", 10),
        ):
            text = SHEET.replace("  Name string 0+ ?2+ =null ign", bad)
            with self.assertRaisesRegex(parse.SchemaError, f"Thing.api:{line}:"):
                parse.parse_text(text, "Thing.api")

    def test_file_without_api_line(self):
        with self.assertRaises(parse.SchemaError):
            parse.parse_text("versions 0-1\n", "x")
        with self.assertRaises(parse.SchemaError):
            parse.parse_text("", "x")


if __name__ == "__main__":
    unittest.main()
