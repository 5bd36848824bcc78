"""Templates for each feature of the template language, written for these goldens: feature -> list of templates.

Rendered by gen_templates.py over BASE. A template that jinja2 refuses is kept as an expected failure.
"""

CASED = "".join(c for c in map(chr, range(0x20000)) if not 0xD800 <= ord(c) < 0xE000
                and (c.upper() != c or c.lower() != c or c.title() != c))

BASE = {
    "n": 5, "x": 2.5, "neg": -7, "big": 123456789, "s": "text", "flag": True, "off": False, "nothing": None,
    "items": [1, 2, 3], "empty": [], "no_text": "", "no_dict": {}, "words": ["pear", "Apple", "fig", "apple", "Zoo"],
    "d": {"a": 1, "b": "two", "c": [1, {"deep": "x"}]}, "pairs": [["k", 1], ["l", 2]],
    "people": [{"name": "Ann", "age": 31, "role": "user", "tags": ["a"]}, {"name": "bob", "age": 25, "role": "assistant"},
               {"name": "Cid", "age": 31, "role": "user", "tags": []}],
    "messages": [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "Hi\nthere"},
                 {"role": "assistant", "content": "Hello <b>&'\"", "extra": {"k": None}}],
    "uni": "Grüße ΑΣΣΟΣ ǆ ﬁ İ straße", "mixed": " two\n\tlines \u3000", "quote": "it's \"so\"", "html": "<a href='x'>&amp;</a>",
    "emoji": "a👩\u200d🚀b", "control": "\u0001\u007f\u0085\u200b\ue000", "nested": {"x": {"y": {"z": [10, 20, [30]]}}},
    "methods": {"items": 1, "keys": 2, "other": 3, "get": 4}, "numbers": [3, 1.5, -2, 0, 10], "bools": [True, False, None, 0, 1],
    "tool": {"type": "function", "function": {"name": "weather", "description": "Tells it", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 3}}, "required": ["city"]}}},
    "bos_token": "<s>", "eos_token": "</s>", "cased": CASED, "json": '{"a": [1, 2.5, null, true], "b": {"c": "d\\u00e9\\n"}}',
}

