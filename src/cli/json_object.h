// JSON objects of the terminal's commands, written member by member. Values; no state beyond the text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/json_text.h"

namespace vivace::cli {

/// Builds one flat JSON object, members in the order of the calls.
class JsonObject {
 public:
  void Add(std::string_view key, std::string_view text) {
    Key(key);
    base::AppendJsonString(text, out_);
  }
  void Add(std::string_view key, std::int64_t number) {
    Key(key);
    base::AppendJsonInteger(number, out_);
  }
  void Add(std::string_view key, double number) {
    Key(key);
    base::AppendJsonNumber(number, out_);
  }
  void Add(std::string_view key, bool truth) { AddRaw(key, truth ? "true" : "false"); }
  void Add(std::string_view key, int number) { Add(key, static_cast<std::int64_t>(number)); }
  void Add(std::string_view key, const char* text) { Add(key, std::string_view(text)); }
  void Add(std::string_view key, const std::string& text) { Add(key, std::string_view(text)); }
  void AddRaw(std::string_view key, std::string_view json) {
    Key(key);
    out_ += json;
  }
  std::string Take() { return (out_.empty() ? "{" : std::move(out_)) + "}"; }

 private:
  void Key(std::string_view key) {
    out_ += out_.empty() ? "{" : ",";
    base::AppendJsonString(key, out_);
    out_ += ':';
  }
  std::string out_;
};

}  // namespace vivace::cli
