#include "broker/topic_page.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace gregor::broker {

TopicPage make_topic_page(PageRequest request, const PartitionCount& count_of) {
  GREGOR_ASSERT(request.partitions_max > 0);
  std::vector<std::string_view>& names = request.topics;
  if (request.from)
    std::erase_if(names, [&](std::string_view name) { return name < request.from->topic; });
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  TopicPage page;
  std::size_t left = request.partitions_max;
  for (const std::string_view name : names) {
    if (left == 0) {
      page.next = PageCursor{name, 0};
      break;
    }
    const std::optional<std::size_t> count = count_of(name);
    TopicPage::Row row{name, count.has_value(), 0, 0};
    if (count) {
      const bool is_cursor = request.from && request.from->topic == name;
      const std::size_t first =
          is_cursor ? static_cast<std::size_t>(request.from->partition) : std::size_t{0};
      row.first = std::min(first, *count);
      row.end = std::min(*count, row.first + left);
    }
    page.rows.push_back(row);
    if (row.end < count.value_or(0)) {
      page.next = PageCursor{name, static_cast<std::int32_t>(row.end)};
      break;
    }
    left -= row.end - row.first;
  }
  return page;
}

}  // namespace gregor::broker
