// What this CPU (and its operating system's register saving) offers, found once by CPUID and XGETBV. A value;
// thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace vivace::base {

/// The one list of features that Vivace looks for: X(member, name as printed).
#define VIVACE_CPU_FEATURES(X)  \
  X(sse3, "sse3")               \
  X(ssse3, "ssse3")             \
  X(sse4_1, "sse4_1")           \
  X(sse4_2, "sse4_2")           \
  X(popcnt, "popcnt")           \
  X(cmpxchg16b, "cmpxchg16b")   \
  X(lahf_sahf, "lahf_sahf")     \
  X(bmi1, "bmi1")               \
  X(bmi2, "bmi2")               \
  X(lzcnt, "lzcnt")             \
  X(movbe, "movbe")             \
  X(avx, "avx")                 \
  X(avx2, "avx2")               \
  X(fma, "fma")                 \
  X(f16c, "f16c")               \
  X(avx512f, "avx512f")         \
  X(avx512bw, "avx512bw")       \
  X(avx512cd, "avx512cd")       \
  X(avx512dq, "avx512dq")       \
  X(avx512vl, "avx512vl")       \
  X(avx512_vnni, "avx512_vnni") \
  X(avx512_bf16, "avx512_bf16") \
  X(avx512_fp16, "avx512_fp16") \
  X(avx_vnni, "avx_vnni")       \
  X(amx_tile, "amx_tile")       \
  X(amx_int8, "amx_int8")       \
  X(amx_bf16, "amx_bf16")

struct CpuFeatures {
#define VIVACE_CPU_FEATURE(member, name) bool member = false;
  VIVACE_CPU_FEATURES(VIVACE_CPU_FEATURE)
#undef VIVACE_CPU_FEATURE
  std::string vendor;  // "AuthenticAMD"
  std::string model;   // the brand string, or empty
  int family = 0;
  int model_number = 0;
  int stepping = 0;

  /// The baseline this program is built for.
  bool IsX86_64V2() const {
    return sse3 && ssse3 && sse4_1 && sse4_2 && popcnt && cmpxchg16b && lahf_sahf;
  }
  /// What files compiled with -march=x86-64-v3 and -v4 need.
  bool IsX86_64V3() const {
    return IsX86_64V2() && avx && avx2 && bmi1 && bmi2 && f16c && fma && lzcnt && movbe;
  }
  bool IsX86_64V4() const {
    return IsX86_64V3() && avx512f && avx512bw && avx512cd && avx512dq && avx512vl;
  }
  /// What the code generator's machine code needs.
  bool HasAvx512Vnni() const {
    return avx2 && fma && f16c && avx512f && avx512bw && avx512dq && avx512vl && avx512_vnni;
  }
  /// Names of the features found, in the order of the list.
  std::vector<std::string_view> Names() const;
};

/// Asks the CPU. A feature whose registers the operating system does not save counts as absent.
CpuFeatures DetectCpuFeatures();

}  // namespace vivace::base
