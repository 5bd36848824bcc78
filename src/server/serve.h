// `vivace serve`: opens the port, loads the engine, serves until a signal.
#pragma once

#include <functional>
#include <memory>

#include "server/backend.h"
#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace::server {

/// Makes the backend; called on a thread of its own while the port already answers /health with 503.
using BackendFactory = std::function<Result<std::unique_ptr<Backend>>()>;

/// Returns when the server has drained; an error when the port or the model cannot be had. Prints one line
/// to stderr when it is ready.
Status Serve(const Options& options);
Status ServeWith(const Options& options, const BackendFactory& make_backend);

}  // namespace vivace::server
