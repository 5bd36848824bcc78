#include "opened_model.h"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace vivace::bad_files {

Options TinyOptions(const std::string& path) {
  Options options;
  const std::pair<const char*, std::string> settings[] = {
      {"model", path},  {"optimization-level", "0"}, {"log-level", "off"},
      {"threads", "1"}, {"max-model-len", "auto"},   {"kv-cache-memory-bytes", "1048576"}};
  for (const auto& [name, value] : settings) EXPECT_TRUE(options.Set(name, value).ok()) << name;
  return options;
}

Status Answer(Engine& engine) {
  Request request;
  request.prompt = {5, 6, 7, 8};
  request.sampling.temperature = 0;
  request.sampling.max_tokens = 4;
  request.sampling.ignore_eos = true;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<Status> end;
  const auto id = engine.Submit(std::move(request), [&](RequestOutput output) {
    const std::lock_guard lock(mutex);
    if (output.finish_reason == FinishReason::kNone) return;
    end = output.finish_reason == FinishReason::kError ? output.status : Status::Ok();
    changed.notify_all();
  });
  if (!id.ok()) return id.status();
  std::unique_lock lock(mutex);
  EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(30), [&] { return end.has_value(); }));
  return end.value_or(Internal("no end"));
}

}  // namespace vivace::bad_files
