#include "compiler/body_editor.h"

#include <gtest/gtest.h>

namespace vivace::compiler {
namespace {

using graph::NodeId;
using graph::Op;
using graph::Type;
using graph::ValueId;

/// a and b of x, c of a, d of b, e of c and d.
graph::Body Diamond() {
  const Type rows = Type::Tokens(tensor::DType::kF32, 32);
  graph::BodyBuilder builder("diamond");
  const ValueId x = builder.Input("x", rows);
  const ValueId a = builder.Add(Op::kScale, "a", {x}, rows), b = builder.Add(Op::kScale, "b", {x}, rows);
  const ValueId c = builder.Add(Op::kScale, "c", {a}, rows), d = builder.Add(Op::kScale, "d", {b}, rows);
  builder.Output(builder.Add(Op::kAdd, "e", {c, d}, rows));
  return builder.Take();
}
constexpr NodeId kA{0}, kB{1}, kC{2}, kD{3}, kE{4};

std::vector<int> Groups(const graph::Body& body) {
  std::vector<int> groups;
  for (const graph::Node& node : body.nodes) groups.push_back(node.group);
  return groups;
}

TEST(Join, MakesOneGroupOfNodesAndTheirGroups) {
  graph::Body body = Diamond();
  BodyEditor editor(body);
  EXPECT_TRUE(editor.Join({kA, kC}));
  EXPECT_TRUE(editor.Join({kD, kB}));
  EXPECT_EQ(Groups(body), (std::vector<int>{0, 1, 0, 1, -1}));
  EXPECT_TRUE(editor.Join({kE, kD, kC}));
  EXPECT_EQ(Groups(body), (std::vector<int>{0, 0, 0, 0, 0}));
  EXPECT_FALSE(editor.Join({kA, kE}));
}

TEST(Join, RefusesWhatCouldRunNeitherBeforeNorAfterAnotherPhase) {
  graph::Body body = Diamond();
  BodyEditor editor(body);
  EXPECT_FALSE(editor.Join({kA, kE}));  // c waits for a and e for c
  EXPECT_TRUE(editor.Join({kA, kD}));
  EXPECT_FALSE(editor.Join({kB, kC}));  // c waits for a, d for b
  EXPECT_EQ(Groups(body), (std::vector<int>{0, -1, -1, 0, -1}));
}

TEST(OnlyProducer, IsOfValuesThatAreUsedOnce) {
  graph::Body body = Diamond();
  const BodyEditor editor(body);
  const auto value = [&](NodeId id) { return body.node(id).output; };
  EXPECT_EQ(editor.OnlyProducer(value(kA), Op::kScale), kA);
  EXPECT_FALSE(editor.OnlyProducer(value(kA), Op::kAdd));
  EXPECT_FALSE(editor.OnlyProducer(value(kE), Op::kAdd));  // an output
  body.nodes[3].inputs[0] = value(kA);
  EXPECT_FALSE(editor.OnlyProducer(value(kA), Op::kScale));
}

}  // namespace
}  // namespace vivace::compiler
