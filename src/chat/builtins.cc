#include "chat/builtins.h"

#include <algorithm>

#include "base/status_macros.h"
#include "chat/evaluator.h"
#include "chat/unicode.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

const Builtin* FindRow(std::span<const Builtin> rows, std::string_view name) {
  const auto row =
      std::find_if(rows.begin(), rows.end(), [name](const Builtin& r) { return r.name == name; });
  return row == rows.end() ? nullptr : &*row;
}

std::vector<std::string_view> SplitNames(std::string_view names) {
  std::vector<std::string_view> out;
  while (!names.empty()) {
    const std::size_t comma = names.find(',');
    out.push_back(names.substr(0, comma));
    names.remove_prefix(comma == std::string_view::npos ? names.size() : comma + 1);
  }
  return out;
}

/// Puts named arguments in the places of their parameters.
Status Bind(const Builtin& builtin, std::string_view what, Arguments& arguments) {
  if (builtin.parameters == kAny) return Status::Ok();
  const bool by_place_only = builtin.parameters.starts_with('/');
  const auto parameters = SplitNames(builtin.parameters.substr(by_place_only ? 1 : 0));
  if (by_place_only && !arguments.named.empty()) {
    return InvalidArgument(std::string(what) + " takes no named arguments");
  }
  const std::size_t given = arguments.values.size() + arguments.named.size();
  if (given > parameters.size() || given < builtin.required) {
    const bool is_fixed = builtin.required == parameters.size();
    return InvalidArgument(std::string(what) + " takes " +
                           (is_fixed ? "" : std::to_string(builtin.required) + " to ") +
                           std::to_string(parameters.size()) + " arguments, not " + std::to_string(given));
  }
  const std::size_t by_place = arguments.values.size();
  arguments.values.resize(parameters.size());
  for (auto& [name, value] : arguments.named) {
    const auto place = std::find(parameters.begin(), parameters.end(), name);
    if (place == parameters.end()) {
      return InvalidArgument(std::string(what) + " has no argument named \"" + name + "\"");
    }
    const auto i = static_cast<std::size_t>(place - parameters.begin());
    if (i < by_place) return InvalidArgument(std::string(what) + ": \"" + name + "\" is given twice");
    arguments.values[i] = std::move(value);
  }
  arguments.named.clear();
  return Status::Ok();
}

}  // namespace

const Builtin* FindFilter(std::string_view name) {
  for (const auto table : {TextFilters(), SequenceFilters(), OrderFilters(), NumberFilters()}) {
    if (const Builtin* row = FindRow(table, name); row != nullptr) return row;
  }
  return nullptr;
}
const Builtin* FindTest(std::string_view name) {
  return FindRow(Tests(), name);
}
const Builtin* FindFunction(std::string_view name) {
  return FindRow(Functions(), name);
}
const Builtin* FindMethod(const Value& self, std::string_view name) {
  switch (self.kind()) {
    case Kind::kString:
      return FindRow(StringMethods(), name);
    case Kind::kDict:
      return FindRow(DictMethods(), name);
    case Kind::kList:
      return self.is(Value::Sequence::kList) || self.is(Value::Sequence::kTuple)
                 ? FindRow(ListMethods(), name)
                 : nullptr;
    default:
      return nullptr;
  }
}

Result<Value> Apply(const Builtin& builtin, std::string_view what, Rendering& rendering, const Value& self,
                    Arguments arguments) {
  if (builtin.apply == nullptr) {
    return Unsupported("\"" + std::string(builtin.name) + "\" of " + std::string(self.KindName()) +
                       " is not supported" +
                       (self.is(Kind::kString) ? "" : ": a template may not change its values"));
  }
  VIVACE_RETURN_IF_ERROR(Bind(builtin, what, arguments));
  Use use{rendering, self, arguments.values, arguments.named};
  return builtin.apply(use);
}

Status WrongKind(std::string_view what, const Value& value) {
  return InvalidArgument(std::string(what) + " cannot be applied to " + std::string(value.KindName()));
}

Result<std::int64_t> WantInteger(std::string_view what, const Value& value) {
  if (value.is(Kind::kBool)) return value.boolean() ? 1 : 0;
  if (value.is(Kind::kInteger)) return value.integer();
  return InvalidArgument(std::string(what) + " is " + std::string(value.KindName()) + ", not an integer");
}

Result<Text> WantText(Use& use, const Value& value) {
  VIVACE_RETURN_IF_ERROR(use.rendering.ChargeWhole(value));
  return value.Print();
}

Result<Value> ItemsOf(Rendering& rendering, const Value& value) {
  switch (value.kind()) {
    case Kind::kList:
      return value;
    case Kind::kUndefined:
      return Value::MakeList({});
    case Kind::kDict: {
      VIVACE_RETURN_IF_ERROR(rendering.Charge(value.dict().size() * kBytesPerItem));
      Value::List keys;
      for (const auto& [key, item] : value.dict()) keys.push_back(key);
      return Value::MakeList(std::move(keys));
    }
    case Kind::kString: {
      const Cutter cutter(value.text());
      VIVACE_RETURN_IF_ERROR(rendering.ChargeProduct(cutter.bytes().size(), kBytesPerString));
      const auto starts = CharacterStarts(cutter.bytes());
      Value::List characters;
      for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
        characters.push_back(Value::String(cutter.Cut(starts[i], starts[i + 1])));
      }
      return Value::MakeList(std::move(characters));
    }
    default:
      return InvalidArgument(std::string(value.KindName()) + " cannot be looped over");
  }
}

Result<Value> AttributeByPath(Rendering& rendering, const Value& value, const Value& path,
                              const Value& otherwise) {
  const auto step = [&](const Value& object, const Value& key) -> Result<Value> {
    VIVACE_ASSIGN_OR_RETURN(Value found, GetItem(rendering, object, key));
    return found.is(Kind::kUndefined) ? otherwise : std::move(found);
  };
  if (!path.is(Kind::kString)) return step(value, path);
  const std::string joined = path.text().Join();
  Value found = value;
  std::string_view rest = joined;
  while (true) {
    const std::string_view part = rest.substr(0, rest.find('.'));
    const bool is_number =
        !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == part.npos;
    const Value key = is_number ? Value::Integer(std::stoll(std::string(part))) : Value::Trusted(part);
    VIVACE_ASSIGN_OR_RETURN(found, step(found, key));
    if (part.size() == rest.size()) return found;
    rest.remove_prefix(part.size() + 1);
  }
}

}  // namespace vivace::chat
