// From options to the configuration of the server: names, keys, templates. Free functions.
#pragma once

#include "server/http_server.h"
#include "vivace/options.h"

namespace vivace::server {

/// Errors name the option, its value and what would be right.
Result<ServerConfig> ServerConfigFrom(const Options& options);

/// One warning when everybody on the network may ask: all interfaces and no key.
void WarnWhenOpen(const ServerConfig& config, bool everywhere);

/// One warning for each secret that other users of the machine can see.
void WarnOfVisibleKeys(const Options& options, const ServerConfig& config);

}  // namespace vivace::server
