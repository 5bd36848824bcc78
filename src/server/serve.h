// `vivace serve`: opens the port, loads the engine, serves until a signal.
#pragma once

#include <functional>
#include <memory>

#include "server/backend.h"
#include "vivace/options.h"
#include "vivace/status.h"

namespace vivace::server {

/// Makes the backend; called on a thread of its own while the port already answers with 503.
using BackendFactory = std::function<Result<std::unique_ptr<Backend>>()>;

/// Returns when the server has drained; an error when the port or the model cannot be had. Prints one line
/// to stderr when it is ready. A signal while the model loads ends the process at once with status 0:
/// nothing is under way that could be finished.
Status Serve(const Options& options);
/// The same with another backend; `leave` is called in place of ending the process while the model loads,
/// and make_backend must then return.
Status ServeWith(const Options& options, const BackendFactory& make_backend,
                 const std::function<void()>& leave);

}  // namespace vivace::server
