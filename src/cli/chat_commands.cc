#include "cli/chat_commands.h"

namespace vivace::cli {
namespace {

struct Row {
  std::string_view name, shown;
  ChatCommandKind kind;
  std::string_view help;
};
constexpr Row kRows[] = {
    {"/help", "/help", ChatCommandKind::kHelp, "this list"},
    {"/clear", "/clear", ChatCommandKind::kClear, "forget the conversation"},
    {"/system", "/system TEXT", ChatCommandKind::kSystem,
     "start anew with this system message; without text: the model's own"},
    {"/exit", "/exit", ChatCommandKind::kExit, "leave, as Ctrl-D does"},
    {"/bye", "", ChatCommandKind::kExit, ""},
    {"/quit", "", ChatCommandKind::kExit, ""},
    {"/?", "", ChatCommandKind::kHelp, ""},
};
constexpr std::size_t kHelpColumn = 16;
constexpr std::string_view kBlank = " \t\r";

}  // namespace

ChatCommand ParseChatCommand(std::string_view line) {
  const std::string_view word = line.substr(0, line.find_first_of(kBlank));
  std::string_view rest = line.substr(word.size());
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  rest = rest.substr(0, rest.find_last_not_of(kBlank) + 1);
  for (const Row& row : kRows) {
    if (row.name == word) return {row.kind, std::string(rest)};
  }
  return {ChatCommandKind::kUnknown, std::string(word)};
}

std::string ChatHelp() {
  std::string out;
  for (const Row& row : kRows) {
    if (row.shown.empty()) continue;
    out += std::string(row.shown) + std::string(kHelpColumn - row.shown.size(), ' ') + std::string(row.help) +
           "\n";
  }
  return out + "Ctrl-C stops an answer; what it said so far stays in the conversation.\n";
}

}  // namespace vivace::cli
