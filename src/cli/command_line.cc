#include "cli/command_line.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/nearest_name.h"
#include "base/status_macros.h"
#include "cli/bench_option_rows.h"
#include "cli/command_table.h"
#include "engine/option_list.h"
#include "engine/vllm_flags.h"

namespace vivace::cli {
namespace {

using base::OptionRow;
using base::OptionType;

constexpr std::size_t kShownBytes = 64;  // of what the user typed, in messages

/// Reads the arguments one by one into an Invocation.
class Reader {
 public:
  explicit Reader(std::span<const std::string> arguments) : arguments_(arguments) {}

  Result<Invocation> Read() {
    VIVACE_RETURN_IF_ERROR(ReadCommand());
    bool only_values = false;
    while (next_ < arguments_.size()) {
      const std::string& argument = arguments_[next_++];
      if (only_values || !argument.starts_with('-')) {
        VIVACE_RETURN_IF_ERROR(ReadModel(argument));
      } else if (argument == "--") {
        only_values = true;
      } else {
        VIVACE_RETURN_IF_ERROR(ReadOption(argument));
      }
    }
    return std::move(out_);
  }

 private:
  Status ReadCommand() {
    if (arguments_.empty()) return Status::Ok();  // help
    std::string word = arguments_[next_++];
    if (word == "-h" || word == "--help" || word == "help") return Status::Ok();
    if (word == "-v" || word == "--version") {
      out_.command = Command::kVersion;
      return Status::Ok();
    }
    if (word == "bench" && next_ < arguments_.size() && !arguments_[next_].starts_with('-'))
      word += " " + arguments_[next_++];
    for (const CommandRow& row : CommandTable()) {
      if (row.name != word) continue;
      out_.command = row.command;
      out_.arguments.assign(arguments_.begin() + static_cast<std::ptrdiff_t>(next_), arguments_.end());
      out_.bench = RowValues(BenchOptionRows(), row.scope);
      rows_ = RowsOf(row.command);
      takes_vllm_flags_ = (row.scope & base::kModelOption) != 0;
      return Status::Ok();
    }
    const std::string shown = word.substr(0, kShownBytes);
    const bool is_bench = word.starts_with("bench ");
    std::vector<CommandRow> alike;  // a benchmark is never meant by a command, nor the other way round
    for (const CommandRow& row : CommandTable()) {
      if (row.name.starts_with("bench ") == is_bench) alike.push_back(row);
    }
    return InvalidArgument("unknown command '" + shown + "': did you mean '" +
                           std::string(base::NearestName(shown, alike)) + "'? See vivace --help");
  }

  /// The first is the model; the others are prompts, for commands that take some.
  Status ReadModel(const std::string& argument) {
    if (out_.command == Command::kCache) {
      out_.words.push_back(argument);
      return Status::Ok();
    }
    const bool takes_model = out_.command != Command::kVersion && out_.command != Command::kHelp;
    if (model_given_ && Find("prompt") != nullptr) {
      out_.prompts.emplace_back(argument);
      return Status::Ok();
    }
    if (!takes_model || model_given_) {
      return InvalidArgument("'" + argument.substr(0, kShownBytes) +
                             "' is one argument too many: options are written --name value");
    }
    model_given_ = true;
    if (const OptionRow* const own = out_.bench.Find("model")) return out_.bench.Set(*own, argument);
    return out_.options.Set("model", argument);
  }

  Status ReadOption(const std::string& argument) {
    if (argument == "-h" || argument == "--help" || argument.starts_with("--help=")) {
      out_.help = true;
      if (argument.size() > 7) out_.help_topic = argument.substr(7);
      return Status::Ok();
    }
    if (argument.starts_with("-O") && !argument.starts_with("-O.")) return ReadLevel(argument);
    if (argument.starts_with("-O.")) NoteOldLevel("-O.KEY=VALUE", "-cc.KEY=VALUE");
    return ReadNamed(argument.starts_with("--") ? argument : LongForm(argument));
  }

  /// -O as a compilation config, as it was until vLLM 0.12.
  void NoteOldLevel(const std::string& old_form, const std::string& form) {
    out_.options.AddNote("The -O flag for --compilation-config is deprecated (" + old_form + "): give " +
                         form + " instead");
  }

