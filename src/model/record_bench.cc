// Costs per record of what a leader does with a produced batch. Records of 100 bytes, batches of
// 1000. Numbers, not checks: build with -O2 and run `record_bench` on a quiet machine.
#include <benchmark/benchmark.h>

#include "base/crc32c.h"
#include "model/batch_builder.h"
#include "model/batch_validation.h"
#include "model/record.h"

namespace gregor::model {
namespace {

constexpr int records_per_batch = 1000;

std::vector<std::byte> make_batch(Codec codec) {
  BatchBuilder builder({.codec = codec});
  std::vector<std::byte> value(100);
  for (int i = 0; i < records_per_batch; ++i) {
    for (std::size_t j = 0; j < value.size(); ++j) {
      value[j] = static_cast<std::byte>('a' + (j * static_cast<std::size_t>(i)) % 19);
    }
    builder.add({.timestamp = TimestampMs(1'700'000'000'000 + i / 10), .value = value});
  }
  return *builder.finish();
}

void finish(benchmark::State& state, std::size_t batch_bytes) {
  const auto records = static_cast<std::int64_t>(state.iterations()) * records_per_batch;
  state.SetItemsProcessed(records);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * batch_bytes));
  state.counters["s/record"] = benchmark::Counter(
      static_cast<double>(records), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void validate(benchmark::State& state) {
  const auto batch = make_batch(*codec_from_bits(static_cast<int>(state.range(0))));
  ValidationOptions options;
  options.now = TimestampMs(1'700'000'000'000);
  options.timestamp_after_max_ms = 3'600'000;
  for (auto _ : state) {
    const auto facts = validate_batch(batch, options);
    if (!facts) state.SkipWithError("refused");
    benchmark::DoNotOptimize(facts);
  }
  state.SetLabel(std::string(codec_name(*codec_from_bits(static_cast<int>(state.range(0))))));
  finish(state, batch.size());
}
BENCHMARK(validate)->DenseRange(0, 4);

void crc_alone(benchmark::State& state) {
  const auto batch = make_batch(Codec::none);
  for (auto _ : state) benchmark::DoNotOptimize(crc32c(batch));
  finish(state, batch.size());
}
BENCHMARK(crc_alone);

void read_with_cursor(benchmark::State& state) {
  const auto batch = make_batch(Codec::none);
  const auto view = RecordBatchView::parse(batch);
  for (auto _ : state) {
    RecordCursor cursor(view->records());
    for (auto record = cursor.next(); record && *record; record = cursor.next()) {
      benchmark::DoNotOptimize((*record)->value());
    }
  }
  finish(state, batch.size());
}
BENCHMARK(read_with_cursor);

void build(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(make_batch(*codec_from_bits(static_cast<int>(state.range(0)))));
  }
  finish(state, make_batch(Codec::none).size());
}
BENCHMARK(build)->DenseRange(0, 4);

}  // namespace
}  // namespace gregor::model

BENCHMARK_MAIN();
