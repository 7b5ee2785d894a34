"""Tests of the emitted C++ and documents, and of the program around them."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import check
import cpp_types
import emit_cpp
import emit_docs
import generate
import parse

SHEET = """api Thing key 7
versions 0-5
flexible 3+
headers request: h1 v0-2, h2 v3+; response: h0 v0-2, h1 v3+
listeners broker
request
  Name string 0+ ?2+ =null ign
  Items []Item 1-4
    ErrorCode int16 1+
  Epoch int64 3+ #0@3+ =-1
response
  Data records 0+ ?0+
"""


def thing():
    return check.resolve(parse.parse_text(SHEET, "Thing.api"))


def field_of(line):
    field = parse.parse_field(line, "here")
    return field


class EmitTest(unittest.TestCase):
    def test_header(self):
        text = emit_cpp.header(thing())
        for line in (
            "struct ThingRequest {",
            "  struct Item {",
            "    ErrorCode error_code = ErrorCode::none;",
            "  std::optional<std::string_view> name = std::nullopt;",
            "  std::vector<Item> items = {};",
            "  std::int64_t epoch = -1;",
            "  std::optional<Records> data = std::nullopt;",
            "  static constexpr std::int16_t flexible_from = 3;",
            "struct Thing {",
        ):
            self.assertIn(line + "\n", text)

    def test_source(self):
        text = emit_cpp.source(thing())
        for line in (
            "  name = reader.nullable_string(flexible, version >= 2);",
            "  if (version >= 1 && version <= 4) codec::read_structs(reader, version, "
            "reader.array(flexible, 2, sizeof(Item)), items);",
            "  if ((version < 1 || version > 4) && !items.empty()) "
            'writer.fail_absent("ThingRequest.Items");',
            "    if (tag.number == 0) {",
            "  const bool has_epoch = epoch != -1;",
            '  if (version >= 3 && epoch != -1) json.field("epoch", epoch);',
        ):
            self.assertIn(line + "\n", text)
        self.assertNotIn("ThingRequest.Name", text)  # ignorable: dropped silently

    def test_conditions(self):
        within = cpp_types.within
        outer = parse.Versions(2, 9)
        self.assertEqual(within(parse.Versions(0, 20), outer), "")
        self.assertEqual(within(parse.Versions(3, 20), outer), "version >= 3")
        self.assertEqual(within(parse.Versions(0, 4), outer), "version <= 4")
        self.assertEqual(within(parse.Versions(4, 4), outer), "version == 4")
        self.assertIsNone(within(parse.Versions(0, 1), outer))

    def test_defaults(self):
        for line, initial, condition in (
            ("A int32 0+ =0x7fffffff", " = 0x7fffffff", "a == 0x7fffffff"),
            ("A bool 0+ =true", " = true", "a == true"),
            ("A bool 0+", " = false", "!a"),
            ("A uuid 0+", " = {}", "a.is_zero()"),
            ("A string 0+ ?0+", " = std::string_view{}", "(a.has_value() && a->empty())"),
            ("A []int8 0+ ?0+ =null", " = std::nullopt", "!a.has_value()"),
        ):
            field = field_of(line)
            self.assertEqual(
                (cpp_types.initializer(field), cpp_types.is_default(field)), (initial, condition)
            )
        self.assertEqual(cpp_types.negated("!a"), "a")
        self.assertEqual(cpp_types.negated("a == 1"), "a != 1")
        self.assertEqual(cpp_types.negated("a == T{}"), "a != T{}")
        self.assertEqual(cpp_types.negated("(a && b)"), "!(a && b)")

    def test_docs(self):
        text = emit_docs.protocol([thing()])
        self.assertIn(
            "| 7 | [Thing](../src/protocol/schemas/Thing.api) | 0-5 | 3+ |  "
            "| v1, v2 from 3 | v0, v1 from 3 |",
            text,
        )


class GenerateTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        (self.root / "Thing.api").write_text(SHEET, encoding="utf-8")

    def run_generate(self, *argv):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = generate.main([str(self.root), *map(str, argv)])
        return code, out.getvalue(), err.getvalue()

    def test_list_and_out_agree_and_same_files_are_not_touched(self):
        code, names, _ = self.run_generate("--list")
        self.assertEqual(code, 0)
        self.assertEqual(
            names.split(), ["api_key.h", "api_table.cc", "registry.cc", "thing.cc", "thing.h"]
        )
        out = self.root / "out"
        self.run_generate("--out", out)
        self.assertEqual(sorted(path.name for path in out.iterdir()), names.split())
        before = (out / "thing.h").stat().st_mtime_ns
        self.run_generate("--out", out)
        self.assertEqual((out / "thing.h").stat().st_mtime_ns, before)

    def test_check_docs_sees_a_change(self):
        docs = self.root / "protocol.md"
        self.run_generate("--docs", docs)
        self.assertEqual(self.run_generate("--check-docs", docs)[0], 0)
        docs.write_text(docs.read_text(encoding="utf-8") + "x", encoding="utf-8")
        code, _, error = self.run_generate("--check-docs", docs)
        self.assertEqual(code, 1)
        self.assertIn("out of date", error)

    def test_bad_schema_ends_with_the_line(self):
        (self.root / "Bad.api").write_text("api Bad key 8\nwhat\n", encoding="utf-8")
        code, _, error = self.run_generate("--list")
        self.assertEqual(code, 1)
        self.assertIn("Bad.api:2: unknown head line: what", error)


if __name__ == "__main__":
    unittest.main()
