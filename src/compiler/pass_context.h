// What a pass may know besides the graph, and which passes run.
#pragma once

#include <string>
#include <vector>

#include "codegen/target.h"
#include "compiler/compiler.h"
#include "tensor/dtype.h"

namespace vivace::compiler {

struct PassContext {
  int level = 0;
  ActivationDType activation = ActivationDType::kAuto;
  tensor::DType kv_type = tensor::DType::kF16;
  codegen::Target target = codegen::HostTarget();
};

/// Passes by name that run against their level's default. A name in both lists, or that is no pass, is
/// refused.
struct PassSelection {
  std::vector<std::string> disabled = {}, enabled = {};
};

}  // namespace vivace::compiler
