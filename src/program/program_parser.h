// The parser of the text form: program_parser.cc reads the program's lines, phase_parser.cc those of phases
// and of plans. Internal to this folder.
#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status_macros.h"
#include "base/text_scanner.h"
#include "program/program.h"

namespace vivace::program {

inline constexpr std::int64_t kMaxInt = std::numeric_limits<std::int32_t>::max();
inline constexpr int kMaxLayers = 1 << 16;

// One use: Run. Errors name the line and what is left of it.
class Parser {
 public:
  explicit Parser(std::string_view text) : scan_(text) {}
  Result<Program> Run();

 private:
  Status Header();
  Status Rope();
  Status Kv();
  Status BufferLine();
  Status ParseBody();
  Status Slot();
  Status PhaseLine();
  Status PhaseOperands(Phase& phase);
  Status PhaseFact(std::string_view name, Phase& phase);
  Status Steps(kernels::EpilogueSteps& steps);
  Status Specialise();
  Status Plan(Specialisation& specialisation);
  Result<tensor::ColumnOrder> Order();
  Result<tensor::ActivationType> RowType();
  Status Computes();
  Status PhaseAttribute(std::string_view name, Phase& phase);
  Status RunLine();
  Status Bindings(const Body& body, std::vector<Weight>& weights);
  void AddLayer(Layer layer, const std::vector<Weight>& weights);
  Result<BufferId> BufferByName();
  Result<tensor::DType> Type();
  Result<int> Integer() {
    VIVACE_ASSIGN_OR_RETURN(const std::int64_t value, scan_.Integer(0, kMaxInt));
    return static_cast<int>(value);
  }
  /// "{name = <value>, ...}", or nothing. `read` takes a name and reads its value.
  template <class Read>
  Status Attributes(const Read& read);
  Body& body() { return program_.bodies.back(); }

  base::TextScanner scan_;
  Program program_;
  std::vector<std::vector<Weight>> slot_packing_;  // [body][slot]: packed, layout, order
  std::unordered_map<std::string, WeightId> weight_ids_;
};

template <class Read>
Status Parser::Attributes(const Read& read) {
  if (!scan_.Accept("{")) return Status::Ok();
  do {
    VIVACE_ASSIGN_OR_RETURN(const std::string_view name, scan_.Word());
    VIVACE_RETURN_IF_ERROR(scan_.Expect("="));
    VIVACE_RETURN_IF_ERROR(read(name));
  } while (scan_.Accept(","));
  return scan_.Expect("}");
}

}  // namespace vivace::program
