// Templates and inputs that mean harm (groups T12 to T16 of the catalogue of bad inputs): each ends soon,
// with a line and a reason.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "chat/template.h"

namespace vivace::chat {
namespace {

std::string Repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

Result<std::vector<Piece>> Render(std::string_view source, const Budget& budget = {}) {
  auto parsed = Template::Parse(source);
  if (!parsed.ok()) return parsed.status();
  const Message messages[] = {{"user", "hello"}, {"assistant", "there"}};
  return parsed->Render(ChatVariables(messages, true, "<s>", "</s>"), budget);
}

/// A hang, not a measure of speed; sanitizers take several times as long.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kHangSeconds = 20;
#else
constexpr double kHangSeconds = 2;
#endif

/// All of them are refused with `code`, none hangs.
void ExpectRefused(const std::vector<std::string>& sources, StatusCode code, const Budget& budget = {}) {
  for (const std::string& source : sources) {
    const auto begin = std::chrono::steady_clock::now();
    const auto rendered = Render(source, budget);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(seconds.count(), kHangSeconds) << source.substr(0, 100);
    ASSERT_FALSE(rendered.ok()) << source.substr(0, 100);
    EXPECT_EQ(rendered.status().code(), code) << source.substr(0, 100) << rendered.status().message();
    EXPECT_TRUE(rendered.status().message().starts_with("chat template, line 1: "))
        << rendered.status().message();
  }
}

TEST(Hostile, HugeRangesStopAtOnce) {
  ExpectRefused({"{{ range(10**9) }}", "{% for i in range(10**18) %}{% endfor %}",
                 "{{ range(-9223372036854775807, 9223372036854775807) }}", "{{ range(100001) | list }}",
                 "{{ range(9223372036854775807, -9223372036854775807, -1) | length }}"},
                StatusCode::kResourceExhausted);
  EXPECT_TRUE(
      Render("{{ range(-9223372036854775807, 9223372036854775807, 9223372036854775807) | list }}").ok());
}

TEST(Hostile, LoopsWithinLoopsRunOutOfSteps) {
  ExpectRefused({Repeat("{% for i in range(1000) %}", 10) + Repeat("{% endfor %}", 10),
                 "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
                 "{% for i in range(1000) %}{{ range(100000) | sum }}{% endfor %}",
                 "{% set l = range(100000) | list %}{% for i in l %}{{ i in l }}{% endfor %}"},
                StatusCode::kResourceExhausted);
}

TEST(Hostile, MacrosThatCallThemselvesAreStopped) {
  ExpectRefused(
      {"{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
       "{% macro f(x) %}{{ f([x]) }}{% endmacro %}{{ f(1) }}",
       "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{{ a() }}{% endmacro %}{{ a() }}",
       "{% macro f() %}{% call f() %}{{ caller() }}{% endcall %}{{ caller() }}{% endmacro %}{% call f() %}{% "
       "endcall %}",
       "{% macro f(x=f()) %}{% endmacro %}{{ f() }}"},
      StatusCode::kResourceExhausted);
  EXPECT_TRUE(
      Render("{% macro f(n) %}{{ n }}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(80) }}").ok());
}

TEST(Hostile, NestingOfTheSourceIsBounded) {
  constexpr int kMany = 20000;
  std::vector<std::string> sources;
  for (const char* open : {"(", "[", "{'a':", "-", "+", "not ", "f(", "x[", "1 if ", "1 is in "}) {
    sources.push_back("{{ " + Repeat(open, kMany));
    sources.push_back("{{ " + Repeat(open, kMany) + "1 }}");
  }
  for (const char* block : {"{% if 1 %}", "{% for i in x %}", "{% macro f() %}", "{% filter trim %}",
                            "{% set x %}", "{% generation %}", "{% with %}", "{% call f() %}"}) {
    sources.push_back(Repeat(block, kMany));
  }
  for (const char* tail : {".a", "|trim", "[0]", "()", " + 1", " ~ 1", " ** 2", " if 1 else 1", " == 1",
                           " and 1", " is string", "[1:]"}) {
    sources.push_back("{{ x" + Repeat(tail, kMany) + " }}");
  }
  sources.push_back("{% for " + Repeat("(", kMany) + "a");
  sources.push_back("{% set " + Repeat("(", kMany) + "a");
  for (const std::string& source : sources) {
    const auto rendered = Render(source);
    ASSERT_FALSE(rendered.ok()) << source.substr(0, 30);
    EXPECT_EQ(rendered.status().code(), StatusCode::kInvalidArgument) << rendered.status().message();
  }
}

TEST(Hostile, NestingOfValuesIsBounded) {
  ExpectRefused(
      {"{% set ns = namespace(x=1) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}",
       "{% set ns = namespace(x=1) %}{% for i in range(1000) %}{% set ns.x = {'a': ns.x} %}{% endfor %}",
       "{% set ns = namespace(x=1) %}{% for i in range(1000) %}{% set ns.x = cycler(ns.x) %}{% endfor %}",
       "{% set ns = namespace(x=1) %}{% for i in range(1000) %}{% set ns.x = joiner(ns.x) %}{% endfor %}",
       "{% set ns = namespace(x=[1]) %}{% for i in range(1000) %}{% set ns.x = ns.x | batch(1) | list %}{% "
       "endfor %}",
       "{% set ns = namespace(l=1) %}{% for i in range(300) %}{% for x in [ns.l] %}{% set ns.l = loop %}{% "
       "endfor %}{% endfor %}{{ ns.l }}"},
      StatusCode::kResourceExhausted);
}

TEST(Hostile, ValuesThatHoldThemselvesAreFreed) {
  for (const char* source : {"{% set ns = namespace() %}{% set ns.x = ns %}{% set ns.l = [ns, ns] %}a",
                             "{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = b %}a",
                             "{% set ns = namespace() %}{% macro f() %}{% endmacro %}{% set ns.f = f %}a",
                             "{% set ns = namespace() %}{% for i in range(50000) %}{% set ns.x = "
                             "namespace(x=ns.x) %}{% endfor %}a"}) {
    const auto rendered = Render(source);
    ASSERT_TRUE(rendered.ok()) << rendered.status().message();
    EXPECT_EQ(rendered->at(0).text, "a");
  }
}

TEST(Hostile, OutputBombsAreRefusedBeforeTheyAreMade) {
  constexpr Budget kSmall = {.output_bytes = 1 << 20};  // 16 times less than usual, to be quick
  ExpectRefused({"{{ 'x' * 10**9 }}",
                 "{{ 10**18 * 'x' }}",
                 "{{ [1] * 10**9 }}",
                 "{{ (1, 2) * 10**18 }}",
                 "{{ ('x' * 10**6) | replace('x', 'y' * 10**6) }}",
                 "{{ ('x' * 10**6) | replace('', 'y' * 10**6) }}",
                 "{{ ('x\\n' * 10**6) | indent(10**6) }}",
                 "{{ 'x' | indent(10**12, true) }}",
                 "{{ [1, 2] | tojson(indent=10**9) }}",
                 "{{ [[1, 2]] | tojson(indent='x' * 10**7) }}",
                 "{{ [1, 2] | tojson(separators=('x' * 10**7 * 10, ':')) }}",
                 "{{ range(100000) | join('x' * 10**6) }}",
                 "{{ ('x' * 10**6).join(range(9) | map('string')) }}{{ ('x' * "
                 "10**7).join('abcdefghijklmnopqrstuvwxyzabcdef') }}",
                 "{{ '%1000000000s' % 'a' }}",
                 "{{ '{:>1000000000}'.format('a') }}",
                 "{{ 'a'.ljust(10**12) }}",
                 "{{ '{:0100000000000d}'.format(5) }}",
                 "{{ [1] | batch(10**12, 'x') | list }}",
                 "{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}",
                 "{% for i in range(1000) %}{% set ns = 'x' * 10**6 %}{% endfor %}",
                 "{% set a = ['x' * 10**6] * 10**5 %}{{ a }}",
                 "{% set a = ['x' * 10**6] * 10**5 %}{{ a | tojson }}",
                 "{% set a = ['x' * 10**6] * 10**5 %}{{ a == a }}{{ a | join }}",
                 "{{ ('a' * 10**7) | list }}",
                 "{{ ('a ' * 10**7).split() }}",
                 "{% for c in 'a' * 10**7 %}{% endfor %}"},
                StatusCode::kResourceExhausted, kSmall);
  std::string doubling = "{% set a = ['x', 'y'] %}";
  for (int i = 0; i < 90; ++i) doubling += "{% set a = [a, a] %}";
  for (const char* use : {"{{ a }}", "{{ a == a }}", "{{ a | tojson }}", "{{ [a, a] | sort }}",
                          "{{ a ~ '' }}", "{{ a | string }}", "{{ a in [a] }}", "{{ [a] | unique | list }}",
                          "{{ {(a,): 1} }}", "{{ a | trim }}"}) {
    const auto rendered = Render(doubling + use, kSmall);
    ASSERT_FALSE(rendered.ok()) << use;
    EXPECT_EQ(rendered.status().code(), StatusCode::kResourceExhausted) << use << rendered.status().message();
  }
}

TEST(Hostile, NothingOutsideOfTheTemplateIsReached) {
  for (const char* source : {"{% import 'os' as os %}",
                             "{% from 'x' import y %}",
                             "{% include '/etc/passwd' %}",
                             "{% extends 'x' %}",
                             "{% block x %}{% endblock %}",
                             "{{ ''.__class__.__mro__[1].__subclasses__() }}",
                             "{{ open('/etc/passwd').read() }}",
                             "{{ cycler.__init__.__globals__ }}",
                             "{{ namespace.__init__ }}",
                             "{{ messages.__class__ }}",
                             "{{ messages[0]['__class__'] }}",
                             "{{ range.__self__ }}",
                             "{{ self._TemplateReference__context }}",
                             "{{ messages | map(attribute='__class__') | list }}",
                             "{{ messages | selectattr('__class__') | list }}",
                             "{{ messages | sort(attribute='__class__') }}",
                             "{{ '{0.__class__}'.format('a') }}",
                             "{{ '{0[a].b}'.format({}) }}",
                             "{{ lipsum() }}",
                             "{{ namespace(1) }}",
                             "{{ namespace([1]) }}",
                             "{% set messages.x = 1 %}",
                             "{% set ns = namespace() %}{{ ns() }}",
                             "{{ cycler() }}",
                             "{{ cycler(a=1) }}",
                             "{{ joiner(1, 2) }}",
                             "{{ joiner()(a=1) }}",
                             "{{ dict([1]) }}",
                             "{{ dict(1) }}",
                             "{{ messages.append(1) }}",
                             "{{ messages.clear() }}",
                             "{{ messages[0].update(a=1) }}",
                             "{{ loop.cycle() }}",
                             "{% for i in [1] %}{{ loop.cycle() }}{% endfor %}",
                             "{{ caller() }}",
                             "{{ varargs[0] }}",
                             "{{ raise_exception }}{{ raise_exception() }}"}) {
    const auto rendered = Render(source);
    ASSERT_FALSE(rendered.ok()) << source;
    EXPECT_NE(rendered.status().code(), StatusCode::kInternal) << source;
    EXPECT_TRUE(rendered.status().message().starts_with("chat template, line 1: "))
        << rendered.status().message();
  }
}

TEST(Hostile, RaiseExceptionCarriesItsMessage) {
  const auto rendered = Render(
      "a\nb{% if true %}\n{{ raise_exception('After the ' ~ messages[0].role ~ ' no ' ~ 2 ~ 'nd') }}{% endif "
      "%}");
  ASSERT_FALSE(rendered.ok());
  EXPECT_EQ(rendered.status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(rendered.status().message(), "chat template, line 3: After the user no 2nd");
}

TEST(Hostile, NumbersAtTheEdge) {
  for (const char* source :
       {"{{ 9223372036854775807 + 1 }}", "{{ -9223372036854775807 - 2 }}", "{{ 2 ** 63 }}", "{{ 10 ** 19 }}",
        "{{ 2.0 ** 10000 }}", "{{ (-9223372036854775807 - 1) // -1 }}",
        "{{ (-9223372036854775807 - 1) | abs }}", "{{ -(-9223372036854775807 - 1) }}", "{{ 1e308 | int }}",
        "{{ 1e400 }}", "{{ (-8) ** 0.5 }}", "{{ 1 | round(400, 'ceil') }}", "{{ 0xffffffffffffffffff }}",
        "{{ '%.1000f' % 1.5 }}", "{{ '{:.1000f}'.format(1.5) }}", "{{ 'a'[9223372036854775808] }}"}) {
    const auto rendered = Render(source);
    EXPECT_FALSE(rendered.ok()) << source;
  }
  for (const char* source :
       {"{{ (-9223372036854775807 - 1) % -1 }}", "{{ 'a'[9223372036854775807] }}",
        "{{ 'a'[-9223372036854775807] }}", "{{ 'abc'[9223372036854775807::-9223372036854775807] }}",
        "{{ 1.5 | round(10**6) }}{{ 1.5 | round(-10**6) }}", "{{ '1e999' | float }}{{ 15 | round(-10**9) }}",
        "{{ 1e308 * 10 - 1e308 * 10 }}"}) {
    const auto rendered = Render(source);
    EXPECT_TRUE(rendered.ok()) << source << rendered.status().message();
  }
}

TEST(Hostile, BytesThatAreNoTextPassThrough) {
  for (const char* filter : {"trim", "upper", "title", "tojson", "list | join", "reverse | reverse",
                             "capitalize", "replace('a', 'b')", "indent", "string"}) {
    auto parsed = Template::Parse("{{ messages[0].content | " + std::string(filter) +
                                  " }}{{ messages[0].content[1:-1] }}{{ messages[0].content.split() }}");
    ASSERT_TRUE(parsed.ok()) << filter;
    const Message messages[] = {{"user", "\xff\xc3\x28 \xe2\x82 \xf0\x9f\x98 \xed\xa0\x80 \xc0\xaf"}};
    const auto rendered = parsed->Render(ChatVariables(messages, true, "", ""));
    EXPECT_TRUE(rendered.ok()) << rendered.status().message();
  }
}

}  // namespace
}  // namespace vivace::chat
