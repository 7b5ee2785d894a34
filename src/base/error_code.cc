#include "base/error_code.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <unordered_map>

namespace gregor {
namespace {

struct Row {
  ErrorCode code;
  std::string name;
  bool retriable;
  bool refresh;
};

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

const std::unordered_map<std::int16_t, Row>& rows() {
  static const std::unordered_map<std::int16_t, Row> table = {
#define GREGOR_ERROR(code, name, retriable, refresh) \
  {std::int16_t{code}, Row{ErrorCode::name, upper(#name), retriable, refresh}},
#include "base/error_codes.def"
#undef GREGOR_ERROR
  };
  return table;
}

const Row& row(ErrorCode code) {
  auto found = rows().find(static_cast<std::int16_t>(code));
  return found != rows().end() ? found->second : rows().at(-1);
}

}  // namespace

std::string_view error_name(ErrorCode code) { return row(code).name; }
bool is_retriable(ErrorCode code) { return row(code).retriable; }
bool invalidates_metadata(ErrorCode code) { return row(code).refresh; }

}  // namespace gregor