FEATURES = {
    "statement: for": [
        "{% for i in items %}{{ i }},{% endfor %}", "{% for i in empty %}x{% endfor %}.", "{% for i in missing %}x{% endfor %}.",
        "{% for c in s %}[{{ c }}]{% endfor %}", "{% for c in emoji %}[{{ c }}]{% endfor %}", "{% for k in d %}{{ k }}={{ d[k] }};{% endfor %}",
        "{% for k, v in pairs %}{{ k }}{{ v }} {% endfor %}", "{% for (k, v) in pairs %}{{ k }}{{ v }} {% endfor %}",
        "{% for k, v in d.items() %}{{ loop.index }}:{{ k }}={{ v }} {% endfor %}", "{% for i in 1, 2, 3 %}{{ i }}{% endfor %}",
        "{% for i in (1, 2) %}{{ i }}{% endfor %}", "{% for i in [1, [2, 3]] %}{{ i }}{% endfor %}",
        "{% for a, (b, c) in [[1, [2, 3]], [4, [5, 6]]] %}{{ a }}{{ b }}{{ c }} {% endfor %}", "{% for i in n %}{% endfor %}",
        "{% for a, b in items %}{% endfor %}", "{% for i in items %}{{ i }}{% endfor %}{{ i }}|", "{% for i in nothing %}{% endfor %}",
        "{% for i in items %}{% for j in items %}{{ i * j }}{% if not loop.last %},{% endif %}{% endfor %};{{ loop.index }} {% endfor %}",
        "{% for i in range(3) %}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
        "{% for i in items %}{% if loop.first %}{% set q = 'set' %}{% endif %}[{{ q }}]{% endfor %}",
        "{% for i in items | reverse %}{{ i }}{% endfor %}"],
    "statement: for with if": [
        "{% for i in items if i != 2 %}{{ i }}/{{ loop.length }}/{{ loop.index }} {% endfor %}", "{% for i in items if i > 9 %}x{% else %}none{% endfor %}",
        "{% for p in people if p.role == 'user' %}{{ p.name }}{{ '' if loop.last else ', ' }}{% endfor %}",
        "{% for k, v in pairs if v is odd %}{{ k }}{% endfor %}", "{% for i in items if i is odd and i > 1 or i == 2 %}{{ i }}{% endfor %}",
        "{% for m in messages if m.role != 'system' %}{{ loop.index0 }}{{ m.role }} {% endfor %}"],
    "statement: for with else": ["{% for i in empty %}x{% else %}none{% endfor %}", "{% for i in items %}{{ i }}{% else %}none{% endfor %}",
                                 "{% for i in empty %}{% else %}{% set z = 1 %}{{ z }}{% endfor %}{{ z }}"],
    "loop: first, last": ["{% for i in items %}{{ loop.first }}{{ loop.last }} {% endfor %}", "{% for i in [1] %}{{ loop.first and loop.last }}{% endfor %}"],
    "loop: index, index0, revindex": ["{% for i in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }} {% endfor %}"],
    "loop: previtem, nextitem": [
        "{% for i in items %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {% endfor %}", "{% for i in items %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}",
        "{% for m in messages %}{% if loop.previtem and loop.previtem.role == 'system' %}after system{% endif %}{% if loop.nextitem is defined and loop.nextitem.role == 'assistant' %}before{% endif %}{% endfor %}",
        "{% for m in messages %}{% if loop.previtem.role == 'x' %}{% endif %}{% endfor %}"],
    "loop: length, depth, cycle, changed": [
        "{% for i in items %}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}", "{% for i in items %}{{ loop.cycle('a', 'b') }}{% endfor %}",
        "{% for i in [1, 1, 2] %}{{ loop.changed(i) }} {% endfor %}", "{% for i in items %}{{ loop.nothing }}.{% endfor %}", "{{ loop }}|{{ loop is defined }}",
        "{% for i in items %}{% set outer = loop %}{% for j in 'ab' %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}", "{% for i in items %}{{ loop['index'] }}{% endfor %}"],
    "statement: if": [
        "{% if n == 1 %}1{% elif n == 5 %}5{% elif n == 5 %}again{% else %}other{% endif %}", "{% if empty %}x{% else %}y{% endif %}", "{% if missing %}x{% else %}y{% endif %}",
        "{% for v in [0, 1, '', 'a', none, [], [0], 0.0, {}, {'a': 1}, ()] %}{{ 'T' if v else 'F' }}{% endfor %}", "{% if flag %}{% set a = 1 %}{% endif %}{{ a }}",
        "{% if not flag %}a{% elif missing is defined %}b{% endif %}.", "{% if 1, 0 %}tuple{% endif %}", "{% if range(0) %}a{% else %}b{% endif %}", "{% if items | select('gt', 9) %}generator{% endif %}"],
    "statement: set": [
        "{% set a = 1 %}{% set b = a + 1 %}{{ a }}{{ b }}{% set a = 'new' %}{{ a }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = pairs %}{{ a[0] }}{{ b[0] }}", "{% set a = 1, 2 %}{{ a }}",
        "{% set a = 1 %}{% for i in items %}{% set a = a + i %}{{ a }} {% endfor %}{{ a }}", "{% set (a, b) = [3, 4] %}{{ b }}", "{% set n = n + 1 %}{{ n }}", "{% set a, b = 1 %}", "{% set a, b = [1, 2, 3] %}",
        "{%- set a = 'x' -%} {{ a }}", "{% set a = messages %}{{ a[0].role }}", "{% set loop_messages = messages[1:] %}{{ loop_messages | length }}"],
    "statement: set block": [
        "{% set a %}x{{ n }}y{% endset %}[{{ a }}]", "{% set a | upper %}x{{ n }}y{% endset %}{{ a }}", "{% set a | trim | replace('x', 'z') %} x {% endset %}{{ a }}", "{% set a %}{% set b = 1 %}{{ b }}{% endset %}{{ a }}{{ b }}",
        "{% set ns = namespace() %}{% set ns.t %}in{% endset %}{{ ns.t }}", "{% set a %}{% for i in items %}{{ i }}{% endfor %}{% endset %}{{ a | length }}",
        "{% for i in items %}{% set a %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endset %}{{ a }}{% endfor %}"],
    "statement: set of a namespace": [
        "{% set ns = namespace(a=1) %}{% for i in items %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}", "{% set ns = namespace() %}{% set ns.found = false %}{{ ns.found }}{{ ns.other }}", "{% set d.a = 2 %}", "{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}",
        "{% set ns = namespace(l=[]) %}{% for i in items %}{% set ns.l = ns.l + [i * 2] %}{% endfor %}{{ ns.l }}", "{% set missing.a = 1 %}", "{% set ns = namespace(a=1, b=2) %}{% set ns.a, ns.b = ns.b, ns.a %}{{ ns.a }}{{ ns.b }}",
        "{% set ns = namespace(x=0) %}{% macro f() %}{% set ns.x = ns.x + 1 %}{% endmacro %}{{ f() }}{{ f() }}{{ ns.x }}", "{% set ns = namespace(a={'k': 1}) %}{{ ns.a.k }}{{ ns['a']['k'] }}", "{{ namespace(1, 2) }}"],
    "statement: macro": [
        "{% macro f(a, b) %}{{ a }}-{{ b }}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ f(1) }} {{ f(1, b=3) }} {{ f(b=4, a=5) }}", "{% macro f(a) %}[{{ a }}]{% endmacro %}{{ f() }}", "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}",
        "{% macro f(a) %}{% endmacro %}{{ f(b=1) }}", "{% macro f(a) %}{{ varargs }}{% endmacro %}{{ f(1, 2, 3) }}", "{% macro f() %}{{ kwargs }}{% endmacro %}{{ f(a=1, b='x') }}", "{% macro f(a) %}{{ a }}{{ n }}{% endmacro %}{% set n = 9 %}{{ f(1) }}",
        "{% macro f(k) %}{{ k }}{% if k > 0 %}{{ f(k - 1) }}{% endif %}{% endmacro %}{{ f(4) }}", "{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(7) }}", "{% macro f() %}{% set q = 1 %}{{ q }}{% endmacro %}{{ f() }}{{ q }}",
        "{% macro f(x) -%}\n  {{ x }}\n{%- endmacro %}<{{ f('a') }}>", "{% macro f(m) %}{{ m.role | upper }}{% endmacro %}{% for m in messages %}{{ f(m) }} {% endfor %}", "{% macro f() %}abc{% endmacro %}{{ f() | upper }}{{ f() ~ 'd' }}{{ f() + 'e' }}{{ f() | length }}",
        "{% macro outer(a) %}{% macro inner(b) %}{{ a }}{{ b }}{% endmacro %}{{ inner(2) }}{% endmacro %}{{ outer(1) }}", "{{ f() }}{% macro f() %}late{% endmacro %}", "{% for i in items %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}", "{% macro f(a=[]) %}{{ a + [1] }}{% endmacro %}{{ f() }}{{ f() }}",
        "{% macro f(a, a2=none) %}{{ a2 is none }}{% endmacro %}{{ f(1) }}{{ f(1, 2) }}", "{% macro f(a=1, b) %}{% endmacro %}", "{% macro render(t, indent=0) %}{{ '  ' * indent }}{{ t.type }}\n{% for k, v in (t.properties or {}).items() %}{{ render(v, indent=indent + 1) }}{% endfor %}{% endmacro %}{{ render(tool.function.parameters) }}",
        "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(a=missing) }}.", "{% macro f() %}{{ f.name }}{% endmacro %}{{ f() }}{{ f is callable }}", "{% if flag %}{% macro f() %}in if{% endmacro %}{% endif %}{{ f() }}"],
    "statement: call": [
        "{% macro f() %}<{{ caller() }}>{% endmacro %}{% call f() %}body{% endcall %}", "{% macro f(a) %}{{ a }}{{ caller(1, 2) }}{% endmacro %}{% call(x, y=9) f('p') %}{{ x }}{{ y }}{% endcall %}", "{% macro f() %}no caller{% endmacro %}{% call f() %}b{% endcall %}",
        "{% macro f() %}{% if caller %}{{ caller() }}{% else %}none{% endif %}{% endmacro %}{{ f() }}{% call f() %}yes{% endcall %}", "{% macro f() %}{{ caller() }}{{ caller() }}{% endmacro %}{% set q = 3 %}{% call f() %}{{ q }}{% endcall %}", "{% call n %}x{% endcall %}",
        "{% macro list(xs) %}{% for x in xs %}{{ caller(x) }}{% endfor %}{% endmacro %}{% call(i) list(items) %}[{{ i }}]{% endcall %}"],
    "statement: filter block": [
        "{% filter upper %}abc{{ s }}{% endfilter %}", "{% filter trim | upper %}  a b  {% endfilter %}.", "{% filter replace('a', 'b') %}aXa{% endfilter %}", "{% filter indent(2) %}a\nb{% endfilter %}", "{% filter upper %}{% set z = 1 %}a{% endfilter %}{{ z }}",
        "{% filter upper %}a{% filter lower %}B{% endfilter %}c{% endfilter %}", "{% filter nofilter %}a{% endfilter %}"],
    "statement: break, continue": [
        "{% for i in items %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in items %}{% if i == 2 %}{% continue %}{% endif %}{{ i }}{% endfor %}", "{% for i in items %}{% for j in items %}{% if j == 2 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{% endfor %}",
        "{% break %}", "{% for i in items %}{% break %}{% else %}else{% endfor %}.", "{% for i in range(10) %}{% if i % 2 %}{% continue %}{% endif %}{% if i > 6 %}{% break %}{% endif %}{{ i }}{% endfor %}", "{% for i in items %}a{% continue %}b{% endfor %}"],
    "statement: generation": ["{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}{% endfor %}", "{%- generation -%}  a  {%- endgeneration -%}  b", "{% generation %}{% set a = 1 %}{% endgeneration %}{{ a }}", "{% generation %}x"],
    "statement: raw": ["{% raw %}{{ n }}{% if %}{# x #}{% endraw %}", "a {%- raw -%} {{ b }} {%- endraw -%} c", "{% raw %}\na\n{% endraw %}\nb", "  {% raw %}\n  x\n  {% endraw %}\ny", "{% raw %}x", "{%+ raw %}\nx{% endraw %}"],
    "statement: refused": ["{% import 'x' as y %}", "{% include 'x' %}", "{% extends 'x' %}", "{% from 'x' import y %}", "{% do items.append(1) %}", "{% endfor %}", "{% else %}", "{% if flag %}", "{% nosuch %}", "{% for %}", "{% set %}", "{% macro %}", "{% if flag %}{% endfor %}"],
    "comments": ["a{# no {{ n }} #}b\n{# line #}\nc {#- x -#} d", "  {# a #}\n  b", "a{#-#}b", "a\n{#+ c #}\nb", "{# a\nb\n#}{{ n }}", "{# open", "a {#- c #}\n b {# d -#}\n c", "{##}x"],
    "whitespace control": [
        "a \n {%- if flag -%} \n b \n {%- endif -%} \n c", "a \n {{- n -}} \n b", "a\n  {%+ if flag +%}\nb{% endif %}", "a\n  {%+ if flag %}\nb{% endif %}", "a\n  {% if flag +%}\nb{% endif +%}\nc", "  {% if flag %}  {% if flag %}\n x{% endif %}{% endif %}\n",
        "a\n   {% if flag %}\n  b\n   {% endif %}\nc", "a {% if flag %} b {% endif %} c", "   {% if flag %}x{% endif %}", "  {{ n }}\n  {{ n }}", "a\n", "a\n\n", "{% if flag %}\n\nx{% endif %}", "{% if flag -%}\n\n x{% endif %}", "\t{% if flag %}\tx\t{% endif %}\t", "a\r\n{% if flag %}\r\nb\r\n{% endif %}\r\n",
        "{{ n }}\n", "{{ n -}}\n\n x", "{{- n }}", " {{- n }}", "{{ -n }}{{-n}}{{ - n }}", "{% if flag %}\r\nx{% endif %}", "a\n \n  {%- if flag %}\n b\n{%- endif %}\n", "{% for i in items -%}\n {{ i }}\n{%- endfor %}", "{% for i in items %}\n  {{ i }}\n{% endfor %}", "x{% set a = 1 %}\ny", "x {%- set a = 1 +%}\ny"],
    "literals": [
        r"""{{ 'a\nb\t"\'\\' }}{{ "it's" }}{{ 'A\x42\u0043\U00000044\105' }}{{ '\q' }}""", "{{ 'a' 'b' \"c\" }}", "{{ '}}' }}{{ '%}' }}{{ '{{' }}", "{{ 1_000 }} {{ 0x1f }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e3 }} {{ 2e-3 }} {{ 1_0.5 }}", "{{ true }}{{ True }}{{ false }}{{ False }}{{ none }}{{ None }}",
        "{{ 1.0 }} {{ 0.1 }} {{ 2.50 }} {{ 1e16 }} {{ 1e15 }} {{ 1e-4 }} {{ 1e-5 }} {{ 123456789.125 }} {{ 1e100 }}", "{{ 'é\u00e9ñ' }}", "{{ 'line\\\ngoes on' }}", "{{ '' }}{{ \"\" }}|", "{{ 'unclosed }}", "{{ 9223372036854775807 }}", "{{ [] }}{{ {} }}{{ () }}"],
    "lists": ["{{ [1, 'a', [2.5, none], true] }} {{ [] }} {{ items + [4] }} {{ ['it\\'s', 'a\"b', \"it's \\\"x\\\"\"] }}", "{{ [1, 2,] }}", "{{ [1] * 3 }}{{ 2 * [0] }}", "{{ [1, 2] == [1, 2] }}{{ [1, 2] == (1, 2) }}{{ [1] < [2] }}{{ [1, 2] < [1, 1] }}{{ ['a'] + ['b'] }}", "{{ [n, [s, {'k': x}]] }}", "{{ [control] }}", "{{ [uni, emoji, mixed] }}", "{{ [missing] }}", "{{ items.index(2) }}{{ items.count(3) }}", "{{ [1, 2 }}"],
    "tuples": ["{{ (1, 'a') }} {{ (1,) }} {{ () }} {{ 1, 2 }}", "{{ (1, 2)[0] }}{{ (1, 2)[1:] }}{{ (1, 2) + (3,) }}{{ (1, 2) | length }}", "{{ (1, 2) == (1, 2) }}{{ 1 in (1, 2) }}{{ (1, 2) is sequence }}", "{{ (n) }}{{ ((1, 2), 3) }}", "{% for a, b in ((1, 2), (3, 4)) %}{{ a + b }} {% endfor %}", "{{ (1, 2) + [3] }}", "{{ (1, 2) | tojson }}{{ (1, 2) | list }}"],
    "dicts": ["{{ {'a': 1, 'b': [2], s: n} }}", "{{ {} }}{{ {'a': 1}['a'] }}{{ {'a': 1}.a }}{{ {1: 'x'}[1] }}{{ {true: 'y'}[1] }}", "{{ {'a': 1, 'a': 2} }}", "{{ {'a': 1,} }}", "{{ {'a': 1, 'b': 2} == {'b': 2, 'a': 1} }}", "{{ {'x': none, 'y': true, 'z': 1.0} }}", "{{ {'k': messages}['k'][0]['role'] }}", "{{ {[1]: 2} }}", "{{ {(1, 2): 3} }}",
              "{% set roles = {'user': '<u>', 'assistant': '<a>'} %}{% for m in messages %}{{ roles.get(m.role, '<?>') }}{{ roles[m.role] }} {% endfor %}", "{{ {'a' }}", "{{ {'a': {'b': 1}}.a.b }}", "{{ d }}{{ no_dict }}"],
    "inline if": ["{{ 'a' if flag else 'b' }}{{ 'a' if not flag }}{{ 'a' if false else 'b' if false else 'c' }}", "{{ ('a' if off else 'b') ~ 'c' }}", "{{ 1 if flag if flag else 2 }}", "{{ ('x' if off) is undefined }}", "{{ 'a' if missing else 'b' }}", "{{ [1 if flag else 2, 3 if off else 4] }}", "{{ {'k': 1 if off else 2} }}", "{{ (s if off) ~ '.' }}", "{{ (missing if flag else 1).x }}"],
    "slices": ["{{ items[1:] }} {{ items[:1] }} {{ items[:-1] }} {{ items[1:2] }} {{ items[5:] }} {{ items[2:1] }} {{ items[:] }}", "{{ items[::2] }} {{ items[::-1] }} {{ items[2:0:-1] }} {{ items[-1::-2] }} {{ items[::-9] }}", "{{ s[1:] }}{{ s[:-1] }}{{ s[::-1] }}{{ s[1:3] }}{{ s[::2] }}", "{{ uni[:5] }}{{ emoji[1:2] }}{{ emoji[::-1] }}", "{{ items[::0] }}", "{{ items['a':] }}", "{{ n[1:] }}.", "{{ missing[1:] }}", "{{ messages[1:][0].role }}", "{{ items[none:none:none] }}{{ items[true:] }}", "{{ items[-100:100] }}{{ s[100:] }}|{{ s[-2:] }}", "{{ d[1:] }}", "{{ range(10)[2:8:3] | list }}", "{{ items[1:2:] }}{{ items[:2:1] }}", "{{ items[9223372036854775807:] }}{{ items[-9223372036854775807::9223372036854775807] }}{{ items[::-9223372036854775807] }}"],
    "concatenation ~": ["{{ 'a' ~ 1 ~ none ~ true ~ 2.0 ~ [1] ~ missing ~ 'z' }}", "{{ 1 ~ 2 + 3 }}", "{{ s ~ n | string }}", "{{ 'a' ~ 'b' * 2 }}", "{{ (n ~ x) is string }}", "{{ d ~ '' }}", "{{ 'a' ~ -1 }}"],
    "arithmetic": [
        "{{ 1 + 2 * 3 - 4 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7 / 2 }} {{ x * 2 }} {{ (1 + 2) * 3 }}", "{{ 2 ** 3 }} {{ 2 ** -1 }} {{ 2 ** 0.5 }} {{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 2.0 ** 3 }} {{ 0 ** 0 }} {{ (-8) ** 3 }}", "{{ 7.5 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % 2 }} {{ -7.5 % 2 }} {{ 1e3 // 7 }} {{ 5 % 2.5 }}", "{{ 1 / 3 }} {{ 10 / 5 }} {{ 2 / 3 }}", "{{ 0.1 + 0.2 }} {{ 1.5 - 1 }} {{ 3 * 1.1 }}", "{{ 1 // 0 }}", "{{ 1 / 0 }}", "{{ 1 % 0 }}", "{{ 1.0 // 0 }}", "{{ 0 ** -1 }}",
        "{{ true + true }} {{ true * 3 }} {{ -true }} {{ +5 }} {{ +true }} {{ --5 }} {{ - -5 }}", "{{ 'a' * 3 }}{{ 3 * 'b' }}{{ 'a' * 0 }}{{ 'a' * -1 }}", "{{ 1 + none }}", "{{ missing + 1 }}", "{{ 1 + missing }}", "{{ -s }}", "{{ -missing }}", "{{ [1] + 1 }}", "{{ 4 - 'a' }}", "{{ d + d }}", "{{ 100 - 1 - 1 }} {{ 2 * 3 % 4 }} {{ 7 // 2 * 2 }} {{ -3 % 5 }} {{ n - 1 if flag else 0 }}", "{{ 10 ** 18 }} {{ 3000000000 * 3 }} {{ big * big }}"],
    "string + non-string": ["{{ 'a' + 1 }}", "{{ 1 + 'a' }}", "{{ 'a' + none }}", "{{ 'a' + missing }}", "{{ 'a' + items }}", "{{ 'a' + 1.5 }}", "{{ 'a' + true }}", "{{ 'a' + d }}", "{{ 'a' + 'b' + s }}", "{{ 'a' + n | string }}", "{{ nothing + 'a' }}", "{{ 'a' + (n | string) + 'b' }}"],
    "comparison": ["{{ 1 < 2 }} {{ 2 <= 1 }} {{ 'a' < 'b' }} {{ 1 == 1.0 }} {{ 'a' != 'b' }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ true == 1 }}", "{{ 'a' < 1 }}", "{{ 1 > none }}", "{{ missing == missing }} {{ missing == none }} {{ missing != 1 }} {{ none == none }} {{ nothing == none }}", "{{ missing < 1 }}", "{{ 'a' == 'A' }} {{ 'é' > 'z' }} {{ 'Z' < 'a' }} {{ '' < 'a' }}", "{{ [1, 2] == [1.0, 2.0] }} {{ d == d }} {{ items != [1, 2, 3] }}", "{{ 1 == '1' }} {{ 0 == false }} {{ '' == false }} {{ [] == false }}", "{{ d < d }}", "{{ 3 > 2 >= 2 == 2 }}", "{{ 2.5 >= x }} {{ n > x }}", "{{ 9007199254740993 == 9007199254740992.0 }}"],
    "logic": ["{{ 0 or 'x' }} {{ 1 and 'y' }} {{ not 0 }} {{ not flag and flag }} {{ false or false }} {{ not not 1 }}", "{{ missing or 'd' }}{{ missing and 1 }}.", "{{ not missing }} {{ not empty and not no_text }}", "{{ (1 or 2) and 3 }} {{ 1 or 2 and 3 }}", "{{ flag and messages and messages[0].role == 'system' }}", "{{ not 1 == 2 }} {{ not (flag or off) }}", "{{ none or 0 or '' or [] }}"],
    "in, not in": ["{{ 2 in items }} {{ 9 not in items }} {{ 'ex' in s }} {{ 'a' in d }} {{ 'z' in d }} {{ 'x' in missing }}", "{{ 1 in 5 }}", "{{ 1 in 'a1' }}", "{{ '' in s }} {{ 1.0 in items }} {{ true in items }}", "{{ 'role' in messages[0] }} {{ 'tool_calls' not in messages[0] }}", "{{ not 2 in items }} {{ [1] in [[1], 2] }} {{ none in [none] }}", "{{ 'a' in ('a', 'b') }} {{ 3 in range(5) }} {{ 'k' in d.keys() }} {{ 1 in d.values() }}", "{{ missing in [1] }} {{ missing in s }}", "{{ 1 in none }}", "{{ 'a' in 'abc' in ['abc'] }}"],
    "access": ["{{ d.a }}{{ d['b'] }}{{ items[0] }}{{ items[-1] }}{{ d.missing }}{{ items[9] }}{{ items[-9] }}.", "{% set m = messages[0] %}{{ m['content'] == m.content }}{{ m['role'] }}{{ m.role }}", "{{ s[0] }}{{ s[-1] }}{{ s[99] }}{{ uni[2] }}{{ emoji[1] }}", "{{ nested.x.y.z[2][0] }}{{ nested['x'].y['z'].0 }}{{ items.1 }}", "{{ d[s] }}.{{ d[0] }}.{{ n.x }}.{{ nothing.a }}.{{ x['y'] }}.", "{{ items['0'] }}.{{ items[true] }}{{ items[1.0] }}.", "{{ messages[0]['content'].strip() }}", "{{ (messages[1]).role }}{{ [1, 2][1] }}{{ 'abc'[1] }}{{ {'a': 5}.a }}", "{{ methods['items'] }}{{ methods['other'] }}{{ methods.other }}", "{{ methods.items is callable }}{{ methods.get('get') }}{{ methods.keys() | list }}", "{{ d['missing']['a'] }}", "{{ items[0][0] }}.", "{{ items[0].a.b }}"],
    "undefined": ["[{{ missing }}]", "{{ missing.a }}", "{{ missing['a'] }}", "{{ missing[0] }}", "{{ missing() }}", "{{ missing | length }}", "{{ missing | upper }}|{{ missing | trim }}|{{ missing | list }}|{{ missing | join(',') }}|{{ missing | string }}|", "{{ missing | int }}", "{{ missing | tojson }}", "{{ missing is defined }}{{ d.zz is defined }}{{ d.zz is undefined }}{{ nothing is defined }}", "{{ d.zz.yy }}", "{{ d.zz.yy is defined }}", "{{ missing | default('d') }}", "{{ missing == '' }}{{ missing is none }}{{ missing is string }}", "{{ missing ~ 'a' }}", "{% for x in missing %}{% else %}e{% endfor %}", "{{ missing | first }}{{ missing | last }}.", "{{ missing.strip() }}", "{{ s.nosuch }}.", "{{ s.nosuch() }}", "{{ missing | items | list }}", "{{ missing | abs }}", "{{ [missing, 1] | join('-') }}", "{{ nosuchfunction(1) }}", "{{ missing | float }}", "{{ missing is mapping }}{{ missing is iterable }}{{ missing is sequence }}{{ missing is number }}{{ missing is boolean }}{{ missing is true }}"],
    "refused attributes": ["{{ s.__class__.__mro__ }}", "{{ ''.__class__.__base__.__subclasses__() }}", "{{ items.append(1) }}", "{{ items.pop() }}", "{{ d.update({'a': 1}) }}", "{{ d.pop('a') }}", "{{ d.clear() }}", "{{ items.sort() }}", "{{ d.setdefault('q', 1) }}", "{{ items.extend([1]) }}", "{{ (items | list).insert(0, 1) }}", "{{ range.__globals__['os'] }}", "{{ namespace.__init__() }}", "{{ cycler.__init__.__globals__.os }}", "{{ messages.append({}) }}", "{{ items.remove(1) }}", "{{ d.popitem() }}", "{{ open('x') }}", "{{ self.x() }}"],
    "named and chained arguments": ["{{ '  ab ' | trim | upper | length }}", "{{ missing | default(default_value='q') }}{{ '' | default('e', boolean=true) }}", "{{ s | replace(old='t', new='T') }}{{ s | replace('t', new='q', count=1) }}", "{{ 'a b c' | replace('a', 'x') | replace('b', 'y') | upper }}", "{{ s | trim(nosuch=1) }}", "{{ s | upper(1) }}", "{{ s | replace('a') }}", "{{ 'xxaxx' | trim(chars='x') }}", "{{ -1 | default(2) }} {{ 'a' + ' b ' | trim + 'c' }} {{ 'a' ~ 'b' | upper }}", "{{ -5 | abs }} {{ 2 ** 3 | string }}{{ (1 + 2) | string ~ 'x' }}", "{{ s | default('x') is string }}", "{{ f(1, a=2, 3) }}", "{{ dict(a=1, a=2) }}", "{{ range(stop=3) }}"],
}
