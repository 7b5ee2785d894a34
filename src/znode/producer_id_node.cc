#include "znode/producer_id_node.h"

#include "znode/json_reader.h"

namespace gregor::znode {

std::string encode(const ProducerIdBlock& block) {
  boost::json::object object;
  object["version"] = 1;
  object["broker"] = block.broker.value();
  // Text: readers of JSON elsewhere keep numbers as doubles.
  object["block_start"] = std::to_string(block.first);
  object["block_end"] = std::to_string(block.last);
  return boost::json::serialize(object);
}

Result<ProducerIdBlock> decode_producer_id_block(std::string_view path, std::string_view json) {
  JsonReader reader(path, json);
  if (!reader.ok()) return reader.fault();
  ProducerIdBlock block;
  block.broker = model::BrokerId(reader.int32("broker"));
  block.first = reader.int64_text_or("block_start", -1);
  block.last = reader.int64_text_or("block_end", -1);
  if (block.first < 0 || block.last < block.first) reader.blame("the block holds no ids");
  if (!reader.ok()) return reader.fault();
  return block;
}

}  // namespace gregor::znode
