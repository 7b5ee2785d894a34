#!/usr/bin/env python3
"""Each rule of tidy finds a planted violation; a clean tree has none; an exception silences exactly one."""
import pathlib
import tempfile
import unittest

import tidy

HEADER = "// What it is.\n#pragma once\n"
README = "line\n" * 12
CLEAN = {
    "src/base/CMakeLists.txt": "", "src/base/README.md": README, "src/base/a.h": HEADER,
    "src/base/a.cc": '#include "base/a.h"\nint f(int a, int b) { return a; }\n',
}


class TidyRules(unittest.TestCase):
    def complaints(self, **files):
        with tempfile.TemporaryDirectory() as root:
            for name, text in {**CLEAN, **files}.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return tidy.Tidy(root).check()

    def check_rule(self, rule, name, text):
        found = self.complaints(**{name: text})
        self.assertEqual(len(found), 1, found)
        self.assertIn(f"[{rule}]", found[0])
        self.assertIn(name.rsplit("/", 1)[0], found[0])

    def test_clean(self):
        self.assertEqual(self.complaints(), [])

    def test_sizes(self):
        self.check_rule("file-size", "src/base/b.cc", "\n" * 601)
        self.check_rule("file-size", "src/base/b_test.cc", "\n" * 801)
        self.check_rule("function-size", "src/base/b.cc", "void f() {\n" + "  g();\n" * 69 + "}\n")
        self.assertEqual(self.complaints(**{"src/base/b.cc": "void f() {\n" + "  g();\n" * 68 + "}\n"}), [])

    def test_parameters(self):
        self.check_rule("parameters", "src/base/b.cc", "void f(int a, int b, int c, int d, int e, int g) {}\n")
        self.check_rule("parameters", "src/base/b.cc", "B::B(int a, int b, int c, int d, int e, int g, int h) {}\n")
        self.assertEqual(self.complaints(**{"src/base/b.cc": "B::B(int a, int b, int c, int d, int e, int g) {}\n"}), [])

    def test_banned_calls(self):
        for call in ("rand()", "std::thread t(f)", "auto t = Clock::now()", "fsync(1)", "sleep(1)", "usleep(1)",
                     "std::this_thread::sleep_for(d)", "std::cout << 1", "throw 1", "(void)f()", "::pwritev(1, 2, 3, 4)",
                     "std::mutex m", "std::random_device d"):
            self.check_rule("banned-call", "src/storage/b.cc", f"void f() {{ {call}; }}\n")
        self.assertEqual(self.complaints(**{"src/storage/b_test.cc": "void f() { rand(); }\n"}), [])
        self.assertEqual(self.complaints(**{"src/runtime/b.cc": "void f() { fsync(1); }\n"}), [])
        self.assertEqual(self.complaints(**{"src/storage/b.cc": "// rand()\nvoid f() { p.sleep(1); }\n"}), [])

    def test_names_and_words(self):
        self.check_rule("class-name", "src/base/b.cc", "class LogManager {};\n")
        self.check_rule("banned-text", "src/base/b.cc", "// see iss" + "ue 12\n")
        self.check_rule("banned-text", "docs/x.md", "/wor" + "k/main\n")
        self.check_rule("banned-text", "src/base/b.cc", "// TO" + "DO\n")

    def test_order(self):
        text = "std::unordered_map<int, long> all_;\nvoid f() { for (auto& [a, b] : all_) g(a); }\n"
        self.check_rule("unordered-iteration", "src/controller/b.cc", text)
        self.assertEqual(self.complaints(**{"src/storage/b.cc": text}), [])

    def test_headers(self):
        self.check_rule("pragma-once", "src/base/a.h", "// What.\n")
        self.check_rule("file-comment", "src/base/a.h", "#pragma once\n")
        self.check_rule("dead-file", "src/base/b.h", HEADER)

    def test_readme(self):
        self.check_rule("readme", "src/storage/CMakeLists.txt", "")
        self.check_rule("readme", "src/base/README.md", "short\n")

    def test_exceptions(self):
        broken = {"src/base/b.cc": "void f() { rand(); }\n", "src/base/c.cc": "void f() { rand(); }\n"}
        excused = self.complaints(**broken, **{"tools/tidy_exceptions.txt": "banned-call src/base/b.cc because\n"})
        self.assertEqual(len(excused), 1)
        self.assertIn("src/base/c.cc", excused[0])
        self.assertEqual(len(self.complaints(**{"tools/tidy_exceptions.txt": "banned-call src/base/b.cc\n"})), 1)


if __name__ == "__main__":
    unittest.main()
