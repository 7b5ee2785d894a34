// configuration_docs FILE [--update]: says whether FILE is in step with the option tables; with
// --update, rewrites it.
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "config/documentation.h"

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3 || (argc == 3 && std::string_view(argv[2]) != "--update")) {
    std::cerr << "usage: configuration_docs FILE [--update]\n";
    return 2;
  }
  const std::string wanted = gregor::config::configuration_markdown();
  if (argc == 3) {
    std::ofstream file(argv[1], std::ios::binary);
    file << wanted;
    file.close();
    if (file.fail()) std::cerr << "cannot write " << argv[1] << "\n";
    return file.fail() ? 1 : 0;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::string found{std::istreambuf_iterator<char>(file), {}};
  if (found == wanted) return 0;
  std::cerr << argv[1] << " is not in step with the option tables of src/config/: run ./dev docs\n";
  return 1;
}
