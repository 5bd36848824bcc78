// Options of the artifact cache: what a start keeps for the next one, and where.
#include <array>

#include "engine/option_list.h"

namespace vivace::engine {
namespace {

using base::kCacheOption;
using base::kModelOption;
using base::OptionRow;
using base::OptionType;

constexpr double kAny = 9e15;  // no upper bound that a person could mean

// clang-format off: a table
constexpr std::array kRows = {
    OptionRow{.name = "no-cache",
              .type = OptionType::kFlag,
              .default_text = "false",
              .environment = "VIVACE_DISABLE_COMPILE_CACHE|VLLM_DISABLE_COMPILE_CACHE",
              .help = "look for no artifact and write none"},
    OptionRow{.name = "cache-dir",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kModelOption | kCacheOption,
              .help = "folder of artifacts, made when it is missing (-cc.cache_dir); unset: 'artifacts' in "
                      "--cache-root",
              .short_form = "o"},
    OptionRow{.name = "cache-root",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kModelOption | kCacheOption,
              .environment = "VIVACE_CACHE_ROOT|VLLM_CACHE_ROOT|TORCHINDUCTOR_CACHE_DIR",
              .help = "folder of all that is kept; unset: vivace in $XDG_CACHE_HOME, or in ~/.cache"},
    OptionRow{.name = "artifact-verify",
              .type = OptionType::kChoice,
              .default_text = "full",
              .choices = "full|manifest",
              .help = "what a start checks of an artifact: all of it, or all but the packed weights (for "
                      "images that nobody can write to)"},
    OptionRow{.name = "require-artifact",
              .type = OptionType::kFlag,
              .default_text = "false",
              .environment = "VLLM_FORCE_AOT_LOAD",
              .help = "fail when there is no artifact of this model with these options, rather than pack the "
                      "weights"},
    OptionRow{.name = "cache-max-bytes",
              .type = OptionType::kInteger,
              .default_text = "0",
              .minimum = 0,
              .maximum = kAny,
              .unit = "bytes",
              .help =
                  "size of the folder of artifacts at most, the longest unused go first; 0: the smaller of "
                  "50 GiB and a fifth of the file system"},
    OptionRow{.name = "artifact-key-file",
              .type = OptionType::kString,
              .default_text = "",
              .scope = kModelOption | kCacheOption,
              .help = "file with a secret: artifacts are signed with it (HMAC-SHA-256), and others are not "
                      "used; keep it outside the folder of artifacts"},
};
// clang-format on

}  // namespace

std::span<const OptionRow> ArtifactOptionRows() {
  return kRows;
}

}  // namespace vivace::engine
