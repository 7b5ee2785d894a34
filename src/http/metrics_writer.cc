#include "http/metrics_writer.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <cstddef>
#include <limits>
#include <vector>

#include "base/assert.h"

namespace gregor::http {
namespace {

/// Length of the UTF-8 sequence at the front, 0 if there is none (overlong forms and surrogates are
/// left to the reader, who knows them as such).
std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t size = lead < 0x80   ? 1
                           : lead < 0xC2 ? 0
                           : lead < 0xE0 ? 2
                           : lead < 0xF0 ? 3
                                         : 4;
  if (size == 0 || lead > 0xF4 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return size;
}

std::string readable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t size = utf8_length(text);
    if (size == 0) out += "\xEF\xBF\xBD";
    if (size > 0) out += text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

prometheus::MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter:
      return prometheus::MetricType::Counter;
    case MetricKind::gauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::histogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

double seconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

prometheus::ClientMetric metric_with(MetricsWriter::Labels labels) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels)
    metric.label.push_back({std::string(name), readable(value)});
  return metric;
}

}  // namespace

struct MetricsWriter::Family : prometheus::MetricFamily {};

MetricsWriter::MetricsWriter() : family_(std::make_unique<Family>()) {}
MetricsWriter::~MetricsWriter() = default;

void MetricsWriter::family(MetricKind kind, std::string_view name, std::string_view help) {
  write_family();
  family_->name = name;
  family_->help = help;
  family_->type = type_of(kind);
}

void MetricsWriter::sample(Labels labels, double value) {
  GREGOR_ASSERT(!family_->name.empty());
  auto metric = metric_with(labels);
  metric.counter.value = metric.gauge.value = value;
  family_->metric.push_back(std::move(metric));
}

void MetricsWriter::sample(Labels labels, const DurationHistogram& durations) {
  GREGOR_ASSERT(family_->type == prometheus::MetricType::Histogram);
  auto metric = metric_with(labels);
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < DurationHistogram::bounds.size(); ++i) {
    below += durations.in_bucket(i);
    metric.histogram.bucket.push_back({below, seconds(DurationHistogram::bounds[i])});
  }
  metric.histogram.sample_count = below + durations.in_bucket(DurationHistogram::bounds.size());
  metric.histogram.bucket.push_back(
      {metric.histogram.sample_count, std::numeric_limits<double>::infinity()});
  metric.histogram.sample_sum = seconds(durations.sum());
  family_->metric.push_back(std::move(metric));
}

void MetricsWriter::single(MetricKind kind, std::string_view name, std::string_view help,
                           double value) {
  family(kind, name, help);
  sample({}, value);
}

void MetricsWriter::write_family() {
  std::vector<prometheus::MetricFamily> one;
  one.push_back(std::move(*family_));
  if (!one.front().metric.empty()) prometheus::TextSerializer().Serialize(out_, one);
  *family_ = Family();
}

std::string MetricsWriter::take() {
  write_family();
  std::string text = std::move(out_).str();
  out_ = std::ostringstream();
  return text;
}

}  // namespace gregor::http
