#include "cli/config.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/status_macros.h"
#include "cli/config_text.h"
#include "vivace/options.h"

namespace vivace::cli {
namespace {

constexpr std::string_view kDiff = "--diff";

bool IsLevel(const std::string& word) {
  return (word.starts_with("-O") && !word.starts_with("-O.")) || word.starts_with("--optimization");
}

std::string Join(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out.empty() ? "(no flags)" : out;
}

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

}  // namespace

std::vector<std::string> SplitWords(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = 0;
  for (const char c : text) {
    const bool ends_word = quote == 0 && (c == ' ' || c == '\t' || c == '\n');
    if (ends_word) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else {
      words.back() += c;
    }
  }
  return words;
}

Result<std::optional<ConfigDiff>> ReadConfigDiff(std::span<const std::string> arguments) {
  if (arguments.empty() || arguments.front() != "config") return std::optional<ConfigDiff>();
  const auto diff = std::find(arguments.begin(), arguments.end(), kDiff);
  if (diff == arguments.end()) return std::optional<ConfigDiff>();
  std::vector<std::string> common(arguments.begin(), diff);
  std::vector<std::string> sides[2];
  std::vector<std::string> rest(diff + 1, arguments.end());
  if (const auto json = std::find(rest.begin(), rest.end(), "--json"); json != rest.end()) {
    common.push_back(*json);
    rest.erase(json);
  }
  if (rest.size() == 2) {
    sides[0] = SplitWords(rest[0]);
    sides[1] = SplitWords(rest[1]);
  } else {
    const auto first = std::find_if(rest.begin(), rest.end(), IsLevel);
    const auto second = first == rest.end() ? first : std::find_if(first + 1, rest.end(), IsLevel);
    if (second == rest.end() || std::find_if(second + 1, rest.end(), IsLevel) != rest.end()) {
      return InvalidArgument(
          "--diff takes two sides: two levels with their flags (--diff -O1 -O2 --enforce-eager), or two "
          "texts "
          "(--diff '-O1' '-O2 -cc.mode=0')");
    }
    common.insert(common.end(), rest.begin(), first);
    sides[0].assign(first, second);
    sides[1].assign(second, rest.end());
  }
  ConfigDiff out{common, common, {Join(sides[0]), Join(sides[1])}};
  out.before.insert(out.before.end(), sides[0].begin(), sides[0].end());
  out.after.insert(out.after.end(), sides[1].begin(), sides[1].end());
  return std::optional(std::move(out));
}

Status RunConfig(const Invocation& invocation) {
  VIVACE_ASSIGN_OR_RETURN(const ResolvedOptions options, ResolveOptions(invocation.options));
  Print(invocation.json ? ConfigJson(options) + "\n" : ConfigText(options));
  return Status::Ok();
}

Status RunConfigDiff(const ConfigDiff& diff, const Invocation& before, const Invocation& after) {
  VIVACE_ASSIGN_OR_RETURN(const ResolvedOptions first, ResolveOptions(before.options));
  VIVACE_ASSIGN_OR_RETURN(const ResolvedOptions second, ResolveOptions(after.options));
  Print(before.json ? DiffJson(first, second) + "\n" : DiffText(first, second, diff.names));
  return Status::Ok();
}

}  // namespace vivace::cli
