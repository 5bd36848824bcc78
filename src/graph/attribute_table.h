// The one list of node attributes: their names in the text form and their members.
#pragma once

#include <string_view>

#include "graph/graph.h"

namespace vivace::graph {

struct IntegerAttribute {
  std::string_view name;
  std::int32_t Attributes::*member;
};
struct FloatAttribute {
  std::string_view name;
  float Attributes::*member;
};

inline constexpr IntegerAttribute kIntegerAttributes[] = {
    {"heads", &Attributes::heads}, {"kv_heads", &Attributes::kv_heads}, {"head_dim", &Attributes::head_dim},
    {"half", &Attributes::half},   {"scaling", &Attributes::scaling},   {"window", &Attributes::window},
};
inline constexpr FloatAttribute kFloatAttributes[] = {
    {"eps", &Attributes::eps},       {"scale", &Attributes::scale},     {"theta", &Attributes::theta},
    {"offset", &Attributes::offset}, {"softcap", &Attributes::softcap},
};

}  // namespace vivace::graph
