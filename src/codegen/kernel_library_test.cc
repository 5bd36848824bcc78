// Compiling once, sealing, page permissions, growth, dumps.
#include "codegen/kernel_library.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <fstream>
#include <sstream>
#include <string>

#include "codegen/random_program.h"
#include "codegen/target_fixture.h"

namespace vivace::codegen {
namespace {

struct Mapping {
  std::uint64_t begin = 0, end = 0;
  std::string permissions;
};

std::vector<Mapping> Mappings() {
  std::vector<Mapping> out;
  std::ifstream file("/proc/self/maps");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Mapping mapping;
    char dash = 0;
    words >> std::hex >> mapping.begin >> dash >> mapping.end >> mapping.permissions;
    out.push_back(mapping);
  }
  return out;
}

int WritableAndExecutable() {
  int count = 0;
  for (const Mapping& mapping : Mappings()) {
    count += mapping.permissions.find('w') != std::string::npos &&
             mapping.permissions.find('x') != std::string::npos;
  }
  return count;
}

std::size_t ResidentPages() {
  std::ifstream file("/proc/self/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  file >> total >> resident;
  return resident;
}

// out[0] = value
Function StoreConstant(const std::string& name, std::int64_t value) {
  Builder builder(name);
  const Scalar out = builder.Arg(0);
  builder.Store64({out}, builder.ScalarConst(value));
  return builder.Take();
}

TEST(KernelLibrary, CompiledKernelsRunAfterSeal) {
  if (!KernelLibrary::Supported()) GTEST_SKIP() << "this CPU cannot run the machine code";
  KernelLibrary library;
  std::vector<KernelId> ids;
  for (int i = 0; i < 10; ++i)
    ids.push_back(*library.Compile(StoreConstant("store_" + std::to_string(i), 100 + i)));
  ASSERT_TRUE(library.Seal().ok());
  for (int i = 0; i < 10; ++i) {
    std::int64_t out = 0;
    const std::int64_t argument = std::bit_cast<std::int64_t>(&out);
    library.Get(ids[static_cast<std::size_t>(i)])(&argument);
    EXPECT_EQ(out, 100 + i);
  }
}

TEST(KernelLibrary, TheSameTextGivesTheSameKernel) {
  KernelLibrary library(TargetsUnderTest().front());
  const KernelId first = *library.Compile(StoreConstant("a", 1));
  EXPECT_EQ(*library.Compile(StoreConstant("a", 1)), first);
  EXPECT_NE(*library.Compile(StoreConstant("a", 2)), first);
  EXPECT_NE(*library.Compile(StoreConstant("b", 1)), first);
  EXPECT_EQ(library.size(), 3);
  EXPECT_EQ(library.info(first).name, "a");
}

TEST(KernelLibrary, AnInvalidFunctionIsRefused) {
  KernelLibrary library;
  Builder builder("bad");
  builder.Loop(3);
  const Result<KernelId> id = library.Compile(builder.Take());
  ASSERT_FALSE(id.ok());
  EXPECT_EQ(id.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(library.size(), 0);
}

TEST(KernelLibrary, CodeForAnotherCpuIsMadeButNotSealed) {
  Target target = PlainAvx512();
  target.amx_int8 = target.fp16 = true;
  if (KernelLibrary::Supported(target)) GTEST_SKIP() << "this CPU has everything";
  target.name = "another";
  KernelLibrary library(target);
  EXPECT_EQ(library.target().name, "another");
  EXPECT_TRUE(library.Compile(StoreConstant("a", 1)).ok());
  EXPECT_EQ(library.Seal().message(),
            "this CPU cannot run kernels made for target another; make them for another one, or use -O0");
}

TEST(KernelLibrary, WithoutMachineCodeACompileIsRefused) {
  KernelLibrary library(TargetFor({}));
  const Result<KernelId> id = library.Compile(StoreConstant("a", 1));
  ASSERT_FALSE(id.ok());
  EXPECT_EQ(id.status().code(), StatusCode::kUnsupported);
}

TEST(KernelLibrary, NoPageIsEverWritableAndExecutable) {
  if (!KernelLibrary::Supported()) GTEST_SKIP() << "this CPU cannot run the machine code";
  const int before = WritableAndExecutable();
  KernelLibrary library;
  const KernelId id = *library.Compile(StoreConstant("a", 1));
  EXPECT_EQ(WritableAndExecutable(), before);
  ASSERT_TRUE(library.Seal().ok());
  EXPECT_EQ(WritableAndExecutable(), before);
  const auto address = std::bit_cast<std::uint64_t>(library.Get(id));
  std::string permissions;
  for (const Mapping& mapping : Mappings()) {
    if (mapping.begin <= address && address < mapping.end) permissions = mapping.permissions;
  }
  EXPECT_EQ(permissions, "r-xp");
}

TEST(KernelLibrary, AThousandKernelsComeAndGoWithoutGrowth) {
  const auto round = [](int base) {
    const Target& target =
        TargetsUnderTest()[static_cast<std::size_t>(base / 100) % TargetsUnderTest().size()];
    KernelLibrary library(target);
    for (int i = 0; i < 100; ++i) {
      const Result<KernelId> id =
          library.Compile(MakeRandomProgram(static_cast<std::uint64_t>(base + i), 60, target.vectors));
      ASSERT_TRUE(id.ok()) << id.status().message();
    }
    if (KernelLibrary::Supported(target)) {
      ASSERT_TRUE(library.Seal().ok());
    }
  };
  for (int i = 0; i < 5; ++i) round(100 * i);
  const std::size_t mappings = Mappings().size();
  const std::size_t pages = ResidentPages();
  for (int i = 0; i < 10; ++i) round(100 * i);
  EXPECT_LE(Mappings().size(), mappings + 2);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LE(ResidentPages(), pages + 256);
#else
  static_cast<void>(pages);
#endif
}

TEST(KernelLibrary, DumpShowsAssemblyBesideTheIr) {
  KernelLibrary library(PlainAvx512());
  Builder builder("dumped");
  const Scalar out = builder.Arg(1);
  builder.Store({out, 64}, builder.Const(1.0f));
  const KernelId id = *library.Compile(builder.Take());
  EXPECT_EQ(library.Text(id), R"(kernel dumped vectors=1 scalars=1
  s0 = arg 1
  v0 = const 0x3f800000
  st [s0 + 64], v0
)");
  std::string dump = library.Dump(id);
  dump.erase(0, dump.find('\n') + 1);  // the line with the time
  EXPECT_EQ(dump, R"(00000  mov rax, [rdi+0x8]                                   ; s0 = arg 1
00004  vbroadcastss zmm0, dword ptr [0x1C]                  ; v0 = const 0x3f800000
0000e  vmovups zmmword ptr [rax+0x40], zmm0                 ; st [s0 + 64], v0
00015  vzeroupper                                           ; return
00018  ret
00019  int3
0001a  int3
0001b  int3
0001c  dd 0x3f800000                                        ; constants
)");
  EXPECT_EQ(library.CodeBytes(id).size(), library.info(id).code_bytes);
}

TEST(KernelLibrary, PerfMapHasAddressSizeAndNameOfEachKernel) {
  if (!KernelLibrary::Supported()) GTEST_SKIP() << "this CPU cannot run the machine code";
  KernelLibrary library;
  std::vector<KernelId> ids;
  for (const char* name : {"first", "second"}) {
    Builder builder(name);
    builder.Store64({builder.Arg(0)}, builder.ScalarConst(ids.empty() ? 1 : 0x123456789ab));
    ids.push_back(*library.Compile(builder.Take()));
  }
  ASSERT_TRUE(library.Seal().ok());
  std::istringstream map(library.PerfMap());
  for (const KernelId id : ids) {
    std::uintptr_t start = 0;
    std::size_t bytes = 0;
    std::string name;
    map >> std::hex >> start >> bytes >> name;
    EXPECT_EQ(start, reinterpret_cast<std::uintptr_t>(library.Get(id)));
    EXPECT_EQ(bytes, library.info(id).code_bytes);
    EXPECT_EQ(name, "vivace::" + library.info(id).name);
  }
}

TEST(KernelLibrary, DumpNamesEveryLineOnceAlsoWhereItHasNoCode) {
  KernelLibrary library(PlainAvx512());
  Builder builder("loop");
  const Scalar out = builder.Arg(0);
  const Vec v = builder.Iota();
  builder.Loop(7);
  builder.Bump(out, 64);
  builder.MoveTo(v, v);  // no instruction
  builder.End();
  builder.Store({out}, v);
  const Function function = builder.Take();
  const std::string dump = library.Dump(*library.Compile(function));
  for (const Instruction& instruction : function.code) {
    const std::string line = "; " + PrintLine(instruction) + "\n";
    const std::size_t at = dump.find(line);
    ASSERT_NE(at, std::string::npos) << line << dump;
    EXPECT_EQ(dump.find(line, at + 1), std::string::npos) << line << dump;
  }
  EXPECT_NE(dump.find("jnz 0x"), std::string::npos) << dump;
}

}  // namespace
}  // namespace vivace::codegen
