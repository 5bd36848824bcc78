#include "codegen/target.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <string_view>

namespace vivace::codegen {
namespace {

constexpr int kAnyFamily = -1;

/// Facts of a microarchitecture, first match wins.
struct Microarchitecture {
  std::string_view name;
  std::string_view vendor;  // empty: any
  int family;
  // Arithmetic: vdpbf16ps has at least the rate of two float FMA.
  bool fast_bf16_dot;
  PrefetchDistances single_row, single_row_nibbles;
  PrefetchDistances rows;
};

// Zen 4 follows one sequential stream best alone: any software prefetch costs a tile of one row a tenth to a
// quarter of its rate, but for 4-bit weights, which win some percent 4 KiB ahead. Larger tiles, and other
// CPUs, need both levels to come near the rate of a plain read. Intel's cores give vdpbf16ps half the rate of
// float FMA; with AMX, bf16 goes there.
constexpr PrefetchDistances kBothLevels = {.far_bytes = 8192, .near_bytes = 1024};
constexpr std::array<Microarchitecture, 3> kMicroarchitectures = {{
    {"zen4", "AuthenticAMD", 25, true, {}, {.far_bytes = 0, .near_bytes = 4096}, kBothLevels},
    {"zen5", "AuthenticAMD", 26, true, kBothLevels, kBothLevels, kBothLevels},
    {"x86-64", "", kAnyFamily, false, kBothLevels, kBothLevels, kBothLevels},
}};

const Microarchitecture& Find(const base::CpuFeatures& features) {
  for (const Microarchitecture& row : kMicroarchitectures) {
    const bool vendor = row.vendor.empty() || row.vendor == features.vendor;
    if (vendor && (row.family == kAnyFamily || row.family == features.family)) return row;
  }
  return kMicroarchitectures.back();
}

std::string NameOf(const Target& target) {
  if (target.isa == InstructionSet::kNone) return "none";
  std::string name = target.isa == InstructionSet::kAvx512 ? "avx512" : "avx2";
  if (target.vnni) name += "-vnni";
  if (target.bf16) name += "-bf16";
  if (target.fp16) name += "-fp16";
  if (target.amx_int8) name += "-amx";
  return name;
}

}  // namespace

Target TargetFor(const base::CpuFeatures& features) {
  Target target;
  if (features.HasAvx512Vnni()) {
    target.isa = InstructionSet::kAvx512;
    target.vectors = 30;
    target.vnni = true;
    target.bf16 = features.avx512_bf16;
    target.fp16 = features.avx512_fp16;
    target.amx_int8 = features.amx_tile && features.amx_int8;
    target.amx_bf16 = features.amx_tile && features.amx_bf16;
  } else if (features.avx2 && features.fma && features.f16c) {
    target.isa = InstructionSet::kAvx2;
    target.vectors = 7;
    target.vnni_vex = features.avx_vnni;
    target.vnni = features.avx_vnni || (features.avx512_vnni && features.avx512vl);
  }
  const Microarchitecture& facts = Find(features);
  target.bf16_dot = (target.bf16 && facts.fast_bf16_dot) || target.amx_bf16;
  target.prefetch_single_row = facts.single_row;
  target.prefetch_single_row_nibbles = facts.single_row_nibbles;
  target.prefetch_rows = facts.rows;
  target.name = NameOf(target);
  return target;
}

bool CanRun(const Target& target, const base::CpuFeatures& features) {
  const bool avx2 = features.avx2 && features.fma && features.f16c;
  switch (target.isa) {
    case InstructionSet::kNone:
      return false;
    case InstructionSet::kAvx2: {
      const bool evex_vnni = features.avx512_vnni && features.avx512vl;
      return avx2 && (!target.vnni || (target.vnni_vex ? features.avx_vnni : evex_vnni));
    }
    case InstructionSet::kAvx512:
      return features.HasAvx512Vnni() && (!target.bf16 || features.avx512_bf16) &&
             (!target.fp16 || features.avx512_fp16) &&
             (!target.amx_int8 || (features.amx_tile && features.amx_int8)) &&
             (!target.amx_bf16 || (features.amx_tile && features.amx_bf16));
  }
  return false;
}

const Target& HostTarget() {
  static const Target target = TargetFor(base::DetectCpuFeatures());
  return target;
}

std::vector<Target> RunnableTargets() {
  base::CpuFeatures features = base::DetectCpuFeatures();
  std::vector<Target> targets;
  const auto add = [&] {
    Target target = TargetFor(features);
    if (target.CanRun() && (targets.empty() || targets.back().name != target.name)) targets.push_back(target);
  };
  add();
  features.amx_tile = features.avx512_fp16 = false;
  add();
  features.avx512_bf16 = false;
  add();
  features.avx512f = false;  // VNNI on ymm registers stays, where the CPU has it
  add();
  features.avx_vnni = features.avx512_vnni = false;
  add();
  return targets;
}

Result<Target> TargetByName(std::string_view name, const std::vector<Target>& runnable) {
  Target none;
  none.name = NameOf(none);
  if (name == none.name || (name == "auto" && runnable.empty())) return none;
  if (name == "auto") return runnable.front();
  std::vector<std::string_view> names = {"auto"};
  for (const Target& target : runnable) {
    if (target.name == name) return target;
    names.push_back(target.name);
  }
  names.push_back(none.name);
  return InvalidArgument(fmt::format("'{}' is no instruction set of this CPU: it must be one of {}", name,
                                     fmt::join(names, ", ")));
}

}  // namespace vivace::codegen
