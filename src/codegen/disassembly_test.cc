#include "codegen/disassembly.h"

#include <gtest/gtest.h>

namespace vivace::codegen {
namespace {

std::vector<std::byte> Bytes(std::initializer_list<int> values) {
  std::vector<std::byte> bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

std::string OneLine(std::initializer_list<int> bytes) {
  const std::vector<AssemblyLine> lines = Disassemble(Bytes(bytes));
  return lines.size() == 1 ? lines[0].text : "not one instruction";
}

// The bytes are the GNU assembler's.
TEST(Disassembly, KnowsEveryExtensionThatTheEmittersUse) {
  EXPECT_EQ(OneLine({0x48, 0x8b, 0x47, 0x08}), "mov rax, [rdi+0x8]");
  EXPECT_EQ(OneLine({0x62, 0xf2, 0x6d, 0x28, 0x50, 0xcb}), "vpdpbusd ymm1, ymm2, ymm3");
  EXPECT_EQ(OneLine({0xc4, 0xe2, 0x6d, 0x50, 0xcb}), "vpdpbusd ymm1, ymm2, ymm3");  // AVX-VNNI
  EXPECT_EQ(OneLine({0x62, 0xf2, 0x6e, 0x48, 0x52, 0xcb}), "vdpbf16ps zmm1, zmm2, zmm3");
  EXPECT_EQ(OneLine({0x62, 0xf2, 0x7e, 0x48, 0x72, 0xca}), "vcvtneps2bf16 ymm1, zmm2");
  EXPECT_EQ(OneLine({0xc4, 0xe2, 0x69, 0x5e, 0xc1}), "tdpbusd tmm0, tmm1, tmm2");
  EXPECT_EQ(OneLine({0xc4, 0xe2, 0x6a, 0x5c, 0xf9}), "tdpbf16ps tmm7, tmm1, tmm2");
}

TEST(Disassembly, JumpsAndConstantsShowTheOffsetThatTheyLeadTo) {
  const std::vector<AssemblyLine> lines =
      Disassemble(Bytes({0x75, 0xfe, 0x48, 0x8b, 0x05, 0x01, 0, 0, 0}), 0x100);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].text, "jnz 0x100");
  EXPECT_EQ(lines[1].text, "mov rax, [0x10A]");
  EXPECT_EQ(lines[1].offset, 0x102u);
  EXPECT_EQ(lines[1].bytes, 7u);
}

TEST(Disassembly, BytesThatAreNoInstructionAreShownOneByOne) {
  const std::vector<AssemblyLine> lines = Disassemble(Bytes({0x06, 0xc3, 0x62}));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].text, "db 0x06");
  EXPECT_EQ(lines[1].text, "ret");
  EXPECT_EQ(lines[2].text, "db 0x62");
}

}  // namespace
}  // namespace vivace::codegen
