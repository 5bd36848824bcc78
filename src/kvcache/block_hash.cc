#include "kvcache/block_hash.h"

#include <openssl/evp.h>

#include <cstring>

#include "base/check.h"
#include "base/out_of_memory.h"
#include "tensor/kv_layout.h"

namespace vivace::kvcache {
namespace {

// The first byte of a message says what it names, so that no salt can imitate a block.
constexpr char kRootTag = 'R';
constexpr char kBlockTag = 'B';

}  // namespace

// The digest and its context are made once: starting a message again allocates nothing.
struct BlockHasher::Digest {
  Digest()
      : algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr), EVP_MD_free),
        context(EVP_MD_CTX_new(), EVP_MD_CTX_free) {
    base::CheckMemory(algorithm != nullptr && context != nullptr &&
                      EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) == 1);
  }

  void Start() { VIVACE_CHECK(EVP_DigestInit_ex2(context.get(), algorithm.get(), nullptr) == 1); }
  void Add(const void* data, std::size_t size) {
    VIVACE_CHECK(EVP_DigestUpdate(context.get(), data, size) == 1);
  }
  BlockHash Finish() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    VIVACE_CHECK(EVP_DigestFinal_ex(context.get(), bytes, &size) == 1 && size >= sizeof(BlockHash));
    BlockHash hash;
    std::memcpy(hash.words.data(), bytes, sizeof(hash.words));
    return hash;
  }

  std::unique_ptr<EVP_MD, void (*)(EVP_MD*)> algorithm;
  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context;
};

BlockHasher::BlockHasher() : digest_(std::make_unique<Digest>()) {}
BlockHasher::~BlockHasher() = default;
BlockHasher::BlockHasher(BlockHasher&&) noexcept = default;
BlockHasher& BlockHasher::operator=(BlockHasher&&) noexcept = default;

BlockHash BlockHasher::Root(std::string_view program_fingerprint, std::string_view tenant_salt) {
  const std::uint64_t length = program_fingerprint.size();
  digest_->Start();
  digest_->Add(&kRootTag, 1);
  digest_->Add(&length, sizeof(length));
  digest_->Add(program_fingerprint.data(), program_fingerprint.size());
  digest_->Add(tenant_salt.data(), tenant_salt.size());
  return digest_->Finish();
}

BlockHash BlockHasher::Next(const BlockHash& parent, std::span<const std::int32_t> tokens) {
  VIVACE_CHECK(tokens.size() == tensor::KvLayout::kBlockTokens);
  digest_->Start();
  digest_->Add(&kBlockTag, 1);
  digest_->Add(parent.words.data(), sizeof(parent.words));
  digest_->Add(tokens.data(), tokens.size_bytes());
  return digest_->Finish();
}

}  // namespace vivace::kvcache
