// The names in the text form: phase attributes and column orders, each in one list that Print and Parse
// share.
#pragma once

#include <string_view>

#include "program/program.h"

namespace vivace::program {

struct IntegerField {
  std::string_view name;
  int Phase::*member;
};
struct FloatField {
  std::string_view name;
  float Phase::*member;
};

inline constexpr IntegerField kIntegerFields[] = {{"k", &Phase::k},
                                                  {"n", &Phase::n},
                                                  {"heads", &Phase::heads},
                                                  {"head_dim", &Phase::head_dim},
                                                  {"rope", &Phase::rope},
                                                  {"half", &Phase::half},
                                                  {"window", &Phase::window},
                                                  {"output_k", &Phase::output_k},
                                                  {"rope_rows", &Phase::rope_rows}};
inline constexpr FloatField kFloatFields[] = {{"eps", &Phase::eps},
                                              {"scale", &Phase::scale},
                                              {"theta", &Phase::theta},
                                              {"offset", &Phase::offset},
                                              {"softcap", &Phase::softcap}};

struct FlagField {
  std::string_view name;
  bool Phase::*member;
};
inline constexpr FlagField kFlagFields[] = {
    {"logit_rows", &Phase::logit_rows}, {"float_output", &Phase::float_output}, {"joined", &Phase::joined}};

struct ProgramField {
  std::string_view name;
  int Program::*member;
};
inline constexpr ProgramField kProgramFields[] = {{"level", &Program::level},
                                                  {"vocabulary", &Program::vocabulary},
                                                  {"hidden", &Program::hidden},
                                                  {"max_positions", &Program::max_positions},
                                                  {"attention_tile_rows", &Program::attention_tile_rows}};

inline constexpr std::string_view kColumnOrders[] = {"plain", "rope_pairs", "rope_halves", "gate_up_pairs"};

/// The list of a phase without parts, and those of the parts.
inline constexpr std::string_view kListName = "steps";
inline constexpr std::string_view kPartNames[] = {"q_steps", "k_steps", "v_steps"};

struct PlanField {
  std::string_view name;
  int kernels::TilePlan::*member;
};
inline constexpr PlanField kPlanFields[] = {{"direct_rows", &kernels::TilePlan::direct_rows},
                                            {"task_units", &kernels::TilePlan::task_units}};

/// True for the kinds whose phases have a weight type worth printing.
constexpr bool HasWeightType(PhaseKind kind) {
  return kind == PhaseKind::kEmbed || kind == PhaseKind::kLinear || kind == PhaseKind::kPanelEmbed ||
         kind == PhaseKind::kPanelGemm;
}

}  // namespace vivace::program
