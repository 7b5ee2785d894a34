#include "config/key_names.h"

#include <algorithm>
#include <array>
#include <vector>

#include "config/option_tables.h"
#include "config/option_value.h"

namespace gregor::config {
namespace {

constexpr std::string_view environment_prefix = "GREGOR_";
constexpr std::string_view own_prefix = "gregor.";
constexpr std::string_view listener_prefix = "listener.name.";
constexpr std::size_t compared_length_max = 128;

/// All names that may stand in a file.
std::vector<std::string_view> all_names() {
  std::vector<std::string_view> names;
  for (const auto& option : broker_options()) names.push_back(option.name);
  for (const auto& key : known_keys()) names.push_back(key.name);
  return names;
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

/// "log.retention.ms" -> "LOG_RETENTION_MS".
std::string environment_form(std::string_view key) {
  std::string form(key);
  for (char& c : form) {
    if (c >= 'a' && c <= 'z') {
      c = static_cast<char>(c - ('a' - 'A'));
    } else if (c == '.' || c == '-') {
      c = '_';
    }
  }
  return form;
}

}  // namespace

KeyKind kind_of_key(std::string_view key) {
  if (find_broker_option(key) != nullptr) return KeyKind::option;
  if (const auto* known = find_known_key(key); known != nullptr)
    return known->treatment == Treatment::senseless ? KeyKind::senseless : KeyKind::known;
  return key.starts_with(listener_prefix) ? KeyKind::known : KeyKind::unknown;
}

bool is_secret_key(std::string_view key) {
  if (const auto* known = find_known_key(key); known != nullptr) return known->is_secret();
  if (find_broker_option(key) != nullptr) return false;
  constexpr std::array<std::string_view, 4> words{"password", "secret", "jaas", "key"};
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) {
    return key.find(word) != std::string_view::npos;
  });
}

std::optional<std::string> nearest_key(std::string_view key) {
  if (const auto* topic = find_topic_option(key); topic != nullptr && !topic->synonyms.empty()) {
    return split_list(topic->synonyms).front();
  }
  if (key.size() > compared_length_max) return std::nullopt;
  std::optional<std::string> nearest;
  std::size_t distance_min = std::max<std::size_t>(2, key.size() / 4) + 1;
  for (const auto name : all_names()) {
    const std::size_t distance = edit_distance(key, name);
    if (distance >= distance_min || distance >= name.size()) continue;
    distance_min = distance;
    nearest = name;
  }
  return nearest;
}

std::optional<std::string> key_of_environment_variable(std::string_view variable) {
  if (!variable.starts_with(environment_prefix)) return std::nullopt;
  const std::string_view form = variable.substr(environment_prefix.size());
  for (const auto name : all_names()) {
    if (environment_form(name) == form) return std::string(name);
    if (name.starts_with(own_prefix) && environment_form(name.substr(own_prefix.size())) == form) {
      return std::string(name);
    }
  }
  std::string key(form);
  for (char& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
    if (c == '_') c = '.';
  }
  return key;
}

}  // namespace gregor::config
