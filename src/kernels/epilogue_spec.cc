#include "kernels/epilogue_spec.h"

#include <algorithm>

namespace vivace::kernels {

namespace {

using Arguments = std::array<EpilogueArgument, 3>;

constexpr Arguments ArgumentsFrom(std::initializer_list<EpilogueArgument> list) {
  Arguments arguments = {kNoArgument, kNoArgument, kNoArgument};
  std::copy(list.begin(), list.end(), arguments.begin());
  return arguments;
}

struct StepRow {
  std::string_view text;
  Arguments arguments;
};
constexpr StepRow kStepRows[] = {
#define VIVACE_X(id, text, ...) {text, ArgumentsFrom({__VA_ARGS__})},
    VIVACE_EPILOGUE_STEPS(VIVACE_X)
#undef VIVACE_X
};

using Kind = StepKind;

constexpr EpilogueLists kQkvRopeAppend = {EpilogueSteps{{Kind::kRowScale}, {Kind::kRope}, {Kind::kFloats}},
                                          EpilogueSteps{{Kind::kRowScale}, {Kind::kRope}, {Kind::kKey}},
                                          EpilogueSteps{{Kind::kRowScale}, {Kind::kValue}}};
constexpr EpilogueLists kResidualQuant = {
    EpilogueSteps{{Kind::kResidual}, {Kind::kSquares}, {Kind::kNorm}, {Kind::kActivations}}};
constexpr EpilogueLists kSiluMulQuant = {
    EpilogueSteps{{Kind::kRowScale}, {Kind::kGateSilu}, {Kind::kActivations}}};
constexpr EpilogueLists kLogits = {EpilogueSteps{{Kind::kRowScale}, {Kind::kFloats}}};
constexpr EpilogueLists kPlain = {EpilogueSteps{{Kind::kFloats}}};
constexpr EpilogueLists kNone = {};

}  // namespace

std::string_view Name(StepKind kind) {
  return kStepRows[static_cast<std::size_t>(kind)].text;
}

const std::array<EpilogueArgument, 3>& ArgumentsOf(StepKind kind) {
  return kStepRows[static_cast<std::size_t>(kind)].arguments;
}

const EpilogueLists& ListsOf(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::kQkvRopeAppend:
      return kQkvRopeAppend;
    case Epilogue::kResidualQuant:
      return kResidualQuant;
    case Epilogue::kSiluMulQuant:
      return kSiluMulQuant;
    case Epilogue::kLogits:
      return kLogits;
    case Epilogue::kFloats:
      return kPlain;
    case Epilogue::kSteps:
      return kNone;
  }
  return kNone;
}

}  // namespace vivace::kernels
