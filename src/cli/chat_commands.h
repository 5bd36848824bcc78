// Lines of `vivace run` that begin with a slash. Values and free functions; one list of the commands.
#pragma once

#include <string>
#include <string_view>

namespace vivace::cli {

enum class ChatCommandKind { kHelp, kClear, kSystem, kExit, kUnknown };

struct ChatCommand {
  ChatCommandKind kind = ChatCommandKind::kUnknown;
  std::string text;  // what follows the command; of an unknown one, the word itself
};

/// `line` begins with a slash.
ChatCommand ParseChatCommand(std::string_view line);
/// One line a command.
std::string ChatHelp();

}  // namespace vivace::cli