  /// "--name", "--name=value", "--no-name".
  Status ReadNamed(const std::string& argument) {
    if (!argument.starts_with("--")) {
      const std::string shown = argument.substr(1, std::min(argument.find('='), kShownBytes) - 1);
      return InvalidArgument("unknown option -" + shown +
                             ": the short forms are -O0 to -O3, -cc, -tp, -o, -h and -v");
    }
    const std::size_t equals = argument.find('=');
    const std::string name = base::WithDashes(std::string_view(argument).substr(2, equals - 2));
    const std::size_t dot = name.find('.');
    if (dot != std::string::npos && Find(std::string_view(name).substr(0, dot)) != nullptr)
      return ReadKey(name, argument, equals);
    if (const OptionRow* row = Find(name)) return ReadValue(*row, argument, equals);
    if (name.starts_with("no-") && equals == std::string::npos) {
      const OptionRow* row = Find(name.substr(3));
      if (row != nullptr && row->type == OptionType::kFlag) return Apply(*row, "false");
    }
    return Unknown(name);
  }

  /// "-cc.mode=0" as "--compilation-config.mode=0"; -O.mode is how it was written once. An argument without
  /// a long form stays as it is.
  static std::string LongForm(const std::string& argument) {
    const std::size_t end = std::min(argument.find_first_of("=."), argument.size());
    std::string_view name = std::string_view(argument).substr(1, end - 1);
    if (name == "O") name = "cc";
    std::string_view full;
    if (const auto row = engine::FindShortForm(name)) {
      full = engine::AllOptions()[*row].name;
    } else if (const auto* flag = engine::FindVllmShortForm(name)) {
      full = flag->row.name;
    } else {
      return argument;
    }
    return "--" + std::string(full) + argument.substr(end);
  }

  /// A key of an object, "compilation-config.mode"; KEY+ adds to a list.
  Status ReadKey(std::string name, const std::string& argument, std::size_t equals) {
    std::string text;
    if (equals != std::string::npos) {
      text = argument.substr(equals + 1);
    } else if (next_ < arguments_.size()) {
      text = arguments_[next_++];
    } else {
      return InvalidArgument("--" + name.substr(0, kShownBytes) + " needs a value");
    }
    if (name.ends_with('+')) {
      name.pop_back();
      return out_.options.Append(name, text);
    }
    return out_.options.Set(name, text);
  }

  /// -O2, -O 2 and -O=2; -O '{"mode": 0}' was the compilation config once.
  Status ReadLevel(const std::string& argument) {
    const OptionRow* row = Find("optimization-level");
    if (row == nullptr) return Unknown("optimization-level");
    std::string text;
    if (argument.size() > 2) {
      text = argument.substr(argument[2] == '=' ? 3 : 2);
    } else if (next_ < arguments_.size()) {
      text = arguments_[next_++];
    } else {
      return ReadValue(*row, argument, std::string::npos);
    }
    if (!text.starts_with('{')) return Apply(*row, text);
    NoteOldLevel("-O '{...}'", "-cc '{...}'");
    return Apply(*Find("compilation-config"), text);
  }

  Status ReadValue(const OptionRow& row, const std::string& argument, std::size_t equals) {
    if (equals != std::string::npos) return Apply(row, argument.substr(equals + 1));
    if (row.type == OptionType::kFlag) return Apply(row, "true");
    const bool is_last = next_ == arguments_.size() || arguments_[next_].starts_with("--");
    if (is_last && row.value_optional) return Apply(row, "");
    if (is_last) {
      return InvalidArgument("--" + std::string(row.name) + " needs a value: " + std::string(row.help));
    }
    if (row.type == OptionType::kIntegers && row.several) return Apply(row, JoinValues());
    do {
      VIVACE_RETURN_IF_ERROR(Apply(row, arguments_[next_++]));
    } while (row.several && next_ < arguments_.size() && !arguments_[next_].starts_with('-'));
    return Status::Ok();
  }

  /// All values up to the next option, with commas between.
  std::string JoinValues() {
    std::string text;
    do {
      text += (text.empty() ? "" : ",") + arguments_[next_++];
    } while (next_ < arguments_.size() && !arguments_[next_].starts_with('-'));
    return text;
  }

