#include "storage/append_preparation.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "base/assert.h"
#include "model/batch_builder.h"

namespace gregor::storage {
namespace {

// Inflating runs at 0.3 to 2 GB/s: below this a hop to another thread costs more.
constexpr std::size_t inflate_inline_bytes_max = std::size_t{16} << 10;
constexpr std::string_view keep_codec = "producer";

/// What compression.type asks for; nullopt = what the producer chose.
std::optional<model::Codec> wanted_codec(const config::TopicConfig& config) {
  if (config.compression_type == keep_codec) return std::nullopt;
  if (config.compression_type == "uncompressed") return model::Codec::none;
  return model::codec_by_name(config.compression_type);
}

std::optional<int> wanted_level(const config::TopicConfig& config, model::Codec codec) {
  switch (codec) {
    case model::Codec::gzip:
      return config.compression_gzip_level;
    case model::Codec::lz4:
      return config.compression_lz4_level;
    case model::Codec::zstd:
      return config.compression_zstd_level;
    case model::Codec::none:
    case model::Codec::snappy:
      break;
  }
  return std::nullopt;
}

tl::unexpected<BatchError> refuse(model::BatchRejection rejection) {
  BatchError error{std::move(rejection.error), rejection.log_consulted, {}};
  error.records.reserve(rejection.records.size());
  for (auto& record : rejection.records) {
    error.records.push_back({record.batch_index, std::move(record.message)});
  }
  return tl::unexpected<BatchError>(std::move(error));
}

tl::unexpected<BatchError> refuse(ErrorCode code, std::string detail) {
  return tl::unexpected<BatchError>(BatchError{{code, std::move(detail)}, true, {}});
}

model::ValidationOptions validation_of(const PreparationOptions& options) {
  const config::TopicConfig& config = *options.config;
  model::ValidationOptions validation;
  validation.timestamp_type =
      config.message_timestamp_type == config::TimestampType::log_append_time
          ? model::TimestampType::log_append_time
          : model::TimestampType::create_time;
  validation.now = options.now;
  validation.timestamp_before_max_ms = config.message_timestamp_before_max_ms;
  validation.timestamp_after_max_ms = config.message_timestamp_after_max_ms;
  validation.keys_required = config.cleanup_compact;
  validation.batch_bytes_max = static_cast<std::size_t>(config.max_message_bytes);
  validation.partition = options.partition;
  return validation;
}

/// @return the batch under another codec; nullopt if the one it has is wanted
AppendResult<std::optional<std::vector<std::byte>>> recompressed(
    const model::RecordBatchView& batch, const PreparationOptions& options) {
  const config::TopicConfig& config = *options.config;
  const auto codec = wanted_codec(config);
  if (!codec || codec == batch.codec()) return std::nullopt;
  auto bytes = model::recompress(batch, {.codec = *codec, .level = wanted_level(config, *codec)});
  if (!bytes) return refuse(bytes.error().code, std::move(bytes.error().detail));
  if (bytes->size() > static_cast<std::size_t>(config.max_message_bytes)) {
    return refuse(ErrorCode::message_too_large,
                  fmt::format("the batch for {} has {} bytes once recompressed, {} are allowed",
                              options.partition, bytes->size(), config.max_message_bytes));
  }
  return std::move(*bytes);
}

/// Leaves only timestamps that the records bear out, or the time of the append.
void settle_timestamps(PreparedBatch& batch, const PreparationOptions& options) {
  if (options.config->message_timestamp_type == config::TimestampType::log_append_time) {
    model::set_append_time(batch.bytes, options.now);
    batch.facts.max_timestamp = options.now;
  } else if (batch.facts.header_needs_fix) {
    model::set_create_time(batch.bytes, batch.facts.max_timestamp);
  }
}

}  // namespace

bool is_slow_to_prepare(ByteView records_field, const config::TopicConfig& config) {
  const auto batch = model::RecordBatchView::parse(records_field);
  if (!batch) return false;  // it will be refused at once
  const auto codec = wanted_codec(config);
  if (codec && batch->codec() != codec) return true;
  return batch->codec_bits() != 0 && batch->size_bytes() > inflate_inline_bytes_max;
}

AppendResult<PreparedBatch> prepare_append(ByteSpan records_field,
                                           const PreparationOptions& options) {
  auto alone = model::single_produced_batch(records_field, {});
  if (!alone) return refuse(std::move(alone.error()));
  PreparedBatch prepared;
  prepared.bytes = records_field.first(alone->size());
  auto facts = model::validate_batch(prepared.bytes, validation_of(options));
  if (!facts) return refuse(std::move(facts.error()));
  prepared.facts = *facts;

  const auto batch = model::RecordBatchView::parse(prepared.bytes);
  GREGOR_ASSERT(batch.has_value());
  if (batch->has_producer_id()) {
    prepared.producer.producer = batch->producer_id();
    prepared.producer.epoch = batch->producer_epoch();
    prepared.producer.base_sequence = batch->base_sequence();
    prepared.producer.is_transactional = batch->is_transactional();
  }
  auto other = recompressed(*batch, options);
  if (!other) return tl::unexpected<BatchError>(std::move(other.error()));
  if (*other) {
    prepared.owned = std::move(**other);
    prepared.bytes = prepared.owned;
  }
  settle_timestamps(prepared, options);
  return prepared;
}

PreparedBatch prepare_end_marker(model::EndMarker marker, const PreparationOptions& options) {
  marker.timestamp = options.now;
  PreparedBatch prepared;
  prepared.owned = model::make_end_marker_batch(marker);
  prepared.bytes = prepared.owned;
  prepared.facts.record_count = 1;
  prepared.facts.max_timestamp = marker.timestamp;
  prepared.producer.producer = marker.producer;
  prepared.marker = marker;
  settle_timestamps(prepared, options);
  return prepared;
}

}  // namespace gregor::storage
