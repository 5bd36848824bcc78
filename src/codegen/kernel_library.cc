// Code is collected in ordinary memory, position independent, and copied to executable pages by Seal. Impl
// owns the pages.
#include "codegen/kernel_library.h"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iterator>
#include <span>
#include <unordered_map>

#include "base/check.h"
#include "base/cpu_features.h"
#include "base/status_macros.h"
#include "codegen/disassembly.h"
#include "codegen/emitter.h"
#include "codegen/register_allocation.h"

namespace vivace::codegen {
namespace {

constexpr std::size_t kKernelAlignment = 64;

bool SameInstruction(const Instruction& a, const Instruction& b) {
  return a.op == b.op && a.immediate == b.immediate &&
         std::equal(std::begin(a.operands), std::end(a.operands), std::begin(b.operands));
}

bool SameText(const Function& a, const Function& b) {
  return a.vectors == b.vectors && a.scalars == b.scalars && a.name == b.name &&
         std::equal(a.code.begin(), a.code.end(), b.code.begin(), b.code.end(), SameInstruction);
}

// FNV-1a over the fields; equal functions have equal hashes.
std::uint64_t Hash(const Function& function) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto mix = [&hash](std::uint64_t value) { hash = (hash ^ value) * 0x100000001b3u; };
  for (const char letter : function.name) mix(static_cast<unsigned char>(letter));
  for (const Instruction& instruction : function.code) {
    const std::uint16_t* id = instruction.operands;
    mix(static_cast<std::uint64_t>(instruction.op) << 48 | std::uint64_t{id[0]} << 32 |
        std::uint64_t{id[1]} << 16 | id[2]);
    mix(std::rotl(static_cast<std::uint64_t>(instruction.immediate), 7) ^
        (std::uint64_t{id[3]} << 40 | std::uint64_t{id[4]} << 24));
  }
  return hash;
}

// One row of a dump: what lies at the offset, and beside it the line that it came from.
void AppendRow(std::size_t offset, std::string_view text, std::string_view line, std::string& out) {
  fmt::format_to(std::back_inserter(out), "{:05x}  {:<52}", offset, text);
  if (!line.empty()) fmt::format_to(std::back_inserter(out), " ; {}", line);
  while (out.back() == ' ') out.pop_back();
  out += '\n';
}

}  // namespace

struct KernelLibrary::Impl {
  struct Kernel {
    Function function;
    std::size_t offset = 0;  // in `code`, a multiple of kKernelAlignment
    std::vector<std::uint32_t> line_start;
    std::uint32_t constants_start = 0;
  };

  explicit Impl(const Target& made_for) : target(made_for), emitter(made_for) {}
  ~Impl() {
    if (pages != nullptr) munmap(pages, pages_bytes);
  }

  std::span<const std::byte> Bytes(std::size_t id, std::size_t bytes) const {
    return std::span(code).subspan(kernels[id].offset, bytes);
  }

  const Target target;
  Emitter emitter;
  std::vector<Kernel> kernels;
  std::unordered_multimap<std::uint64_t, std::int32_t> by_hash;
  std::vector<std::byte> code;  // position independent; stays after Seal, for dumps
  void* pages = nullptr;        // owned; read and execute
  std::size_t pages_bytes = 0;
  bool sealed = false;
};

KernelLibrary::KernelLibrary(const Target& target, CompilationMeter* meter)
    : meter_(meter), impl_(std::make_unique<Impl>(target)) {}
KernelLibrary::~KernelLibrary() = default;

const Target& KernelLibrary::target() const {
  return impl_->target;
}

bool KernelLibrary::Supported(const Target& target) {
  static const base::CpuFeatures features = base::DetectCpuFeatures();
  return CanRun(target, features);
}

Result<KernelId> KernelLibrary::Compile(const Function& function) {
  VIVACE_CHECK(!impl_->sealed);
  const auto start = std::chrono::steady_clock::now();
  const std::uint64_t hash = Hash(function);
  for (auto [it, end] = impl_->by_hash.equal_range(hash); it != end; ++it) {
    if (SameText(impl_->kernels[static_cast<std::size_t>(it->second)].function, function))
      return KernelId{it->second};
  }
  VIVACE_RETURN_IF_ERROR(Verify(function));
  if (!impl_->target.CanRun()) {
    return Unsupported(fmt::format(
        "kernel '{}': there is no machine code for this CPU (AVX2, FMA and F16C at least); use -O0",
        function.name));
  }
  VIVACE_ASSIGN_OR_RETURN(const Allocation allocation,
                          AllocateRegisters(function, impl_->emitter.registers()));
  VIVACE_ASSIGN_OR_RETURN(const MachineCode code, impl_->emitter.Emit(function, allocation));

  if (meter_ != nullptr) meter_->Count();

  const KernelId id{size()};
  const std::size_t offset =
      (impl_->code.size() + kKernelAlignment - 1) / kKernelAlignment * kKernelAlignment;
  impl_->code.resize(offset);
  impl_->code.insert(impl_->code.end(), code.bytes.begin(), code.bytes.end());
  impl_->kernels.push_back(
      {function, offset, {code.line_start.begin(), code.line_start.end()}, code.constants_start});
  impl_->by_hash.emplace(hash, id.value);
  KernelInfo& info = infos_.emplace_back();
  info.name = function.name;
  info.code_bytes = code.bytes.size();
  info.vectors_used = allocation.vectors_used;
  info.scalars_used = std::popcount(allocation.scalars_used);
  info.compile_us =
      std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count();
  return id;
}