  Status Apply(const OptionRow& row, const std::string& text) {
    if (row.name == "model") {
      if (std::exchange(model_given_, true))
        return InvalidArgument("the model is given twice: once is enough");
    }
    if (const OptionRow* const own = out_.bench.Find(row.name)) return out_.bench.Set(*own, text);
    if (bool* const flag = ProgramFlag(row.name)) {
      VIVACE_ASSIGN_OR_RETURN(const std::string value, engine::NormaliseOption(row, text));
      *flag = value == "true";
    } else if (row.name == "config") {
      out_.config = text;
    } else if (row.name == "prompt") {
      out_.prompts.emplace_back(text);
    } else if (row.name == "prompt-ids") {
      VIVACE_ASSIGN_OR_RETURN(auto ids, ParseTokenIds(text));
      out_.prompts.emplace_back(std::move(ids));
    } else if (row.name == "prompts-file") {
      out_.prompt_files.push_back(text);
    } else if (row.name == "system") {
      out_.system = text;
    } else if (row.scope == base::kExplainOption) {
      return ApplyToExplain(row, text);
    } else {
      return out_.options.Set(row.name, text);
    }
    return Status::Ok();
  }

  Status ApplyToExplain(const OptionRow& row, const std::string& text) {
    VIVACE_ASSIGN_OR_RETURN(const std::string value, engine::NormaliseOption(row, text));
    ExplainArguments& explain = out_.explain;
    if (row.name == "format") {
      explain.format = value;
    } else if (row.name == "output") {
      explain.output = value;
    } else if (row.name == "tokens") {
      explain.request.tokens = {std::stoi(value)};
    } else {
      (row.name == "context" ? explain.request.context : explain.request.rounds) = std::stoi(value);
    }
    return Status::Ok();
  }

  /// The flag of the invocation that a row of the program sets; null for other rows.
  bool* ProgramFlag(std::string_view name) {
    const std::pair<std::string_view, bool*> flags[] = {{"json", &out_.json},
                                                        {"show", &out_.show},
                                                        {"decode", &out_.decode},
                                                        {"special", &out_.special},
                                                        {"bos", &out_.bos}};
    for (const auto& [flag, target] : flags) {
      if (flag == name) return target;
    }
    return nullptr;
  }

  /// The row of an option of this command, or of a flag of vLLM where the command runs a model.
  const OptionRow* Find(std::string_view name) const {
    const auto row = std::find_if(rows_.begin(), rows_.end(), [&](const auto& r) { return r.name == name; });
    if (row != rows_.end()) return &*row;
    if (!takes_vllm_flags_) return nullptr;
    const engine::VllmFlag* const flag = engine::FindVllmFlag(name);
    return flag != nullptr && flag->row.name == name ? &flag->row : nullptr;
  }

  Status Unknown(const std::string& name) const {
    const std::string shown = name.substr(0, kShownBytes);
    if (rows_.empty()) return InvalidArgument("--" + shown + " is not an option here");
    if (engine::FindOption(name.substr(0, name.find('.')))) {
      return InvalidArgument("--" + shown + " is not an option of this command; see --help=all");
    }
    struct Known {
      std::string_view name;
    };
    std::vector<Known> known;
    for (const OptionRow& row : rows_) known.push_back({row.name});
    for (const engine::VllmFlag& flag : engine::VllmFlags()) {
      if (Find(flag.row.name) != nullptr) known.push_back({flag.row.name});
    }
    return InvalidArgument("unknown option --" + shown + ": did you mean --" +
                           std::string(base::NearestName(shown, known)) + "?");
  }

  std::span<const std::string> arguments_;
  std::size_t next_ = 0;
  bool model_given_ = false;
  std::vector<OptionRow> rows_;    // what the command takes
  bool takes_vllm_flags_ = false;  // those without a row, too
  Invocation out_;
};

}  // namespace

Result<std::vector<std::int32_t>> ParseTokenIds(std::string_view text) {
  std::vector<std::int32_t> ids;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    std::int32_t id = 0;
    const auto [rest, error] = std::from_chars(at, end, id);
    const bool more = rest != end && *rest == ',' && rest + 1 != end;
    if (error != std::errc() || id < 0 || (rest != end && !more)) {
      return InvalidArgument("--prompt-ids is '" + std::string(text.substr(0, kShownBytes)) +
                             "': it must be token ids from 0 with commas between, as in 1,2,3");
    }
    ids.push_back(id);
    at = more ? rest + 1 : rest;
  }
  return ids;
}

Result<Invocation> ParseCommandLine(std::span<const std::string> arguments) {
  return Reader(arguments).Read();
}

}  // namespace vivace::cli
