// Work on the background thread with an outcome on the event loop, which comes whatever memory there is: a
// place that stands for the work is always given back.
#pragma once

#include <functional>

#include "server/call.h"

namespace vivace::server {

/// Runs `work` on the background thread, then `then` on the event loop. `then` hears whether memory ran out
/// in `work`, which was left where it stood.
void WorkInBackground(Executor& executor, std::function<void()> work,
                      std::function<void(bool exhausted)> then);

}  // namespace vivace::server
