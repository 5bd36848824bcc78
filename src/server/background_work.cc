#include "server/background_work.h"

#include <chrono>
#include <memory>
#include <new>
#include <thread>
#include <utility>

namespace vivace::server {
namespace {

struct Work {
  std::function<void()> work;
  std::function<void(bool exhausted)> then;
};

constexpr auto kBetweenTries = std::chrono::milliseconds(1);

// False: there was no memory to post it.
bool Post(Executor& executor, const std::shared_ptr<Work>& job, bool exhausted) try {
  executor.PostToLoop([job, exhausted] { job->then(exhausted); });
  return true;
} catch (const std::bad_alloc&) {
  return false;
}

}  // namespace

void WorkInBackground(Executor& executor, std::function<void()> work,
                      std::function<void(bool exhausted)> then) {
  auto job = std::make_shared<Work>(Work{std::move(work), std::move(then)});
  executor.PostToBackground([job, &executor] {
    bool exhausted = false;
    try {
      job->work();
    } catch (const std::bad_alloc&) {
      exhausted = true;
    }
    job->work = nullptr;  // what it holds is needed no more
    while (!Post(executor, job, exhausted)) std::this_thread::sleep_for(kBetweenTries);
  });
}

}  // namespace vivace::server
