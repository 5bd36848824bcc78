#include "reference_goldens.h"

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

namespace vivace::conformance {
namespace {

namespace json = boost::json;

template <class T>
std::vector<T> Numbers(const json::value& array) {
  std::vector<T> out;
  for (const json::value& entry : array.as_array()) out.push_back(entry.to_number<T>());
  return out;
}

template <class T>
std::vector<std::vector<T>> Rows(const json::value& array) {
  std::vector<std::vector<T>> out;
  for (const json::value& row : array.as_array()) out.push_back(Numbers<T>(row));
  return out;
}

}  // namespace

std::vector<std::int32_t> ReferenceCase::Tokens() const {
  std::vector<std::int32_t> tokens = ids;
  tokens.insert(tokens.end(), greedy.begin(), greedy.end() - 1);
  return tokens;
}

std::vector<ReferenceCase> ReadReference() {
  std::ifstream file(VIVACE_SOURCE_DIR "/tests/goldens/smollm2_reference.json");
  std::ostringstream text;
  text << file.rdbuf();
  boost::system::error_code error;
  const json::value root = json::parse(text.str(), error);
  std::vector<ReferenceCase> cases;
  if (error) return cases;
  for (const json::value& entry : root.at("cases").as_array()) {
    cases.push_back({json::value_to<std::string>(entry.at("text")), Numbers<std::int32_t>(entry.at("ids")),
                     Numbers<float>(entry.at("prompt_logprobs")), Numbers<std::int32_t>(entry.at("greedy")),
                     Numbers<float>(entry.at("margin")), Rows<std::int32_t>(entry.at("top_ids")),
                     Rows<float>(entry.at("top_logprobs"))});
  }
  return cases;
}

}  // namespace vivace::conformance
