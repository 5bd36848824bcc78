#include "program/tuning_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <variant>

#include "base/status_macros.h"
#include "base/text_scanner.h"

namespace vivace::program {
namespace {

constexpr std::string_view kTitle = "vivace tuning 1";
constexpr int kMostColumns = 1 << 24;  // larger than any vocabulary
constexpr float kMostMicroseconds = 1e9F;

template <class Table>
Result<int> IndexIn(const Table& rows, base::TextScanner& scan, std::string_view what) {
  VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan.Word());
  for (std::size_t i = 0; i < std::size(rows); ++i) {
    if (rows[i].name == name) return static_cast<int>(i);
  }
  return scan.Error(fmt::format("there is no {} '{}'", what, name.substr(0, 40)));
}

/// "n 960": a number behind its name.
Status Field(base::TextScanner& scan, std::string_view name, int minimum, int maximum, int& value) {
  VIVACE_RETURN_IF_ERROR(scan.Expect(name));
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t number, scan.Integer(minimum, maximum));
  value = static_cast<int>(number);
  return Status::Ok();
}

Status NextInteger(base::TextScanner& scan, int minimum, int maximum, int& value) {
  VIVACE_ASSIGN_OR_RETURN(const std::int64_t number, scan.Integer(minimum, maximum));
  value = static_cast<int>(number);
  return Status::Ok();
}

Status NextTime(base::TextScanner& scan, double& value) {
  VIVACE_ASSIGN_OR_RETURN(const float number, scan.Number());
  if (!(number >= 0 && number <= kMostMicroseconds))
    return scan.Error("a time must be 0 to 1e9 microseconds");
  value = number;
  return Status::Ok();
}

Status ReadKey(base::TextScanner& scan, TuningKey& key) {
  VIVACE_RETURN_IF_ERROR(scan.Expect(Name(PhaseKind::kPanelGemm)));
  VIVACE_ASSIGN_OR_RETURN(const int type, IndexIn(tensor::kWeightClassRows, scan, "weight class"));
  VIVACE_ASSIGN_OR_RETURN(const int activation, IndexIn(tensor::kActivationRows, scan, "activation type"));
  key.type = static_cast<tensor::WeightClass>(type);
  key.activation = static_cast<tensor::ActivationType>(activation);
  VIVACE_RETURN_IF_ERROR(Field(scan, "n", 1, kMostColumns, key.n));
  VIVACE_RETURN_IF_ERROR(Field(scan, "k", 1, kMostColumns, key.k));
  VIVACE_RETURN_IF_ERROR(Field(scan, "rows", 1, TuningTable::kMostRows, key.first_rows));
  VIVACE_RETURN_IF_ERROR(NextInteger(scan, key.first_rows, TuningTable::kMostRows, key.last_rows));
  return Field(scan, "threads", 1, TuningTable::kMostThreads, key.threads);
}

Status ReadPlan(base::TextScanner& scan, kernels::TilePlan& plan) {
  VIVACE_RETURN_IF_ERROR(Field(scan, "plan", 0, kernels::kMaximumTileRows, plan.direct_rows));
  int expand = 0;
  VIVACE_RETURN_IF_ERROR(NextInteger(scan, 0, 1, expand));
  plan.expand = expand == 1;
  return NextInteger(scan, 0, TuningTable::kMostUnits, plan.task_units);
}

Result<TuningResult> ReadResult(base::TextScanner& scan) {
  TuningResult result;
  VIVACE_RETURN_IF_ERROR(ReadKey(scan, result.key));
  VIVACE_RETURN_IF_ERROR(ReadPlan(scan, result.plan));
  VIVACE_RETURN_IF_ERROR(Field(scan, "rounds", 0, TuningTable::kMostRounds, result.rounds));
  VIVACE_RETURN_IF_ERROR(scan.Expect("us"));
  VIVACE_RETURN_IF_ERROR(NextTime(scan, result.default_us));
  VIVACE_RETURN_IF_ERROR(NextTime(scan, result.chosen_us));
  VIVACE_RETURN_IF_ERROR(scan.ExpectLineDone());
  return result;
}

/// The rest of the line, word by word; spaces between words become one.
Result<std::string> RestOfLine(base::TextScanner& scan) {
  std::string words;
  while (!scan.LineDone()) {
    VIVACE_ASSIGN_OR_RETURN(const std::string_view word, scan.Word());
    words += (words.empty() ? "" : " ") + std::string(word);
  }
  return words;
}

}  // namespace

bool IsTunable(const Phase& phase) {
  return std::holds_alternative<kernels::PanelGemmSpec>(phase.spec);
}

TuningKey KeyOf(const Phase& phase, int first_rows, int last_rows, int threads) {
  const auto& spec = std::get<kernels::PanelGemmSpec>(phase.spec);
  return {spec.type, spec.activation, spec.epilogue.n, spec.k, first_rows, last_rows, threads};
}

const TuningResult* TuningTable::Find(const TuningKey& key) const {
  const auto found =
      std::find_if(results_.begin(), results_.end(), [&](const TuningResult& r) { return r.key == key; });
  return found == results_.end() ? nullptr : &*found;
}

void TuningTable::Set(const TuningResult& result) {
  std::erase_if(results_, [&](const TuningResult& r) { return r.key == result.key; });
  if (results_.size() == kMostResults) results_.erase(results_.begin());
  results_.push_back(result);
}

std::string Print(const TuningTable& table) {
  std::string out = std::string(kTitle) + "\n";
  if (!table.host.empty()) out += "host " + table.host + "\n";
  for (const auto& [key, plan, rounds, default_us, chosen_us] : table.results()) {
    out +=
        fmt::format("{} {} {} n {} k {} rows {} {} threads {} plan {} {:d} {} rounds {} us {:.3f} {:.3f}\n",
                    Name(PhaseKind::kPanelGemm), tensor::Row(key.type).name, tensor::Row(key.activation).name,
                    key.n, key.k, key.first_rows, key.last_rows, key.threads, plan.direct_rows, plan.expand,
                    plan.task_units, rounds, default_us, chosen_us);
  }
  return out;
}

Result<TuningTable> ParseTuning(std::string_view text) {
  base::TextScanner scan(text);
  TuningTable table;
  if (!scan.NextLine()) return InvalidArgument("line 1: expected 'vivace tuning 1', the text is empty");
  for (const std::string_view word : {"vivace", "tuning", "1"}) VIVACE_RETURN_IF_ERROR(scan.Expect(word));
  VIVACE_RETURN_IF_ERROR(scan.ExpectLineDone());
  bool more = scan.NextLine();
  if (more && scan.Accept("host")) {
    VIVACE_ASSIGN_OR_RETURN(table.host, RestOfLine(scan));
    more = scan.NextLine();
  }
  std::vector<TuningResult> results;
  for (; more; more = scan.NextLine()) {
    if (results.size() == TuningTable::kMostResults)
      return scan.Error(fmt::format("more than {} results", TuningTable::kMostResults));
    VIVACE_ASSIGN_OR_RETURN(TuningResult result, ReadResult(scan));
    results.push_back(result);
  }
  for (const TuningResult& result : results) table.Set(result);
  return table;
}

}  // namespace vivace::program
