// CPUID leaves 0, 1, 7 and the extended ones for names; XGETBV for the register states that the operating
// system saves.
#include "base/cpu_features.h"

#include <cpuid.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace vivace::base {
namespace {

struct Leaf {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero when the CPU does not have the leaf.
Leaf Cpuid(std::uint32_t leaf, std::uint32_t subleaf = 0) {
  Leaf out;
  if (__get_cpuid_count(leaf, subleaf, &out.eax, &out.ebx, &out.ecx, &out.edx) == 0) return Leaf{};
  return out;
}

bool Bit(std::uint32_t word, int bit) {
  return (word >> bit & 1) != 0;
}

// XCR0: which register states the operating system saves. Read only when CPUID says that XGETBV exists.
std::uint64_t SavedStates() {
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<std::uint64_t>(high) << 32 | low;
}

std::string VendorName() {
  const Leaf leaf = Cpuid(0);
  std::array<char, 12> text{};
  std::memcpy(text.data(), &leaf.ebx, 4);
  std::memcpy(text.data() + 4, &leaf.edx, 4);
  std::memcpy(text.data() + 8, &leaf.ecx, 4);
  return {text.data(), text.size()};
}

std::string BrandName() {
  if (Cpuid(0x80000000u).eax < 0x80000004u) return {};
  std::array<char, 49> text{};
  for (std::uint32_t i = 0; i < 3; ++i) {
    const Leaf leaf = Cpuid(0x80000002u + i);
    std::memcpy(text.data() + 16 * i, &leaf, 16);
  }
  std::string name(text.data());
  const std::size_t first = name.find_first_not_of(' ');
  const std::size_t last = name.find_last_not_of(' ');
  return first == std::string::npos ? std::string() : name.substr(first, last - first + 1);
}

void ReadFamily(std::uint32_t signature, CpuFeatures& out) {
  const auto field = [signature](int shift, std::uint32_t mask) {
    return static_cast<int>(signature >> shift & mask);
  };
  out.family = field(8, 15) == 15 ? 15 + field(20, 255) : field(8, 15);
  out.stepping = field(0, 15);
  out.model_number = field(4, 15) | field(16, 15) << 4;
}

void ReadAvx(const Leaf& leaf1, CpuFeatures& out) {
  constexpr std::uint64_t kYmmStates = 0x6;       // xmm, upper halves of ymm
  constexpr std::uint64_t kZmmStates = 0xe6;      // and mask registers, upper halves of zmm, zmm16-31
  constexpr std::uint64_t kTileStates = 0x60000;  // tile configuration and data
  if (!Bit(leaf1.ecx, 27)) return;                // OSXSAVE
  const std::uint64_t saved = SavedStates();
  const Leaf leaf7 = Cpuid(7);
  if ((saved & kYmmStates) == kYmmStates) {
    out.avx = Bit(leaf1.ecx, 28);
    out.fma = Bit(leaf1.ecx, 12);
    out.f16c = Bit(leaf1.ecx, 29);
    out.avx2 = Bit(leaf7.ebx, 5);
    out.avx_vnni = leaf7.eax >= 1 && Bit(Cpuid(7, 1).eax, 4);
  }
  if ((saved & kTileStates) == kTileStates) {
    out.amx_bf16 = Bit(leaf7.edx, 22);
    out.amx_tile = Bit(leaf7.edx, 24);
    out.amx_int8 = Bit(leaf7.edx, 25);
  }
  if ((saved & kZmmStates) == kZmmStates) {
    out.avx512f = Bit(leaf7.ebx, 16);
    out.avx512dq = Bit(leaf7.ebx, 17);
    out.avx512cd = Bit(leaf7.ebx, 28);
    out.avx512bw = Bit(leaf7.ebx, 30);
    out.avx512vl = Bit(leaf7.ebx, 31);
    out.avx512_vnni = Bit(leaf7.ecx, 11);
    out.avx512_bf16 = leaf7.eax >= 1 && Bit(Cpuid(7, 1).eax, 5);
    out.avx512_fp16 = Bit(leaf7.edx, 23);
  }
}

}  // namespace

std::vector<std::string_view> CpuFeatures::Names() const {
  std::vector<std::string_view> names;
#define VIVACE_CPU_FEATURE(member, name) \
  if (member) names.emplace_back(name);
  VIVACE_CPU_FEATURES(VIVACE_CPU_FEATURE)
#undef VIVACE_CPU_FEATURE
  return names;
}

CpuFeatures DetectCpuFeatures() {
  CpuFeatures out;
  out.vendor = VendorName();
  out.model = BrandName();
  const Leaf leaf1 = Cpuid(1);
  ReadFamily(leaf1.eax, out);
  out.sse3 = Bit(leaf1.ecx, 0);
  out.ssse3 = Bit(leaf1.ecx, 9);
  out.sse4_1 = Bit(leaf1.ecx, 19);
  out.sse4_2 = Bit(leaf1.ecx, 20);
  out.popcnt = Bit(leaf1.ecx, 23);
  out.cmpxchg16b = Bit(leaf1.ecx, 13);
  out.movbe = Bit(leaf1.ecx, 22);
  const Leaf extended = Cpuid(0x80000001u);
  out.lahf_sahf = Bit(extended.ecx, 0);
  out.lzcnt = Bit(extended.ecx, 5);
  const Leaf leaf7 = Cpuid(7);
  out.bmi1 = Bit(leaf7.ebx, 3);
  out.bmi2 = Bit(leaf7.ebx, 8);
  ReadAvx(leaf1, out);
  return out;
}

}  // namespace vivace::base
