// One thread that runs jobs in order: tokenising and templates, away from the event loop.
// Thread safety: Post from any thread. The destructor drops jobs that have not begun and joins.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace vivace::server {

class BackgroundThread {
 public:
  BackgroundThread() : thread_([this] { Run(); }) {}
  ~BackgroundThread();
  BackgroundThread(const BackgroundThread&) = delete;
  BackgroundThread& operator=(const BackgroundThread&) = delete;

  void Post(std::function<void()> job);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;  // guarded by mutex_
  bool stopping_ = false;                   // guarded by mutex_
  std::thread thread_;                      // last: it uses the members above
};

}  // namespace vivace::server
