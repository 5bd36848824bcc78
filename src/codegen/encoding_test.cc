// What instructions a target's code consists of, by a disassembler: nothing that the target lacks, and in the
// encoding that it has. Also for targets that this CPU cannot run.
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "codegen/kernel_library.h"
#include "codegen/random_program.h"
#include "codegen/target_fixture.h"

namespace vivace::codegen {
namespace {

struct Encoded {
  std::string text;  // "vaddps zmm0, zmm1, zmm2"
  int first_byte;
};

constexpr int kEvexPrefix = 0x62;

// The instructions of `programs` random kernels, constants left out.
std::vector<Encoded> Instructions(const Target& target, int programs) {
  std::vector<Encoded> all;
  KernelLibrary library(target);
  for (int seed = 0; seed < programs; ++seed) {
    const auto id = library.Compile(MakeRandomProgram(static_cast<std::uint64_t>(seed), 150, target.vectors));
    EXPECT_TRUE(id.ok()) << id.status().message();
    if (!id.ok()) continue;
    const std::vector<std::byte> bytes = library.CodeBytes(*id);
    std::istringstream dump(library.Dump(*id));
    std::string line;
    std::getline(dump, line);  // the header
    while (std::getline(dump, line)) {
      const std::size_t offset = std::stoul(line.substr(0, 5), nullptr, 16);
      const std::string text = line.substr(7, line.find("  ", 7) - 7);
      if (text.rfind("dd ", 0) == 0) break;  // constants
      if (!text.empty()) all.push_back({text, std::to_integer<int>(bytes[offset])});
    }
  }
  return all;
}

bool Uses(const Encoded& instruction, std::string_view what) {
  return instruction.text.find(what) != std::string::npos;
}

TEST(Encoding, EveryByteIsPartOfAnInstruction) {
  for (const Target& target : TargetsUnderTest()) {
    for (const Encoded& instruction : Instructions(target, 40)) {
      ASSERT_FALSE(Uses(instruction, "db 0x")) << target.name << ": " << instruction.text;
    }
  }
}

TEST(Encoding, Avx2HasNoEvexAndNoWideRegisters) {
  for (const Target& target : {PlainAvx2(), Avx2WithVnni()}) {
    int dots = 0;
    for (const Encoded& instruction : Instructions(target, 40)) {
      ASSERT_NE(instruction.first_byte, kEvexPrefix) << target.name << ": " << instruction.text;
      ASSERT_FALSE(Uses(instruction, "zmm") || Uses(instruction, " k1") || Uses(instruction, "bf16"))
          << target.name << ": " << instruction.text;
      dots += Uses(instruction, "vpdpbusd") || Uses(instruction, "vpdpwssd") ? 1 : 0;
    }
    EXPECT_EQ(dots > 0, target.vnni) << target.name;
  }
}

TEST(Encoding, Avx512TakesBf16InstructionsOnlyWhereTheTargetHasThem) {
  Target with = PlainAvx512();
  with.bf16 = true;
  for (const Target& target : {PlainAvx512(), with}) {
    int bf16 = 0;
    for (const Encoded& instruction : Instructions(target, 40)) {
      bf16 += Uses(instruction, "vdpbf16ps") || Uses(instruction, "vcvtneps2bf16") ? 1 : 0;
    }
    EXPECT_EQ(bf16 > 0, target.bf16) << target.name;
  }
}

}  // namespace
}  // namespace vivace::codegen
