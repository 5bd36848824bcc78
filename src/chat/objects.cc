#include "chat/objects.h"

#include <array>

#include "chat/unicode.h"

namespace vivace::chat {
namespace {

Value Count(std::size_t number) {
  return Value::Integer(static_cast<std::int64_t>(number));
}

}  // namespace

void Scope::Set(std::string_view name, Value value) {
  for (auto& [known, old] : variables) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  variables.emplace_back(name, std::move(value));
}

Value Namespace::Get(std::string_view name) const {
  for (const auto& [known, value] : attributes_) {
    if (known == name) return value;
  }
  return {};
}

void Namespace::Set(std::string_view name, Value value) {
  for (auto& [known, old] : attributes_) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  attributes_.emplace_back(name, std::move(value));
}

Value Loop::Get(std::string_view name) const {
  const std::size_t count = items().size();
  if (name == "index") return Count(index_ + 1);
  if (name == "index0") return Count(index_);
  if (name == "revindex") return Count(count - index_);
  if (name == "revindex0") return Count(count - index_ - 1);
  if (name == "first") return Value::Bool(index_ == 0);
  if (name == "last") return Value::Bool(index_ + 1 == count);
  if (name == "length") return Count(count);
  if (name == "depth") return Count(1);
  if (name == "depth0") return Count(0);
  if (name == "previtem" && index_ > 0) return items()[index_ - 1];
  if (name == "nextitem" && index_ + 1 < count) return items()[index_ + 1];
  return {};
}

bool Loop::Changed(const std::vector<Value>& values) {
  if (was_called_ && last_ == values) return false;
  was_called_ = true;
  last_ = values;
  return true;
}

Result<Text> Clock::Format(const Text& format) const {
  constexpr std::string_view kConversions = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%";
  Text out;
  for (const Piece& piece : format.pieces()) {
    std::string_view rest = piece.text;
    while (!rest.empty()) {
      const std::size_t plain = rest.find('%');
      out.Append(rest.substr(0, plain), piece.from_template);
      if (plain == std::string_view::npos) break;
      rest.remove_prefix(plain);
      const std::size_t flag =
          rest.size() > 1 && std::string_view("-_0^#").find(rest[1]) != std::string_view::npos ? 1 : 0;
      if (rest.size() < 2 + flag || kConversions.find(rest[1 + flag]) == std::string_view::npos) {
        return InvalidArgument("strftime_now knows no \"" + std::string(rest.substr(0, 2 + flag)) + "\"");
      }
      std::array<char, 128> buffer;
      const std::string conversion(rest.substr(0, 2 + flag));
      const std::size_t length = std::strftime(buffer.data(), buffer.size(), conversion.c_str(), &now_);
      out.Append({buffer.data(), length}, piece.from_template);
      rest.remove_prefix(2 + flag);
    }
  }
  return out;
}

Value Cycler::Next() {
  Value item = Current();
  index_ = (index_ + 1) % items_.list().size();
  return item;
}

Value Joiner::Next() {
  if (std::exchange(was_called_, true)) return separator_;
  return Value::Trusted("");
}

}  // namespace vivace::chat
