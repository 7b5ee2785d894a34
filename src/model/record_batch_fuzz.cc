// Fuzz target (libFuzzer) over everything that reads batches from outside: the records field of a
// Produce request, each codec, records and headers. Beyond "no crash" it checks that what
// validation accepts can be read, and recompressed to the same records.
#include <cstdint>

#include "base/assert.h"
#include "base/crc32c.h"
#include "model/batch_builder.h"
#include "model/batch_search.h"
#include "model/batch_validation.h"
#include "model/record.h"

namespace gregor::model {
namespace {

constexpr std::size_t fuzz_inflated_bytes_max = std::size_t{1} << 20;

void walk_records_of(const RecordBatchView& batch, bool must_be_good) {
  const auto records = inflate_records(batch, fuzz_inflated_bytes_max);
  GREGOR_ASSERT(records.has_value() || !must_be_good);
  if (!records) return;
  RecordCursor cursor(*records);
  std::int32_t count = 0;
  for (;;) {
    const auto record = cursor.next();
    GREGOR_ASSERT(record.has_value() || !must_be_good);
    if (!record || !*record) break;
    ++count;
    HeaderCursor headers = (*record)->headers();
    std::int32_t header_count = 0;
    while (headers.next()) ++header_count;
    GREGOR_ASSERT(header_count == (*record)->header_count());
  }
  GREGOR_ASSERT(!must_be_good || count == batch.record_count());
}

void check_accepted(const RecordBatchView& batch) {
  walk_records_of(batch, true);
  for (int bits = 0; bits < 5; ++bits) {
    const Recompression wanted{*codec_from_bits(bits), std::nullopt, fuzz_inflated_bytes_max};
    const auto other = recompress(batch, wanted);
    GREGOR_ASSERT(other.has_value());
    const auto view = check_batch(*other);
    GREGOR_ASSERT(view.has_value());
    GREGOR_ASSERT(*inflate_records(*view) == *inflate_records(batch));
  }
}

void run(ByteView input) {
  // The CRC is made good, or no input would get past it.
  std::vector<std::byte> bytes(input.begin(), input.end());
  if (bytes.size() >= batch_layout::header_bytes) {
    store_be(bytes.data() + batch_layout::crc_at,
             crc32c(ByteView(bytes).subspan(batch_layout::attributes_at)));
  }
  const auto produced = single_produced_batch(bytes, {});
  if (!produced) return;
  ValidationOptions options;
  options.inflated_bytes_max = fuzz_inflated_bytes_max;
  options.keys_required = bytes.back() == std::byte{0};
  const auto batch = RecordBatchView::parse(*produced);
  GREGOR_ASSERT(batch.has_value());
  const auto facts = validate_batch(*produced, options);
  if (facts) {
    check_accepted(*batch);
  } else {
    walk_records_of(*batch, false);
  }
  const auto found = find_timestamp(*batch, {TimestampMs(0), Offset(0), fuzz_inflated_bytes_max});
  GREGOR_ASSERT(found.has_value() || !facts.has_value());
}

}  // namespace
}  // namespace gregor::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gregor::model::run({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
