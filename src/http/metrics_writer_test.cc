// Prometheus' text format: families, escaping, histograms.
#include "http/metrics_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace gregor::http {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(MetricsWriter, FamiliesInTheirOrder) {
  MetricsWriter out;
  out.single(MetricKind::gauge, "a_bytes", "First.", 1.5);
  out.family(MetricKind::counter, "left_out_total", "No samples.");
  out.family(MetricKind::counter, "b_total", "Second.");
  out.sample({{"api", "Fetch"}}, 9007199254740992.0);
  out.sample({{"api", "Produce"}, {"error", "NONE"}}, 0);
  EXPECT_EQ(out.take(),
            "# HELP a_bytes First.\n# TYPE a_bytes gauge\na_bytes 1.5\n"
            "# HELP b_total Second.\n# TYPE b_total counter\n"
            "b_total{api=\"Fetch\"} 9007199254740992\n"
            "b_total{api=\"Produce\",error=\"NONE\"} 0\n");
  EXPECT_EQ(out.take(), "");
}

TEST(MetricsWriter, LabelsAreEscaped) {
  MetricsWriter out;
  out.family(MetricKind::gauge, "a", "A.");
  out.sample({{"dir", "/we\"ird\\dir\nx{} 1\n"}}, 1);
  out.sample({{"dir", "bad \xff\xc3 and good \xc3\xa9"}}, 2);
  const std::string text = out.take();
  EXPECT_THAT(text, HasSubstr("a{dir=\"/we\\\"ird\\\\dir\\nx{} 1\\n\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("\"bad \xEF\xBF\xBD\xEF\xBF\xBD and good \xc3\xa9\""));
}

TEST(MetricsWriter, HistogramsAreCumulative) {
  DurationHistogram durations;
  durations.add(100us);
  durations.add(101us);
  durations.add(20s);
  MetricsWriter out;
  out.family(MetricKind::histogram, "d_seconds", "D.");
  out.sample({{"api", "X"}}, durations);
  const std::string text = out.take();
  EXPECT_THAT(text, HasSubstr("d_seconds_count{api=\"X\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_sum{api=\"X\"} 20.000201\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{api=\"X\",le=\"0.0001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{api=\"X\",le=\"0.00025\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{api=\"X\",le=\"10\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("d_seconds_bucket{api=\"X\",le=\"+Inf\"} 3\n"));
}

}  // namespace
}  // namespace gregor::http
