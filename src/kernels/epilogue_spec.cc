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

}  // namespace

std::string_view Name(StepKind kind) {
  return kStepRows[static_cast<std::size_t>(kind)].text;
}

const std::array<EpilogueArgument, 3>& ArgumentsOf(StepKind kind) {
  return kStepRows[static_cast<std::size_t>(kind)].arguments;
}

EpilogueLists QkvSteps() {
  return {EpilogueSteps{{Kind::kRowScale}, {Kind::kRope}, {Kind::kFloats}},
          EpilogueSteps{{Kind::kRowScale}, {Kind::kRope}, {Kind::kKey}},
          EpilogueSteps{{Kind::kRowScale}, {Kind::kValue}}};
}

EpilogueLists ResidualQuantSteps() {
  return {EpilogueSteps{{Kind::kResidual}, {Kind::kSquares}, {Kind::kNorm}, {Kind::kActivations}}};
}

EpilogueLists SiluMulQuantSteps() {
  return {EpilogueSteps{{Kind::kRowScale}, {Kind::kGateSilu}, {Kind::kActivations}}};
}

EpilogueLists LogitsSteps() {
  return {EpilogueSteps{{Kind::kRowScale}, {Kind::kFloats}}};
}

EpilogueLists FloatsSteps() {
  return {EpilogueSteps{{Kind::kFloats}}};
}

EpilogueLists NormQuantSteps() {
  return {EpilogueSteps{{Kind::kSquares}, {Kind::kNorm}, {Kind::kActivations}}};
}

}  // namespace vivace::kernels
