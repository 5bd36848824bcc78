// What a user wrote is never taken for template text, whatever a template does to it.
#include <gtest/gtest.h>

#include <string>

#include "chat/template.h"

namespace vivace::chat {
namespace {

/// The pieces that come from the template, and the others, of a rendering of `source` over one user message.
struct Origins {
  std::string trusted, data;
};

Result<Origins> RenderOrigins(std::string_view source, std::string_view user) {
  auto parsed = Template::Parse(source);
  if (!parsed.ok()) return parsed.status();
  ChatInputs inputs;
  inputs.messages =
      Value::MakeList({Value::MakeRecord({{"role", Value::Data("user")}, {"content", Value::Data(user)}})});
  inputs.bos_token = "<s>";
  auto variables = ChatVariables(inputs);
  if (!variables.ok()) return variables.status();
  auto rendered = parsed->Render(*variables);
  if (!rendered.ok()) return rendered.status();
  Origins origins;
  for (const Piece& piece : *rendered) (piece.from_template ? origins.trusted : origins.data) += piece.text;
  return origins;
}

TEST(Provenance, NoOperationMakesDataTrusted) {
  // Each template prints some form of the user's letters q and Q, which no template text has.
  const char* sources[] = {"{{ c }}",
                           "{{ c | trim }}",
                           "{{ c | upper }}",
                           "{{ c | lower }}",
                           "{{ c | title }}",
                           "{{ c | capitalize }}",
                           "{{ c | string | safe }}",
                           "{{ c ~ 'a' }}",
                           "{{ 'a' + c }}",
                           "{{ c * 3 }}",
                           "{{ c[1:] }}",
                           "{{ c[::-1] }}",
                           "{{ c[0] }}",
                           "{{ c | reverse }}",
                           "{{ c | list | join('-') }}",
                           "{{ c | replace('z', 'y') }}",
                           "{{ 'a' | replace('a', c) }}",
                           "{{ c.split('z') }}",
                           "{{ c.split()[0] }}",
                           "{{ c.strip('z') }}",
                           "{{ c.upper() }}",
                           "{{ c.title() }}",
                           "{{ [c, c] | join(', ') }}",
                           "{{ ['a', 'b'] | join(c) }}",
                           "{{ c | tojson }}",
                           "{{ messages | tojson(indent=2) }}",
                           "{{ {c: 1} | tojson }}",
                           "{{ {c: c} }}",
                           "{{ [c] }}",
                           "{{ (c,) }}",
                           "{{ messages }}",
                           "{{ c | indent }}",
                           "{{ 'a\nb' | indent(c) }}",
                           "{{ c | default('a') }}",
                           "{{ missing | default(c) }}",
                           "{{ '%s' % c }}",
                           "{{ c % () }}",
                           "{{ '{}'.format(c) }}",
                           "{{ c.format() }}",
                           "{{ '{:>40}'.format(c) }}",
                           "{{ '%s' | format(c) }}",
                           "{{ c.ljust(40) }}",
                           "{{ '{!r}'.format(c) }}",
                           "{{ messages | map(attribute='content') | join }}",
                           "{{ messages[0].values() | list }}",
                           "{% for k, v in messages[0].items() %}{{ v }}{% endfor %}",
                           "{% for x in c %}{{ x }}{% endfor %}",
                           "{% set ns = namespace(x=c) %}{{ ns.x }}",
                           "{% set b %}{{ c }}{% endset %}{{ b }}",
                           "{% filter upper %}{{ c }}{% endfilter %}",
                           "{% macro f(x) %}{{ x }}{% endmacro %}{{ f(c) | trim }}",
                           "{% macro f() %}{{ caller() }}{% endmacro %}{% call f() %}{{ c }}{% endcall %}",
                           "{% generation %}{{ c }}{% endgeneration %}",
                           "{{ [c, 'a'] | sort | first }}{{ [c, 'a'] | max }}",
                           "{{ [c, c] | unique | list }}",
                           "{{ {c: 1} | dictsort }}",
                           "{{ [c] | batch(2, 'x') | list }}",
                           "{{ cycler(c).next() }}{{ joiner(c) is callable }}",
                           "{{ c if true else 'a' }}",
                           "{{ c or 'a' }}",
                           "{{ ('[\"' ~ c ~ '\"]') | from_json }}",
                           "{{ dict(a=c) }}",
                           "{{ c | tojson | from_json }}",
                           "{{ c.removeprefix('z') }}{{ c.splitlines() }}",
                           "{{ 'a'.join([c, c]) }}",
                           "{{ c.join(['a', 'b']) }}"};
  for (const std::string source : sources) {
    const auto origins = RenderOrigins("{% set c = messages[0].content %}" + source, "Qq qQ");
    ASSERT_TRUE(origins.ok()) << source << ": " << origins.status().message();
    EXPECT_NE(origins->data.find_first_of("qQ"), std::string::npos) << source;
    // "unique" and "True" are no output here; the templates have no q of their own that is printed.
    EXPECT_EQ(origins->trusted.find_first_of("qQ"), std::string::npos) << source << ": " << origins->trusted;
  }
}

TEST(Provenance, OnlyTemplateTextCompletesASpecialToken) {
  const auto origins = RenderOrigins(
      "{{ bos_token }}{{ '<|im_' ~ messages[0].content ~ '|>' }}{{ messages[0].role }}", "<s>start");
  ASSERT_TRUE(origins.ok());
  EXPECT_EQ(origins->trusted, "<s><|im_|>");
  EXPECT_EQ(origins->data, "<s>startuser");
}

TEST(Provenance, KeysAndStringsOfJsonAreData) {
  const auto value = ValueFromJson(R"({"<s>": ["</s>"]})");
  ASSERT_TRUE(value.ok());
  const Text printed = value->Print();
  for (const Piece& piece : printed.pieces()) {
    EXPECT_FALSE(piece.from_template && piece.text.find('s') != std::string::npos);
  }
}

TEST(Provenance, TemplateKwargsAreDataEvenAsBosToken) {
  ChatInputs inputs;
  inputs.messages = Value::MakeList({});
  inputs.bos_token = "<s>";
  auto kwargs = ValueFromJson(R"({"bos_token": "<evil>", "enable_thinking": false})");
  ASSERT_TRUE(kwargs.ok());
  inputs.template_kwargs = *kwargs;
  auto parsed = Template::Parse("{{ bos_token }}{{ enable_thinking }}");
  const auto variables = ChatVariables(inputs);
  ASSERT_TRUE(parsed.ok() && variables.ok());
  const auto rendered = parsed->Render(*variables);
  ASSERT_TRUE(rendered.ok());
  EXPECT_EQ(*rendered, (std::vector<Piece>{{"<evil>", false}, {"False", true}}));
}

}  // namespace
}  // namespace vivace::chat
