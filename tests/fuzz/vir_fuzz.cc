// Any bytes as the text form of the vector IR.
#include "codegen/vir.h"
#include "text_form.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace form = vivace::codegen;
  vivace::fuzz::CheckTextForm(
      data, size, [](std::string_view text) { return form::Parse(text); },
      [](const auto& value) { return form::Verify(value); },
      [](const auto& value) { return form::Print(value); });
  return 0;
}
