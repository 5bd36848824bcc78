// A draw from a softmax by the Gumbel-max rule: the token with the largest logit / temperature + Gumbel
// noise, where the noise of a token depends only on the key and the token's id. So which tokens are looked
// at, and in what order, changes nothing. Thread safety: one object per draw.
#pragma once

#include <cstdint>
#include <span>

#include "sampling/sampler.h"

namespace vivace::sampling {

class GumbelDraw {
 public:
  GumbelDraw(const DrawKey& key, double temperature) : key_(key), inverse_temperature_(1 / temperature) {}

  /// Enters one token; equal values go to the lower id.
  void Offer(std::int32_t token, float logit);
  /// Enters tokens 0 .. logits.size()-1; `likeliest` is the one with the largest logit.
  void OfferAll(std::span<const float> logits, std::int32_t likeliest);
  /// False when no token with this logit, or a smaller one, can still win.
  bool CanWin(float logit) const;

  std::int32_t token() const { return token_; }

 private:
  void OfferWithBits(std::int32_t token, float logit, std::uint32_t bits);

  DrawKey key_;
  double inverse_temperature_;
  double best_ = 0;
  std::int32_t token_ = -1;
};

}  // namespace vivace::sampling
