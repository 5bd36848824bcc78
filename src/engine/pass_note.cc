#include "engine/pass_note.h"

#include <fmt/format.h>

#include "compiler/pass_list.h"

namespace vivace::engine {

std::string PassesNotTaken(const compiler::CompileReport& report) {
  std::string out;
  for (const compiler::PassRecord& record : report.passes) {
    if (record.changed) continue;
    for (const compiler::PassRow& pass : compiler::PassList()) {
      if (pass.name != record.name) continue;
      out += fmt::format("{}{} (for {})", out.empty() ? "Passes with nothing to do in this model: " : "; ",
                         pass.name, pass.condition);
    }
  }
  return out;
}

}  // namespace vivace::engine
