#include "model/topic_name.h"

#include <algorithm>
#include <string>

namespace gregor::model {
namespace {

// Independent of the locale, unlike std::isalnum.
bool is_topic_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

char collision_form(char c) { return c == '.' ? '_' : c; }

tl::unexpected<Error> invalid_name(std::string reason) {
  return fail(ErrorCode::invalid_topic_exception, "Topic name is invalid: " + std::move(reason));
}

}  // namespace

Result<void> check_topic_name(std::string_view name) {
  if (name.empty()) return invalid_name("the empty string is not allowed");
  constexpr std::size_t quoted_bytes_max = 500;  // the message has to fit into an answer
  const auto quoted = [name] {
    return '\'' + std::string(name.substr(0, quoted_bytes_max)) + '\'';
  };
  if (name == "." || name == "..") return invalid_name(quoted() + " is not allowed");
  if (name.size() > topic_name_chars_max) {
    return invalid_name("the length of " + quoted() + " is longer than the max allowed length 249");
  }
  if (!std::all_of(name.begin(), name.end(), is_topic_char)) {
    return invalid_name(
        quoted() +
        " contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'");
  }
  return {};
}

bool topic_names_collide(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return collision_form(x) == collision_form(y); });
}

bool is_internal_topic(std::string_view name) {
  return name == consumer_offsets_topic || name == transaction_state_topic ||
         name == share_group_state_topic;
}

}  // namespace gregor::model
