// Zydis decodes; see disassembly.h.
#include "codegen/disassembly.h"

#include <Zydis/Zydis.h>
#include <fmt/format.h>

#include "base/check.h"

namespace vivace::codegen {

std::vector<AssemblyLine> Disassemble(std::span<const std::byte> code, std::size_t offset) {
  ZydisDecoder decoder;
  ZydisFormatter formatter;
  VIVACE_CHECK(ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
               ZYAN_SUCCESS(ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL)));
  for (const auto property :
       {ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_FORMATTER_PROP_DISP_PADDING}) {
    VIVACE_CHECK(ZYAN_SUCCESS(
        ZydisFormatterSetProperty(&formatter, property, static_cast<ZyanUPointer>(ZYDIS_PADDING_DISABLED))));
  }
  std::vector<AssemblyLine> lines;
  ZydisDecodedInstruction instruction;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  char text[192];
  for (std::size_t at = 0; at < code.size();) {
    const std::span<const std::byte> rest = code.subspan(at);
    AssemblyLine line{offset + at, 1, fmt::format("db {:#04x}", std::to_integer<int>(rest[0]))};
    const bool decoded =
        ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, rest.data(), rest.size(), &instruction, operands));
    if (decoded && ZYAN_SUCCESS(ZydisFormatterFormatInstruction(&formatter, &instruction, operands,
                                                                instruction.operand_count_visible, text,
                                                                sizeof(text), offset + at, nullptr))) {
      line.bytes = instruction.length;
      line.text = text;
    }
    at += line.bytes;
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace vivace::codegen
