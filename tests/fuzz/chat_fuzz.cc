// A template, a zero byte, and the text of a user: rendering stays within its budget, and the user's text
// never passes for the template's.
#include <algorithm>
#include <string>

#include "chat/template.h"
#include "expect.h"

namespace {

using vivace::fuzz::Expect;
namespace chat = vivace::chat;

constexpr chat::Budget kBudget = {.steps = 20'000, .output_bytes = 1 << 16};
constexpr char kUserByte = '\x02';  // stands only in what the user wrote

void CheckPieces(const std::vector<chat::Piece>& pieces, bool user_byte_is_the_users) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    bytes += pieces[i].text.size();
    Expect(!pieces[i].text.empty(), "no piece is empty");
    Expect(i == 0 || pieces[i].from_template != pieces[i - 1].from_template, "neighbours differ in origin");
    if (!user_byte_is_the_users || !pieces[i].from_template) continue;
    Expect(pieces[i].text.find(kUserByte) == std::string::npos, "a user's text is data");
  }
  Expect(bytes <= static_cast<std::size_t>(kBudget.output_bytes), "the result is within its budget");
}

/// What the engine passes, with the user's text wherever a request has text; the part after the zero byte is
/// also read as JSON.
chat::Value Variables(const std::string& user) {
  const chat::Message plain[] = {{"system", user}, {"user", user}, {"assistant", "b"}};
  chat::ChatInputs inputs;
  inputs.messages = *chat::ChatVariables(plain, true, "", "").Find("messages");
  inputs.tools = chat::Value::MakeList({chat::Value::MakeRecord({{"name", chat::Value::Data(user)}})});
  inputs.bos_token = "<s>";
  inputs.eos_token = "</s>";
  inputs.now = std::tm{};
  const auto json = chat::ValueFromJson(std::string_view(user).substr(2, user.size() - 3));
  if (json.ok()) inputs.documents = *json;
  auto variables = chat::ChatVariables(inputs);
  Expect(variables.ok(), "the inputs are well formed");
  return std::move(variables).value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(input.find('\0'), input.size());
  const std::string_view source = input.substr(0, end);
  std::string user(1, kUserByte);
  user += input.substr(end);
  if (user.size() == 1) user.push_back('\0');
  user.push_back(kUserByte);
  const auto parsed = chat::Template::Parse(source);
  if (!parsed.ok()) {
    Expect(!parsed.status().message().empty(), "a refusal says why");
    return 0;
  }
  const auto pieces = parsed->Render(Variables(user), kBudget);
  if (!pieces.ok()) {
    Expect(!pieces.status().message().empty(), "an error says why");
    return 0;
  }
  const bool spelled =
      source.find(kUserByte) != std::string_view::npos || source.find('\\') != std::string_view::npos;
  CheckPieces(*pieces, !spelled);
  return 0;
}
