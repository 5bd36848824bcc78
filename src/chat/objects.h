// The objects that templates make: namespaces, loops, macros, and the functions that keep a state. They
// belong to one rendering and one thread.
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/rendering.h"
#include "chat/syntax.h"
#include "chat/value.h"

namespace vivace::chat {

/// The variables of a block; those of the blocks around it are found through `parent`.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string_view, Value>> variables = {};

  void Set(std::string_view name, Value value);
};

/// namespace(): the one thing whose attributes a template may set.
class Namespace : public LinkedObject {
 public:
  std::string_view KindName() const override { return "a namespace"; }
  void Release() override { attributes_.clear(); }
  /// Undefined where there is none.
  Value Get(std::string_view name) const;
  void Set(std::string_view name, Value value);

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
};

/// The variable "loop".
class Loop : public Object {
 public:
  explicit Loop(Value items) : items_(std::move(items)) {}
  std::string_view KindName() const override { return "a loop"; }
  int depth() const override { return items_.depth() + 1; }
  const Value::List& items() const { return items_.list(); }
  void set_index(std::size_t index) { index_ = index; }
  Value Get(std::string_view name) const;
  /// loop.cycle(...): the arguments by turns. Not of none.
  Value Cycle(const std::vector<Value>& values) const { return values[index_ % values.size()]; }
  /// loop.changed(...): whether the arguments differ from those of the last call.
  bool Changed(const std::vector<Value>& values);

 private:
  Value items_;
  std::size_t index_ = 0;
  std::vector<Value> last_;
  bool was_called_ = false;
};

/// A macro, or the body of a call block, with the variables that were around it.
class Macro : public LinkedObject {
 public:
  Macro(const Statement& statement, std::shared_ptr<Scope> scope)
      : statement_(statement), scope_(std::move(scope)) {}
  std::string_view KindName() const override { return "a macro"; }
  void Release() override { scope_.reset(); }
  const Statement& statement() const { return statement_; }
  const std::shared_ptr<Scope>& scope() const { return scope_; }

 private:
  const Statement& statement_;
  std::shared_ptr<Scope> scope_;
};

/// One of Functions(), or a method that was asked for and not called.
class Function : public Object {
 public:
  explicit Function(const Builtin& builtin) : builtin_(builtin) {}
  std::string_view KindName() const override { return "a function"; }
  const Builtin& builtin() const { return builtin_; }

 private:
  const Builtin& builtin_;
};

/// strftime_now: formats the time that it was made with.
class Clock : public Object {
 public:
  explicit Clock(const std::tm& now) : now_(now) {}
  std::string_view KindName() const override { return "a function"; }
  /// As strftime of the C locale. Errors: a conversion that is not known.
  Result<Text> Format(const Text& format) const;

 private:
  std::tm now_;
};

/// cycler(...): the items by turns.
class Cycler : public Object {
 public:
  explicit Cycler(Value items) : items_(std::move(items)) {}
  std::string_view KindName() const override { return "a cycler"; }
  int depth() const override { return items_.depth() + 1; }
  Value Current() const { return items_.list()[index_]; }
  Value Next();
  void Reset() { index_ = 0; }

 private:
  Value items_;
  std::size_t index_ = 0;
};

/// joiner(separator): nothing at the first call, then the separator.
class Joiner : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}
  std::string_view KindName() const override { return "a joiner"; }
  int depth() const override { return separator_.depth() + 1; }
  Value Next();

 private:
  Value separator_;
  bool was_called_ = false;
};

}  // namespace vivace::chat
