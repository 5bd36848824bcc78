#!/usr/bin/env python3
"""Checks src/ against layers.txt: no include of a sibling or higher folder, no include that leaves src/ by a path, no cycle of files.

usage: check_layers.py [ROOT]      prints each violation as file:line, exits with 1 when there is one.
A public header (include/vivace/x.h) belongs to the layer given in PUBLIC; a folder below that layer may not include it.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
PUBLIC = {"status": 0, "sampling_params": 2, "request": 6, "options": 6, "engine": 6, "text_model": 6, "inspect": 6, "explain": 6, "artifact_cache": 6, "tuning": 6, "resolved_options": 6}


def read_layers(root):
    """layers.txt as {folder: layer}."""
    layers = {}
    for line in (root / "layers.txt").read_text().splitlines():
        words = line.split("#")[0].split()
        for folder in words[1:]:
            layers[folder] = int(words[0])
    return layers


def includes(path):
    """(line number, included path) of each quoted include."""
    for number, line in enumerate(path.read_text(encoding="utf8").splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match.group(1)


def violation(layers, folder, target):
    """Why a file of `folder` may not include `target`, or None."""
    first = target.split("/")[0]
    if ".." in target.split("/"):
        return "leaves its folder by '..'"
    if first == "vivace":
        name = pathlib.PurePath(target).stem
        if name not in PUBLIC:
            return f"public header {name}.h has no layer in tools/check_layers.py"
        return None if PUBLIC[name] <= layers[folder] else f"{target} belongs to layer {PUBLIC[name]}"
    if first == folder:
        return None
    if first not in layers:
        return "is not a folder of layers.txt"
    if layers[first] >= layers[folder]:
        return f"{first} is on layer {layers[first]}, {folder} on layer {layers[folder]}"
    return None


def find_cycle(graph):
    """A list of files that include each other in a circle, or None."""
    state, trail = {}, []

    def visit(node):
        state[node] = "open"
        trail.append(node)
        for target in graph.get(node, ()):
            if state.get(target) == "open":
                return trail[trail.index(target):] + [target]
            if target not in state and (cycle := visit(target)):
                return cycle
        state[node] = "done"
        trail.pop()
        return None

    for node in list(graph):
        if node not in state and (cycle := visit(node)):
            return cycle
    return None


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    layers, problems, graph = read_layers(root), [], {}
    for path in sorted((root / "src").rglob("*")):
        if path.suffix not in (".h", ".cc", ".def", ".inc"):
            continue
        relative = path.relative_to(root / "src")
        folder = relative.parts[0] if len(relative.parts) > 1 else "main"
        if folder not in layers:
            problems.append(f"{path}: folder '{folder}' is not in layers.txt")
            continue
        for number, target in includes(path):
            graph.setdefault(str(relative), []).append(target)
            if why := violation(layers, folder, target):
                problems.append(f"{path}:{number}: includes {target}: {why}")
    if cycle := find_cycle(graph):
        problems.append("include cycle: " + " -> ".join(cycle))
    print("\n".join(problems) if problems else f"layers: {len(graph)} files with includes, no violation")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
