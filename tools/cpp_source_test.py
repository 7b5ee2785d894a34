#!/usr/bin/env python3
"""What cpp_source takes for a function, and what not."""
import pathlib
import unittest

import cpp_source

SOURCE = '''// f() { }
#define M(x) \\
  if (x) {
namespace a {
class B : public C<int(long)> {
 public:
  explicit B(int one, std::map<int, long> two = {}) : one_(one), two_(two) {}
  [[nodiscard]] int one() const { return one_; }
  enum class E { x, y };
 private:
  int one_{5};
  const char* text_ = "int f() {";
};
template <class T, int n = (1)>
Result<T> free_function(const T& value,
                        std::function<void(int, int)> done) {
  auto lambda = [](int x) { return x; };
  if (value) {
    return '{';
  }
  return R"x(} ")x";
}
const int table[] = {f(1), 2};
B::B(int one) : one_(one) {
}
bool operator==(const B& a, const B& b) { return 1'000 == 2; }
TEST(Suite, Name) {
  EXPECT_EQ(1, 1);
}
}
'''


class CppSource(unittest.TestCase):
    def test_functions(self):
        found = {f.name: f for f in cpp_source.functions(SOURCE)}
        self.assertEqual(set(found), {"B", "one", "free_function", "B::B", "operator==", "TEST"})
        self.assertEqual((found["free_function"].line, found["free_function"].lines), (14, 9))
        self.assertEqual(found["free_function"].parameters, 2)
        self.assertEqual(found["B"].parameters, 2)
        self.assertTrue(found["B"].is_constructor and found["B::B"].is_constructor)
        self.assertFalse(found["one"].is_constructor)
        self.assertEqual(found["one"].parameters, 0)

    def test_comments_and_literals_are_blanked_in_place(self):
        text = 'int a; // rand()\n/* x\n y */ f("rand()"); int b = 1\'000; char c = \'"\';'
        plain = cpp_source.without_comments(text)
        self.assertNotIn("rand", plain)
        self.assertNotIn("y", plain)
        self.assertEqual(len(plain), len(text))
        self.assertEqual(plain.count("\n"), text.count("\n"))
        self.assertIn("1'000; char c", plain)

    def test_which_files_are_tests(self):
        for name, expected in (("src/a/b_test.cc", True), ("src/a/test_batches.h", True), ("src/a/b_fuzz.cc", True),
                               ("tests/x/y.cc", True), ("src/a/b.cc", False), ("src/a/testing.cc", False)):
            self.assertEqual(cpp_source.is_test(pathlib.Path(name)), expected, name)


if __name__ == "__main__":
    unittest.main()
