#include "compiler/make_kernels.h"

#include <memory>

#include "base/status_macros.h"
#include "codegen/kernel_library.h"
#include "kernels/paged_attention.h"
#include "kernels/panel.h"

namespace vivace::compiler {
namespace {

/// One phase's kernels, by the kind of its specification.
struct MakePhaseKernels {
  codegen::KernelLibrary& library;
  program::Phase& phase;

  Status operator()(std::monostate) const { return Status::Ok(); }
  Status operator()(const kernels::PanelGemmSpec& spec) const {
    VIVACE_ASSIGN_OR_RETURN(phase.kernels, kernels::CompilePanelGemm(spec, library));
    return Status::Ok();
  }
  Status operator()(const kernels::PagedAttentionSpec& spec) const {
    VIVACE_ASSIGN_OR_RETURN(phase.kernels, kernels::CompilePagedAttention(spec, library));
    return Status::Ok();
  }
  Status operator()(const kernels::PanelEmbedSpec& spec) const {
    VIVACE_ASSIGN_OR_RETURN(phase.kernels, kernels::CompilePanelEmbed(spec, library));
    return Status::Ok();
  }
  Status operator()(const kernels::RowStepsSpec& spec) const {
    VIVACE_ASSIGN_OR_RETURN(phase.kernels, kernels::CompileRowSteps(spec, library));
    return Status::Ok();
  }
};

}  // namespace

bool CanMakeKernels(const codegen::Target& target) {
  return codegen::KernelLibrary::Supported(target);
}

Status MakeKernels(program::Program& program, const codegen::Target& target,
                   codegen::CompilationMeter* meter) {
  program.library = std::make_unique<codegen::KernelLibrary>(target, meter);
  for (program::Body& body : program.bodies) {
    for (program::Phase& phase : body.phases) {
      VIVACE_RETURN_IF_ERROR(std::visit(MakePhaseKernels{*program.library, phase}, phase.spec));
    }
  }
  return program.library->Seal();
}

std::string VectorIrText(const program::Program& program) {
  std::string text;
  for (int i = 0; program.library && i < program.library->size(); ++i) {
    text += program.library->Text(codegen::KernelId{i}) + "\n";
  }
  return text;
}

std::string AssemblyText(const program::Program& program) {
  std::string text;
  for (int i = 0; program.library && i < program.library->size(); ++i) {
    text += program.library->Dump(codegen::KernelId{i}) + "\n";
  }
  return text;
}

}  // namespace vivace::compiler
