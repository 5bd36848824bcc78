// "%" of a string.
#include <algorithm>
#include <charconv>

#include "base/status_macros.h"
#include "chat/string_format.h"

namespace vivace::chat {
namespace {

using Kind = Value::Kind;

class PercentFormatter {
 public:
  PercentFormatter(Rendering& rendering, const Text& format, const Value& arguments)
      : rendering_(rendering), cutter_(format), format_(cutter_.bytes()), arguments_(arguments) {}

  Result<Text> Run() {
    while (at_ < format_.size()) {
      const std::size_t percent = std::min(format_.find('%', at_), format_.size());
      out_.Append(cutter_.Cut(at_, percent));
      at_ = percent;
      if (at_ < format_.size()) VIVACE_RETURN_IF_ERROR(AppendConversion());
    }
    const bool all_used = !arguments_.is(Value::Sequence::kTuple)
                              ? used_ > 0 || arguments_.is(Kind::kDict) || arguments_.is(Kind::kList)
                              : used_ == arguments_.list().size();
    if (!all_used) return InvalidArgument("not all arguments of \"%\" are used");
    return std::move(out_);
  }

 private:
  Status AppendConversion() {
    ++at_;
    Value value;
    bool has_value = false;
    if (at_ < format_.size() && format_[at_] == '(') {
      const std::size_t close = format_.find(')', at_);
      if (close == std::string_view::npos) return InvalidArgument("a name in a format has no \")\"");
      const Value* const found = arguments_.Find(format_.substr(at_ + 1, close - at_ - 1));
      if (found == nullptr) return InvalidArgument("a name in a format is not in its dict");
      value = *found;
      has_value = true;
      at_ = close + 1;
    }
    auto style = ReadFlags();
    if (!style.ok()) return style.status();
    if (at_ >= format_.size()) return InvalidArgument("a format ends within a conversion");
    const char type = format_[at_++];
    if (type == '%') {
      out_.Append(cutter_.Cut(at_ - 1, at_));
      return Status::Ok();
    }
    if (!has_value) {
      auto next = NextValue();
      if (!next.ok()) return next.status();
      value = *next;
    }
    return AppendValue(value, type, *style);
  }

  Result<FieldStyle> ReadFlags() {
    FieldStyle style;
    style.align = '>';
    for (; at_ < format_.size(); ++at_) {
      const char flag = format_[at_];
      if (flag == '-')
        style.align = '<';
      else if (flag == '+' || (flag == ' ' && style.sign != '+'))
        style.sign = flag;
      else if (flag == '#')
        style.alternate = true;
      else if (flag == '0')
        style.fill = "0";
      else if (flag != ' ')
        break;
    }
    if (style.fill == "0" && style.align == '>') style.align = '=';
    if (style.align == '<') style.fill = " ";
    const auto read = [this](auto& number) {
      const auto end = std::from_chars(format_.data() + at_, format_.data() + format_.size(), number);
      at_ = static_cast<std::size_t>(end.ptr - format_.data());
      return end.ec == std::errc();
    };
    if (at_ < format_.size() && format_[at_] >= '1' && format_[at_] <= '9' && !read(style.width)) {
      return InvalidArgument("the width of a format is too large");
    }
    if (at_ < format_.size() && format_[at_] == '.') {
      ++at_;
      style.precision = 0;
      if (at_ < format_.size() && format_[at_] >= '0' && format_[at_] <= '9' && !read(style.precision)) {
        return InvalidArgument("the precision of a format is too large");
      }
    }
    return style;
  }

  Result<Value> NextValue() {
    ++used_;
    if (!arguments_.is(Value::Sequence::kTuple)) {
      return used_ == 1 ? Result<Value>(arguments_) : InvalidArgument("\"%\" has too few arguments");
    }
    if (used_ > arguments_.list().size()) return InvalidArgument("\"%\" has too few arguments");
    return arguments_.list()[used_ - 1];
  }

  Status AppendValue(const Value& value, char type, FieldStyle style) {
    VIVACE_RETURN_IF_ERROR(rendering_.ChargeWhole(value));
    Value printed = value;
    if (type == 's' || type == 'r') {
      printed = Value::String(type == 'r' ? value.PrintQuoted() : value.Print());
      style.type = 's';
      style.fill = " ";
      if (style.align == '=') style.align = '>';
    } else {
      if (std::string_view("diuxXoeEfFgG").find(type) == std::string_view::npos) {
        return InvalidArgument(std::string("the conversion \"%") + type + "\" is not supported");
      }
      if (!value.IsNumeric())
        return InvalidArgument("a number is needed for \"%\", not " + std::string(value.KindName()));
      style.type = type == 'i' || type == 'u' ? 'd' : type;
      const bool wants_whole = std::string_view("dxXo").find(style.type) != std::string_view::npos;
      if (wants_whole && value.is(Kind::kNumber)) {
        const double number = value.number();
        if (style.type != 'd' || !(number > -9e18 && number < 9e18))
          return InvalidArgument("an integer is needed for \"%\"");
        printed = Value::Integer(static_cast<std::int64_t>(number));
      }
    }
    auto text = FormatField(rendering_, printed, style);
    if (!text.ok()) return text.status();
    out_.Append(*text);
    return Status::Ok();
  }

  Rendering& rendering_;
  Cutter cutter_;
  std::string_view format_;
  const Value& arguments_;
  std::size_t at_ = 0;
  std::size_t used_ = 0;
  Text out_;
};

}  // namespace

Result<Value> FormatPercent(Rendering& rendering, const Text& format, const Value& arguments) {
  VIVACE_RETURN_IF_ERROR(rendering.Charge(format.size()));
  VIVACE_ASSIGN_OR_RETURN(Text text, PercentFormatter(rendering, format, arguments).Run());
  return Value::String(std::move(text));
}

}  // namespace vivace::chat
