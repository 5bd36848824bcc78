#!/usr/bin/env python3
"""What jinja2, set up as transformers sets it up for chat templates, makes of templates of our own.

usage: gen_templates.py        writes templates.json beside itself
needs: jinja2, transformers (its _compile_jinja_template makes the environment)

templates.json: {"made_by", "sets": {name: variables}, "cases": [{"feature", "set", "template", "text" or "error"}]}.
strftime_now is fixed to NOW. The filter from_json and the test startingwith are no part of jinja2: they are json.loads and str.startswith.
"""
import datetime
import json
import pathlib

import jinja2
import transformers
from templates_builtins import FILTERS, FUNCTIONS, METHODS, TESTS
from templates_families import CONVERSATIONS, FAMILIES
from templates_features import BASE, FEATURES
from transformers.utils import chat_template_utils

HERE = pathlib.Path(__file__).parent
NOW = datetime.datetime(2024, 7, 6, 14, 5, 9)


def compile_template(source):
    """The template in the environment of transformers; our additions are put in its tables before it is compiled again."""
    environment = chat_template_utils._compile_jinja_template("").environment
    environment.globals["strftime_now"] = NOW.strftime
    environment.filters["from_json"] = json.loads
    environment.tests["startingwith"] = lambda value, start: value.startswith(start)
    return environment.from_string(source)


def render(source, variables):
    """{"text"} or {"error"}, the kind of the error for who reads the file."""
    try:
        return {"text": compile_template(source).render(**variables)}
    except Exception as error:  # whatever Python raises, the template is refused
        return {"error": type(error).__name__}


def main():
    sets = {"base": BASE}
    cases = []
    tables = [("", FEATURES)] + [(kind + ": ", table) for kind, table in
                                 (("filter", FILTERS), ("test", TESTS), ("function", FUNCTIONS), ("method", METHODS))]
    for prefix, table in tables:
        for feature, templates in table.items():
            cases += [dict(feature=prefix + feature, set="base", template=t, **render(t, BASE)) for t in templates]
    for name, conversation in CONVERSATIONS.items():
        sets[name] = dict(dict(tools=None, documents=None, add_generation_prompt=True, bos_token="<s>", eos_token="</s>"), **conversation)
        cases += [dict(feature="family: " + family, set=name, template=t, **render(t, sets[name])) for family, t in FAMILIES.items()]
    made_by = f"gen_templates.py with jinja2 {jinja2.__version__}, transformers {transformers.__version__}"
    lines = [json.dumps(case, ensure_ascii=False) for case in cases]
    with open(HERE / "templates.json", "w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps({"made_by": made_by, "sets": sets}, ensure_ascii=False)[:-1])
        file.write(', "cases": [\n' + ",\n".join(lines) + "\n]}\n")
    failures = sum("error" in case for case in cases)
    print(f"{len(cases)} cases of {len({case['feature'] for case in cases})} features, {failures} of them expected failures")


if __name__ == "__main__":
    main()
