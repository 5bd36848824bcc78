// A mapped file that becomes shorter while it is mapped: touching the missing pages raises SIGBUS.
#pragma once

namespace vivace::base {

/// From now on such a fault ends the process with one line on stderr and exit status 2, instead of a signal.
/// For programs, once, before threads start; a library leaves the signal to its host.
void ExitOnFileFault();

}  // namespace vivace::base
