// What Verify asks of one phase by itself and of neighbours in a body. Internal to this folder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "program/program.h"

namespace vivace::program {

/// What a row of a buffer holds, as its last writer left it.
struct Content {
  enum class Kind : std::uint8_t { kNothing, kFloats, kRows, kSquares, kMaxima } kind = Kind::kNothing;
  tensor::ActivationType rows = tensor::ActivationType::kU8Group32;  // kRows
  int k = 0;                                                         // kRows
  bool operator==(const Content&) const = default;
};
/// "f32", "u8g32 rows of 576".
std::string ContentText(const Content& content);

/// What an operand of a phase is: what its buffer holds and the least bytes that a row of it takes.
struct OperandUse {
  Content content;
  std::int64_t bytes = 0;
  bool updated = false;  // written, and read before
};
struct PhaseUses {
  std::vector<OperandUse> reads, writes;
};
/// Of a phase with the right number of operands.
PhaseUses UsesOf(const Program& program, const Phase& phase);

bool AppendsToCache(const Phase& phase);
bool ReadsCache(const Phase& phase);

/// What is wrong with a phase by itself; empty when nothing is.
std::string PhaseFault(const Program& program, const Body& body, const Phase& phase);
/// What is wrong with the barriers that phases of the body go without.
std::string JoinFault(const Body& body);
/// What is wrong with the form of the weights that a layer binds to the phase.
std::string WeightFault(const Program& program, const Phase& phase, const Layer& layer);

}  // namespace vivace::program
