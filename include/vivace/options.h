// The options of one engine: every row of the option list with its value and where the value came from; and
// how they come out together, without starting an engine (`vivace config`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vivace/status.h"

namespace vivace {

/// In rising order of precedence. kPlatform: what this machine has or can do.
enum class OptionOrigin { kDefault, kPlatform, kLevel, kConfigFile, kEnvironment, kUser };
/// "default", "platform", "level", "config file", "environment", "user".
std::string_view Name(OptionOrigin origin);

/// Values of all options. Names as on the command line without dashes in front ("max-model-len"; _ and -
/// alike).
class Options {
 public:
  Options();

  /// Checks the name (the error names the nearest known one), the type, the range and the choices. A value of
  /// a higher origin stays; a list grows by values of the same origin. An object's text is JSON (or YAML),
  /// and sets its keys one by one: "compilation-config" with {"mode": 0} is "compilation-config.mode" with 0.
  /// A flag of vLLM that is no option here is another name of one, or leaves a note, or is refused with the
  /// reason.
  Status Set(std::string_view name, std::string_view text, OptionOrigin origin = OptionOrigin::kUser);
  /// The same, but adds to the whole numbers that the same origin gave before.
  Status Append(std::string_view name, std::string_view text, OptionOrigin origin = OptionOrigin::kUser);
  /// Sets what the environment says, where nothing of a higher origin is set. Variables of vLLM without an
  /// option leave a note or are refused.
  Status SetFromEnvironment();
  /// Sets what a YAML file says ("max-model-len: 4k", lists for options that may repeat), where neither the
  /// command line nor the environment says anything. Errors name the file, the key and its line.
  Status SetFromConfigFile(const std::string& path);

  /// What a setting comes to when all of them are joined: replaces any value. Where it was set by the user,
  /// the environment or a file, Asked keeps what was. A value that stays keeps its origin, too.
  Status Settle(std::string_view name, std::string_view text, OptionOrigin origin);
  /// What was asked for and does not count, or nothing.
  const std::string& Asked(std::string_view name) const;

  /// Sets the defaults of the level that "optimization-level" says, where nothing else is set.
  Status SetFromLevel();

  bool Flag(std::string_view name) const;
  std::int64_t Integer(std::string_view name) const;
  double Number(std::string_view name) const;
  const std::string& Text(std::string_view name) const;
  /// The values of an option that may be given several times, in their order.
  const std::vector<std::string>& List(std::string_view name) const;
  bool IsSet(std::string_view name) const;  // not empty
  OptionOrigin Origin(std::string_view name) const;
  /// Whole numbers of an option that has several, in their order; words among them are left out.
  std::vector<int> Integers(std::string_view name) const;
  /// One line each, for the log: settings that were taken and mean something else, or nothing.
  const std::vector<std::string>& notes() const { return notes_; }
  void AddNote(std::string note);  // once

 private:
  struct Value {
    std::string text;               // of a list: the first value
    std::vector<std::string> list;  // of a list
    std::string asked;              // before Settle
    OptionOrigin origin = OptionOrigin::kDefault;
  };
  const Value& Find(std::string_view name) const;
  Status SetRow(std::string_view name, std::string_view text, OptionOrigin origin);
  Status SetVllmFlag(std::string_view name, std::string_view text, OptionOrigin origin);
  Status SetObject(std::string_view name, std::string_view text, OptionOrigin origin);

  std::vector<Value> values_;  // parallel to the option list
  std::vector<std::string> notes_;
};

struct ResolvedOption {
  std::string name;   // "max-num-seqs", "compilation-config.mode"
  std::string value;  // empty: unset; secrets are shown as "***"
  OptionOrigin origin = OptionOrigin::kDefault;
  std::string asked;             // what was set, where another setting or the platform overrules it
  std::string condition;         // of a pass: what a model must have for it
  std::optional<bool> is_taken;  // of a pass that is on, for a model: whether the model has it
};

struct ResolvedOptions {
  std::string model;                 // as the option says; empty: none
  int level = 0;                     // of the program: 0 runs portable kernels
  int max_tokens = 0;                // of a step
  std::vector<ResolvedOption> rows;  // in the order of the option list; old names only where they are set
  std::vector<std::string> notes;    // one line each: settings that mean something else, or nothing
};

/// Checks and joins the options of an engine and a server, those of requests left out. With a model its
/// headers are read, and its graph is compiled without machine code, for is_taken and level. Errors: those of
/// Engine::Create that need no weights. Takes milliseconds; any thread.
Result<ResolvedOptions> ResolveOptions(const Options& options);

}  // namespace vivace
