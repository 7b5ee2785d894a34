#include "znode/broker_node.h"

#include "znode/json_reader.h"

namespace gregor::znode {
namespace {

constexpr std::int32_t registration_version = 5;

const model::BrokerEndpoint* first_plaintext(const BrokerRegistration& registration) {
  for (const auto& endpoint : registration.endpoints) {
    const auto protocol = registration.security_protocols.find(endpoint.listener);
    if (protocol != registration.security_protocols.end() && protocol->second == "PLAINTEXT") {
      return &endpoint;
    }
  }
  return nullptr;
}

void read_endpoints(JsonReader& reader, BrokerRegistration& registration) {
  const auto* list = reader.find("endpoints");
  if (list == nullptr || list->is_null()) {  // version 1 has only host and port
    if (auto host = reader.string_or_null("host")) {
      registration.endpoints.push_back({"PLAINTEXT", *host, reader.int32("port")});
    }
    return;
  }
  if (!list->is_array()) return reader.blame("'endpoints' is not a list");
  for (const auto& element : list->get_array()) {
    if (!element.is_string()) return reader.blame("'endpoints' holds what is not a string");
    auto endpoint = parse_endpoint({element.get_string().data(), element.get_string().size()});
    if (!endpoint) return reader.blame(endpoint.error().detail);
    registration.endpoints.push_back(std::move(*endpoint));
  }
}

void read_protocols(JsonReader& reader, BrokerRegistration& registration) {
  const auto* map = reader.object("listener_security_protocol_map", false);
  if (map == nullptr) {  // before version 4 a listener's name is its protocol
    for (const auto& endpoint : registration.endpoints) {
      registration.security_protocols[endpoint.listener] = endpoint.listener;
    }
    return;
  }
  for (const auto& [listener, protocol] : *map) {
    if (!protocol.is_string()) return reader.blame("a security protocol is not a string");
    registration.security_protocols[std::string(listener)] = std::string(protocol.get_string());
  }
}

void read_features(JsonReader& reader, BrokerRegistration& registration) {
  const auto* map = reader.object("features", false);
  if (map == nullptr) return;
  for (const auto& [feature, range] : *map) {
    const auto* object = range.if_object();
    const auto* min = object == nullptr ? nullptr : object->if_contains("min_version");
    const auto* max = object == nullptr ? nullptr : object->if_contains("max_version");
    if (min == nullptr || max == nullptr || !min->is_int64() || !max->is_int64()) {
      return reader.blame("malformed 'features'");
    }
    registration.features[std::string(feature)] = {reader.narrow(min->get_int64(), "min_version"),
                                                   reader.narrow(max->get_int64(), "max_version")};
  }
}

}  // namespace

std::string encode(const BrokerRegistration& registration) {
  boost::json::array endpoints;
  for (const auto& endpoint : registration.endpoints) endpoints.emplace_back(to_text(endpoint));
  boost::json::object protocols;
  for (const auto& [listener, protocol] : registration.security_protocols) {
    protocols[listener] = protocol;
  }
  boost::json::object features;
  for (const auto& [feature, range] : registration.features) {
    features[feature] =
        boost::json::object{{"min_version", range.min_version}, {"max_version", range.max_version}};
  }
  const auto* plaintext = first_plaintext(registration);
  boost::json::object node;
  node["version"] = registration_version;
  node["host"] =
      plaintext == nullptr ? boost::json::value(nullptr) : boost::json::value(plaintext->host);
  node["port"] = plaintext == nullptr ? -1 : plaintext->port;
  node["jmx_port"] = registration.jmx_port;
  node["timestamp"] = std::to_string(registration.timestamp_ms);
  node["endpoints"] = std::move(endpoints);
  if (registration.rack) node["rack"] = *registration.rack;
  node["listener_security_protocol_map"] = std::move(protocols);
  node["features"] = std::move(features);
  return boost::json::serialize(node);
}

Result<BrokerRegistration> decode_broker(std::string_view path, std::string_view json) {
  JsonReader reader(path, json);
  if (!reader.ok()) return reader.fault();
  BrokerRegistration registration;
  registration.rack = reader.string_or_null("rack");
  registration.timestamp_ms = reader.int64_text_or("timestamp", -1);
  registration.jmx_port = reader.int32_or("jmx_port", -1);
  read_endpoints(reader, registration);
  read_protocols(reader, registration);
  read_features(reader, registration);
  if (!reader.ok()) return reader.fault();
  return registration;
}

std::string to_text(const model::BrokerEndpoint& endpoint) {
  const bool bracket = endpoint.host.find(':') != std::string::npos;
  return endpoint.listener + "://" + (bracket ? "[" : "") + endpoint.host + (bracket ? "]" : "") +
         ":" + std::to_string(endpoint.port);
}

Result<model::BrokerEndpoint> parse_endpoint(std::string_view text) {
  const auto bad = [text] {
    return fail(ErrorCode::invalid_request, "malformed endpoint '" + std::string(text) + "'");
  };
  const auto scheme_end = text.find("://");
  const auto colon = text.rfind(':');
  if (scheme_end == std::string_view::npos || scheme_end == 0 || colon < scheme_end + 3)
    return bad();
  auto host = text.substr(scheme_end + 3, colon - scheme_end - 3);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  const auto port = text.substr(colon + 1);
  if (port.empty() || port.size() > 5) return bad();
  std::int32_t number = 0;
  for (const char digit : port) {
    if (digit < '0' || digit > '9') return bad();
    number = number * 10 + (digit - '0');
  }
  if (number > 65535) return bad();
  return model::BrokerEndpoint{std::string(text.substr(0, scheme_end)), std::string(host), number};
}

}  // namespace gregor::znode
