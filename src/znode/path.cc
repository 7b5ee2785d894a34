#include "znode/path.h"

#include <cstdint>
#include <optional>

namespace gregor::znode::path {
namespace {

std::string below(std::string_view parent_path, std::string_view child) {
  std::string result;
  result.reserve(parent_path.size() + 1 + child.size());
  result.append(parent_path).append("/").append(child);
  return result;
}

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 0;
};

// The code point at the front of `text`, which is not empty; nullopt if it is not well-formed
// UTF-8. Surrogates and overlong forms are left to the caller and to the range check below.
std::optional<CodePoint> front_code_point(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return CodePoint{lead, 1};
  if (lead < 0xc2 || lead > 0xf4) return std::nullopt;
  const std::size_t bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (text.size() < bytes) return std::nullopt;
  std::uint32_t value = lead & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0) != 0x80) return std::nullopt;
    value = (value << 6) | (next & 0x3fu);
  }
  const std::uint32_t least = bytes == 2 ? 0x80 : bytes == 3 ? 0x800 : 0x10000;
  if (value < least || value > 0x10ffff) return std::nullopt;
  return CodePoint{value, bytes};
}

bool is_allowed(std::uint32_t c) {
  if (c <= 0x1f || (c >= 0x7f && c <= 0x9f)) return false;
  return !(c >= 0xd800 && c <= 0xf8ff) && !(c >= 0xfff0 && c <= 0xffff);
}

tl::unexpected<Error> illegal(std::string_view path, std::string_view reason) {
  return fail(ErrorCode::invalid_request,
              "illegal path '" + std::string(path.substr(0, 300)) + "': " + std::string(reason));
}

const char* fault_of_component(std::string_view component) {
  if (component.empty()) return "empty component";
  if (component == "." || component == "..") return "relative component";
  for (std::string_view rest = component; !rest.empty();) {
    const auto c = front_code_point(rest);
    if (!c) return "not UTF-8";
    if (!is_allowed(c->value)) return "character that is not allowed";
    rest.remove_prefix(c->bytes);
  }
  return nullptr;
}

}  // namespace

std::string broker_id(model::BrokerId id) { return below(broker_ids, std::to_string(id.value())); }

std::string topic(std::string_view topic) { return below(broker_topics, topic); }

std::string partitions(std::string_view topic_name) {
  return below(topic(topic_name), "partitions");
}

std::string partition(std::string_view topic_name, model::PartitionIndex partition) {
  return below(partitions(topic_name), std::to_string(partition.value()));
}

std::string partition_state(std::string_view topic_name, model::PartitionIndex index) {
  return below(partition(topic_name, index), "state");
}

std::string topic_config(std::string_view topic) { return below(config_topics, topic); }

std::string delete_topic(std::string_view topic) { return below(delete_topics, topic); }

std::string_view parent(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos || slash == 0 ? std::string_view("/")
                                                       : path.substr(0, slash);
}

std::string_view name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

Result<void> check(std::string_view path) {
  if (path.empty() || path.front() != '/') return illegal(path, "does not start with '/'");
  if (path == "/") return {};
  std::string_view rest = path.substr(1);
  for (;;) {
    const auto slash = rest.find('/');
    if (const char* fault = fault_of_component(rest.substr(0, slash))) return illegal(path, fault);
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

}  // namespace gregor::znode::path
