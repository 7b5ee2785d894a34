// MetricsWriter: Prometheus' text format, version 0.0.4, by prometheus-cpp's serializer, whose
// headers are included in metrics_writer.cc only.
#pragma once

#include <initializer_list>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "base/duration_histogram.h"

namespace gregor::http {

enum class MetricKind { counter, gauge, histogram };

/// Usage: family(...), sample(...) for each label set, family(...), ... take(). A family without
/// samples is left out. Values of labels may hold any bytes: they are escaped, and what is not
/// UTF-8 becomes U+FFFD.
///
/// Thread: one at a time. Memory: the text, and the samples of one family.
class MetricsWriter {
 public:
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  MetricsWriter();
  ~MetricsWriter();
  MetricsWriter(const MetricsWriter&) = delete;
  MetricsWriter& operator=(const MetricsWriter&) = delete;

  /// Starts a family. Names follow Prometheus' rules: base unit last, counters end in _total.
  void family(MetricKind kind, std::string_view name, std::string_view help);
  void sample(Labels labels, double value);
  /// A histogram's buckets, sum and count, in seconds.
  void sample(Labels labels, const DurationHistogram& durations);
  /// A family with one sample and no label.
  void single(MetricKind kind, std::string_view name, std::string_view help, double value);

  /// The whole page; the writer is empty afterwards.
  [[nodiscard]] std::string take();

 private:
  struct Family;
  void write_family();

  std::unique_ptr<Family> family_;
  std::ostringstream out_;
};

}  // namespace gregor::http