Status KernelLibrary::Seal() {
  VIVACE_CHECK(!impl_->sealed);
  if (!Supported(impl_->target)) {
    return Unsupported(
        fmt::format("this CPU cannot run kernels made for target {}; make them for another one, or use -O0",
                    impl_->target.name));
  }
  impl_->sealed = true;
  if (impl_->code.empty()) return Status::Ok();
  const std::size_t bytes = impl_->code.size();
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) {
    return ResourceExhausted(
        fmt::format("no memory for {} bytes of machine code: {}", bytes, std::strerror(errno)));
  }
  impl_->pages = pages;
  impl_->pages_bytes = bytes;
  std::memcpy(pages, impl_->code.data(), bytes);
  if (mprotect(pages, bytes, PROT_READ | PROT_EXEC) != 0) {
    return Unsupported(
        fmt::format("the system does not let this process make machine code executable ({}); use -O0",
                    std::strerror(errno)));
  }
  return Status::Ok();
}

KernelFn KernelLibrary::Get(KernelId id) const {
  VIVACE_CHECK(impl_->pages != nullptr && id.value >= 0 && id.value < size());
  auto* code =
      static_cast<std::byte*>(impl_->pages) + impl_->kernels[static_cast<std::size_t>(id.value)].offset;
  return std::bit_cast<KernelFn>(code);
}

const KernelInfo& KernelLibrary::info(KernelId id) const {
  VIVACE_CHECK(id.value >= 0 && id.value < size());
  return infos_[static_cast<std::size_t>(id.value)];
}

std::string KernelLibrary::PerfMap() const {
  std::string map;
  for (int i = 0; i < size(); ++i) {
    const KernelId id{i};
    fmt::format_to(std::back_inserter(map), "{:x} {:x} vivace::{}\n",
                   reinterpret_cast<std::uintptr_t>(Get(id)), info(id).code_bytes, info(id).name);
  }
  return map;
}

std::vector<std::byte> KernelLibrary::CodeBytes(KernelId id) const {
  const std::span<const std::byte> bytes =
      impl_->Bytes(static_cast<std::size_t>(id.value), info(id).code_bytes);
  return {bytes.begin(), bytes.end()};
}

std::string KernelLibrary::Text(KernelId id) const {
  VIVACE_CHECK(id.value >= 0 && id.value < size());
  return Print(impl_->kernels[static_cast<std::size_t>(id.value)].function);
}

std::string KernelLibrary::Dump(KernelId id) const {
  const KernelInfo& about = info(id);
  const Impl::Kernel& kernel = impl_->kernels[static_cast<std::size_t>(id.value)];
  const std::span<const std::byte> bytes = impl_->Bytes(static_cast<std::size_t>(id.value), about.code_bytes);
  std::string out = fmt::format(
      "kernel {} for {}: {} bytes, {} vector and {} scalar registers, compiled in {:.1f} us\n", about.name,
      impl_->target.name, about.code_bytes, about.vectors_used, about.scalars_used, about.compile_us);
  const auto part = [&](std::size_t begin, std::size_t end, std::string_view line) {
    for (const AssemblyLine& row : Disassemble(bytes.subspan(begin, end - begin), begin)) {
      AppendRow(row.offset, row.text, row.offset == begin ? line : std::string_view{}, out);
    }
  };
  part(0, kernel.line_start[0], "save registers");
  for (std::size_t i = 0; i < kernel.function.code.size(); ++i) {
    const std::string line = PrintLine(kernel.function.code[i]);
    if (kernel.line_start[i] == kernel.line_start[i + 1]) AppendRow(kernel.line_start[i], "", line, out);
    part(kernel.line_start[i], kernel.line_start[i + 1], line);
  }
  part(kernel.line_start.back(), kernel.constants_start, "return");
  for (std::size_t at = kernel.constants_start; at < bytes.size(); at += sizeof(std::uint32_t)) {
    std::uint32_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min(sizeof(word), bytes.size() - at));
    AppendRow(at, fmt::format("dd {:#010x}", word), at == kernel.constants_start ? "constants" : "", out);
  }
  return out;
}

}  // namespace vivace::codegen
