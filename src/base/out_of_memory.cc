#include "base/out_of_memory.h"

#include <exception>
#include <string>
#include <system_error>

namespace vivace::base {
namespace {

constexpr const char* kShort = "memory ran out";  // lies within the string itself

}  // namespace

Status OutOfMemory(std::string_view doing) noexcept {
  try {
    if (!doing.empty()) return ResourceExhausted(std::string(kShort) + " while " + std::string(doing));
  } catch (const std::bad_alloc&) {  // the short form says it, too
  }
  return ResourceExhausted(kShort);
}

Status CaughtExhaustion(std::string_view doing) {
  try {
    std::rethrow_exception(std::current_exception());
  } catch (const std::bad_alloc&) {
    return OutOfMemory(doing);
  } catch (const std::system_error& error) {
    return CopyOf(ResourceExhausted("the system gave no thread while " + std::string(doing) + ": " +
                                    error.code().message() + "; raise the limit of processes (ulimit -u)"));
  }
}

void CheckMemory(bool has_memory) {
  if (!has_memory) throw std::bad_alloc();
}

Status CopyOf(const Status& status) noexcept {
  try {
    return status;
  } catch (const std::bad_alloc&) {
    return {status.code(), kShort};
  }
}

}  // namespace vivace::base
