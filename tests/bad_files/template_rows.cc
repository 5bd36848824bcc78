// Chat templates, groups T12 to T16: the model loads, a chat ends in an error that names the line.
#include "bad_file.h"

namespace vivace::bad_files {
namespace {

struct TemplateRow {
  const char* id;
  std::string source;
  const char* text;
};

std::string Repeated(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

const TemplateRow kTemplates[] = {
    {"T12_Range", R"j({{ range(10**9) }})j", "range"},
    {"T12_LoopOverRange", R"j({% for i in range(10**18) %}{% endfor %})j", "range"},
    {"T12_LoopsWithinLoops",
     R"j({% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %})j", "line 1"},
    {"T12_SumOfRanges", R"j({% for i in range(1000) %}{{ range(100000) | sum }}{% endfor %})j", "line 1"},
    {"T13_MacroCallsItself", R"j({% macro f() %}{{ f() }}{% endmacro %}{{ f() }})j", "line 1"},
    {"T13_MacroDefaultCallsItself", R"j({% macro f(x=f()) %}{% endmacro %}{{ f() }})j", "line 1"},
    {"T13_MacrosCallEachOther",
     R"j({% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }})j", "line 1"},
    {"T13_ValuesNest",
     R"j({% set ns = namespace(x=1) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %})j",
     "line 1"},
    {"T14_Text", R"j({{ 'x' * 10**9 }})j", "line 1"},
    {"T14_List", R"j({{ [1] * 10**9 }})j", "line 1"},
    {"T14_Replace", R"j({{ ('x' * 10**6) | replace('x', 'y' * 10**6) }})j", "line 1"},
    {"T14_Join", R"j({{ range(100000) | join('x' * 10**6) }})j", "line 1"},
    {"T14_Width", R"j({{ '%1000000000s' % 'a' }})j", "line 1"},
    {"T14_Indent", R"j({{ 'x' | indent(10**12, true) }})j", "line 1"},
    {"T15_Import", R"j({% import 'os' as os %})j", "import"},
    {"T15_Include", R"j({% include '/etc/passwd' %})j", "include"},
    {"T15_Class", R"j({{ ''.__class__.__mro__[1].__subclasses__() }})j", "line 1"},
    {"T15_Open", R"j({{ open('/etc/passwd').read() }})j", "line 1"},
    {"T15_Cycler", R"j({{ cycler.__init__.__globals__ }})j", "line 1"},
    {"T15_NamespaceOfNumber", R"j({{ namespace(1) }})j", "line 1"},
    {"T15_AppendToMessages", R"j({{ messages.append(1) }})j", "line 1"},
    {"T15_FormatReachesIn", R"j({{ '{0.__class__}'.format('a') }})j", "line 1"},
    {"T16_Raises", R"j({{ raise_exception('Roles must alternate') }})j", "Roles must alternate"},
    {"T16_RaisesOnLine3", R"j(a
{% if true %}
{{ raise_exception('no ' ~ messages[0].role) }}{% endif %})j",
     "line 3: no user"},
    {"T16_NotClosed", R"j({% if true %})j", "line 1"},
    {"T16_UnknownFilter", R"j({{ 1 | frobnicate }})j", "frobnicate"},
    {"T13_Parentheses20k", "{{ " + Repeated("(", 20'000), "line 1"},
    {"T13_Ifs20k", Repeated("{% if 1 %}", 20'000), "line 1"},
    {"T13_Sums20k", "{{ 1" + Repeated(" + 1", 20'000) + " }}", "line 1"},
    {"T14_FiltersChain20k", "{{ 'x'" + Repeated(" | trim", 20'000) + " }}", "line 1"},
};

}  // namespace

std::vector<BadFile> TemplateRows() {
  std::vector<BadFile> all;
  for (const TemplateRow& row : kTemplates) {
    const auto make = [source = row.source](TestFolder& folder) {
      WriteTinyFolder(folder);
      folder.Write("m/chat_template.jinja", source);
    };
    all.push_back({row.id, "", make, row.text, Outcome::kChat});
  }
  return all;
}

}  // namespace vivace::bad_files
