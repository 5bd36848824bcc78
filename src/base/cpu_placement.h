// Which CPUs the workers of a team run on: the wish as a person writes it (the forms of vLLM's
// VLLM_CPU_OMP_THREADS_BIND), and what becomes of it on this machine. Values and free functions; thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace::base {

/// A parsed wish.
struct CpuPlacement {
  enum class Kind {
    kAuto,    // "auto", or nothing: as PlaceWorkers finds best
    kFree,    // "nobind": the operating system moves the workers as it likes
    kListed,  // worker i stays on the list's CPU i
  };
  Kind kind = Kind::kAuto;
  std::vector<std::vector<int>> ranks;  // kListed: CPUs of each process, in the order written

  bool operator==(const CpuPlacement&) const = default;
};

/// "auto", "nobind", or CPUs as "0-31", "0,2,4", "0-3,8-11"; lists of several processes ("ranks") with '|'
/// between them. kInvalidArgument names the word that is wrong, or the CPU that is named twice.
Result<CpuPlacement> ParseCpuPlacement(std::string_view text);

/// "0-3,8" of {0, 1, 2, 3, 8}.
std::string CpuListText(std::span<const int> cpus);

/// The CPUs that this thread may run on, ascending: its affinity, which includes the control group's cpuset.
std::vector<int> AllowedCpus();

/// How a team is made. cpus is empty (the workers are free) or has one CPU for each worker.
struct WorkerPlacement {
  int workers = 1;
  std::vector<int> cpus;
  bool rationed = false;  // they get less CPU time than they could use (a quota): who waits parks
};

/// Carries out a wish for `workers` workers (0: one for each CPU of the list, or of `allowed`). A list is
/// that of `rank`, and may be longer than the workers: the first ones are taken. kAuto leaves the workers
/// free: the system can then move them away from a CPU that another process holds. kInvalidArgument names a
/// CPU that does not exist (`existing` of them do) or is not in `allowed`, a list that is shorter than the
/// workers, or a rank without a list.
Result<WorkerPlacement> PlaceWorkers(const CpuPlacement& wish, int workers, std::span<const int> allowed,
                                     int existing, int rank = 0);
/// The same on this machine.
Result<WorkerPlacement> PlaceWorkers(const CpuPlacement& wish, int workers);

}  // namespace vivace::base
