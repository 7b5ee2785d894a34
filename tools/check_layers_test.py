#!/usr/bin/env python3
"""check_layers finds each kind of planted upward include, and nothing in a clean tree."""
import pathlib
import tempfile
import unittest

import check_layers

LAYERS = """# comment
base:
runtime: base
runtime/real: base runtime
storage: base runtime
app: *
test: runtime/real
only <boost/asio runtime/real
"""


class CheckLayers(unittest.TestCase):
    def complaints(self, **files):
        with tempfile.TemporaryDirectory() as root:
            files = {"tools/layers.txt": LAYERS, **files}
            for name, text in files.items():
                path = pathlib.Path(root, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_layers.check(root)

    def check_one(self, name, text, *words):
        found = self.complaints(**{name: text})
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_clean(self):
        self.assertEqual(self.complaints(**{
            "src/base/a.h": "#include <vector>\n", "src/storage/a.h": '#include "base/a.h"\n#include "storage/b.h"\n',
            "src/app/a.cc": '#include "storage/a.h"\n#include "runtime/real/a.h"\n',
            "src/storage/a_test.cc": '#include "runtime/real/a.h"\n', "src/CMakeLists.txt": "",
            "src/runtime/real/a.cc": "#include <boost/asio.hpp>\nnamespace gregor::runtime {}\n"}), [])

    def test_upward_include(self):
        self.check_one("src/base/a.h", '\n#include "storage/a.h"\n', "src/base/a.h:2:", "base may not include storage")

    def test_sideward_include_of_a_sub_folder(self):
        self.check_one("src/runtime/a.h", '#include "runtime/real/a.h"\n', "may not include runtime/real")
        self.check_one("src/storage/a.cc", '#include "runtime/real/a.h"\n', "may not include runtime/real")

    def test_a_test_may_not_include_upwards_either(self):
        self.check_one("src/base/a_test.cc", '#include "storage/a.h"\n', "may not include storage")

    def test_outside_header(self):
        self.check_one("src/storage/a.cc", "#include <boost/asio/ip/tcp.hpp>\n", "belongs into runtime/real only")

    def test_namespace_of_another_layer(self):
        self.check_one("src/base/a.h", "namespace gregor::storage {\nclass Log;\n}\n", "opens namespace gregor::storage")

    def test_folder_that_nobody_has_listed(self):
        self.check_one("src/extra/a.h", "", "no line in tools/layers.txt")


if __name__ == "__main__":
    unittest.main()
