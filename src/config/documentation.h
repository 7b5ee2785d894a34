// docs/configuration.md, made of the option tables.
#pragma once

#include <string>

namespace gregor::config {

/// The whole text of docs/configuration.md. Pure; any thread.
[[nodiscard]] std::string configuration_markdown();

}  // namespace gregor::config
