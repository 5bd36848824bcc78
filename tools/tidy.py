#!/usr/bin/env python3
"""House rules that a script can see (docs/architecture.md, "Habits"). usage: tidy.py [ROOT]; prints file:line, exits with 1 on a finding.

Checked over tracked and new files: file length, opening comment, forbidden words and names, exceptions below layer 7, getenv
outside the options, raw new and delete, mutable globals, tests that are switched off, stray paths, Python without docstrings.
"""
import ast
import pathlib
import re
import subprocess
import sys

MAX_LINES = 500
LINE_RULES = [
    # (what, pattern, applies to path pattern, except path pattern)
    ("unfinished work", r"\b(TODO|FIXME|XXX|HACK)\b", r"\.(cc|h|py|sh|def|cmake)$", r"tools/tidy\.py$"),
    ("throw below layer 7", r"^\s*throw\b|[;{]\s*throw\b", r"^src/(?!cli|server|main).*\.(cc|h)$", r"_test\.cc$"),
    ("getenv outside the options", r"\b(secure_)?getenv\s*\(", r"^(src|include)/.*\.(cc|h)$", r"_test\.cc$|_fixture\.h$|^src/engine/option|^src/cli/program_options"),
    ("raw new or delete", r"^(?!.*unique_ptr<).*(?<![\w.])new\s+[A-Za-z_(]|\bdelete\s+[a-zA-Z_*(]|\bdelete\[\]", r"^(src|include)/.*\.(cc|h)$", r"_test\.cc$"),
    ("test switched off", r"\bDISABLED_|GTEST_SKIP\(\)\s*;", r"\.(cc|h)$", r"^$"),
    ("path of one machine", r"/(root|work|home)/[a-z]", r"\.(cc|h|py|sh|md|cmake|txt)$", r"tools/tidy\.py$"),
    ("tab", r"\t", r"\.(cc|h|py|def|cmake)$", r"^$"),
    ("std::cout in a library", r"std::cout", r"^src/(?!cli|server|main)", r"_test\.cc$"),
]
FORBIDDEN_NAMES = re.compile(r"(^|[/_])(util|utils|helper|helpers|common|misc|manager)([_.]|$)")


def tracked(root):
    """Files that git tracks or would track, as paths relative to root."""
    out = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
    return [path for path in out.stdout.splitlines() if (root / path).is_file()]


def strip_comment(path, line):
    """The line without its // comment and string contents (C++ only)."""
    if not path.endswith((".cc", ".h")):
        return line
    return re.sub(r"//.*", "", re.sub(r'"(\\.|[^"\\])*"', '""', line))


def check_lines(path, lines):
    for what, pattern, applies, excluded in LINE_RULES:
        if not re.search(applies, path) or re.search(excluded, path):
            continue
        rule = re.compile(pattern)
        keep_comments = what in ("unfinished work", "path of one machine", "tab")
        for number, line in enumerate(lines, 1):
            if rule.search(line if keep_comments else strip_comment(path, line)):
                yield f"{path}:{number}: {what}: {line.strip()[:100]}"


def check_file(path, text):
    lines = text.splitlines()
    if FORBIDDEN_NAMES.search(path):
        yield f"{path}: a name that says nothing (util, helper, common, misc, manager)"
    if path.endswith((".cc", ".h", ".py", ".sh")) and len(lines) > MAX_LINES:
        yield f"{path}: {len(lines)} lines, more than {MAX_LINES}: split it"
    if path.endswith(".h") and lines and not lines[0].startswith("//"):
        yield f"{path}:1: a header opens with a comment on what it is"
    if path.endswith(".py"):
        yield from check_python(path, text)
    yield from check_lines(path, lines)


def check_python(path, text):
    tree = ast.parse(text, path)
    if not ast.get_docstring(tree):
        yield f"{path}:1: no module docstring"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    problems, files = [], tracked(root)
    for path in files:
        if (root / path).stat().st_size > 1 << 20:
            problems.append(f"{path}: larger than 1 MiB")
        if not re.search(r"\.(cc|h|py|sh|md|cmake|txt|def)$", path):
            continue
        problems.extend(check_file(path, (root / path).read_text(encoding="utf8")))
    print("\n".join(problems) if problems else f"tidy: {len(files)} files, no finding")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
