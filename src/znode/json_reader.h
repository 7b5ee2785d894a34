// Reads fields of a JSON object and remembers the first thing that is wrong. Only for the .cc files
// of this folder.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gregor::znode {

/// Getters give a default after a fault; the caller looks at fault() once, at the end. Faults name
/// the node's path.
class JsonReader {
 public:
  JsonReader(std::string_view path, std::string_view text) : path_(path) {
    boost::system::error_code error;
    root_ = boost::json::parse({text.data(), text.size()}, error);
    if (error) {
      blame("not JSON: " + error.message());
    } else if (!root_.is_object()) {
      blame("not a JSON object");
    }
  }

  [[nodiscard]] const boost::json::value* find(std::string_view key) const {
    const auto* object = root_.if_object();
    return object == nullptr ? nullptr : object->if_contains({key.data(), key.size()});
  }

  std::int64_t int64(std::string_view key) {
    const auto* value = required(key);
    return value == nullptr ? 0 : to_int64(*value, key);
  }
  std::int32_t int32(std::string_view key) { return narrow(int64(key), key); }
  std::int32_t int32_or(std::string_view key, std::int32_t otherwise) {
    return find(key) == nullptr ? otherwise : int32(key);
  }
  std::string string(std::string_view key) {
    const auto* value = required(key);
    if (value == nullptr) return {};
    if (!value->is_string()) {
      blame("'" + std::string(key) + "' is not a string");
      return {};
    }
    return std::string(value->get_string());
  }
  /// A number that is kept as text; absent and null give `otherwise`.
  std::int64_t int64_text_or(std::string_view key, std::int64_t otherwise) {
    const auto* value = find(key);
    if (value == nullptr || value->is_null()) return otherwise;
    if (!value->is_string()) return to_int64(*value, key);
    return parse_number({value->get_string().data(), value->get_string().size()}, key);
  }
  std::optional<std::string> string_or_null(std::string_view key) {
    const auto* value = find(key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return string(key);
  }
  /// Absent: nullptr without a fault unless `must`.
  const boost::json::object* object(std::string_view key, bool must) {
    const auto* value = must ? required(key) : find(key);
    if (value == nullptr) return nullptr;
    if (!value->is_object()) blame("'" + std::string(key) + "' is not an object");
    return value->if_object();
  }
  std::vector<std::int32_t> int32_list(const boost::json::value& value, std::string_view key) {
    std::vector<std::int32_t> list;
    const auto* array = value.if_array();
    if (array == nullptr) {
      blame("'" + std::string(key) + "' is not a list");
      return list;
    }
    list.reserve(array->size());
    for (const auto& element : *array) list.push_back(narrow(to_int64(element, key), key));
    return list;
  }
  /// A decimal number in text, e.g. the number of a partition as a key.
  std::int64_t parse_number(std::string_view text, std::string_view key) {
    const std::string copy(text);
    std::size_t used = 0;
    const bool shape =
        !copy.empty() && copy.size() <= 18 &&
        copy.find_first_not_of("0123456789", copy[0] == '-' ? 1 : 0) == std::string::npos &&
        copy != "-";
    const std::int64_t number = shape ? std::stoll(copy, &used) : 0;
    if (!shape) blame("'" + std::string(key) + "' holds no number");
    return number;
  }
  std::int32_t narrow(std::int64_t number, std::string_view key) {
    if (number < std::numeric_limits<std::int32_t>::min() ||
        number > std::numeric_limits<std::int32_t>::max()) {
      blame("'" + std::string(key) + "' is out of range");
      return 0;
    }
    return static_cast<std::int32_t>(number);
  }

  void blame(std::string reason) {
    if (fault_.empty()) fault_ = std::move(reason);
  }
  [[nodiscard]] bool ok() const { return fault_.empty(); }
  [[nodiscard]] tl::unexpected<Error> fault() const {
    return fail(ErrorCode::unknown_server_error, path_ + ": " + fault_);
  }

 private:
  const boost::json::value* required(std::string_view key) {
    const auto* value = find(key);
    if (value == nullptr) blame("'" + std::string(key) + "' is missing");
    return value;
  }
  std::int64_t to_int64(const boost::json::value& value, std::string_view key) {
    if (value.is_int64()) return value.get_int64();
    blame("'" + std::string(key) + "' is not an integer");
    return 0;
  }

  std::string path_;
  boost::json::value root_;
  std::string fault_;
};

}  // namespace gregor::znode
