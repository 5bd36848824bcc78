"""Every command line of vLLM's pages on levels and tuning, typed for Vivace: tests/seeds/commands.txt, a test a block. Run by
test_server.py."""
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import tiny_model

CASE = {}
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "tests" / "seeds" / "commands.txt"
KEYS = {"page", "vllm", "vivace", "needs", "error", "adds", "shows", "resolves", "again"}
READY = re.compile(r"serving \S+ on http://[\d.]+:(\d+) ")


def configure(program, model, arguments):
    CASE.update(program=str(pathlib.Path(program).resolve()))


def read_table():
    """The blocks; each a dict of lists."""
    lines = [line for line in TABLE.read_text().splitlines() if not line.startswith("#")]
    blocks = []
    for text in "\n".join(lines).strip().split("\n\n"):
        block = {}
        for line in text.splitlines():
            key, _, value = line.partition(": ")
            if key not in KEYS:
                raise ValueError(f"{TABLE}: '{line}' has no key of {sorted(KEYS)}")
            block.setdefault(key, []).append(value)
        blocks.append(block)
    return blocks


class Commands(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        pathlib.Path(folder.name, "model").mkdir()
        pathlib.Path(folder.name, "model", "config.json").write_text(json.dumps(tiny_model.CONFIG))

    def start(self, line, adds=""):
        """The line in bash, in a folder of its own; `vivace` is the program with the added arguments."""
        script = f"vivace() {{ exec {shlex.quote(CASE['program'])} \"$@\" {adds}; }}\n{line}\n"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("VIVACE_", "VLLM_", "PYTHON"))}
        environment = kept | {"VIVACE_CACHE_ROOT": self.folder + "/root", "VIVACE_AUTOTUNE": "0"}
        if "CACHE_DIR" not in line:
            environment["VLLM_DISABLE_COMPILE_CACHE"] = "1"
        return subprocess.Popen(["bash", "-c", script], cwd=self.folder, env=environment, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run_to_end(self, line, adds=""):
        process = self.start(line, adds)
        try:
            output = process.communicate(timeout=60)[0]
        finally:
            process.kill()
        return process.returncode, output

    def serve(self, line, adds):
        """Starts the server, asks for one answer and stops it; returns what it wrote."""
        process = self.start(line, adds + " --port 0 --host 127.0.0.1 --max-model-len 256")
        lines, ready = [], threading.Event()
        port = []

        def read():
            for text in process.stdout:
                lines.append(text)
                if match := READY.search(text):
                    port.append(int(match.group(1)))
                    ready.set()
            ready.set()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            self.assertTrue(ready.wait(60) and port, "the server did not become ready:\n" + "".join(lines))
            request = urllib.request.Request(
                f"http://127.0.0.1:{port[0]}/v1/completions", json.dumps({"prompt": "Hello", "max_tokens": 3}).encode(),
                {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=30) as reply:
                self.assertLessEqual(1, json.load(reply)["usage"]["completion_tokens"])
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(20), 0, "".join(lines))
        finally:
            process.kill()
            process.wait()
            reader.join()
            process.stdout.close()
        return "".join(lines)

    def resolved(self, line, adds):
        """Key to value and origin, as `vivace config` says them of the options of the line; it has no bench of its own."""
        own = re.compile(r" --(batch-size|input-len|output-len|num-prompts|num-iters|num-iters-warmup) \S+")
        rest = re.sub(r"\bvivace (serve|bench \w+)", "vivace config --json", line)
        status, output = self.run_to_end(own.sub("", rest), own.sub("", " " + adds))
        self.assertEqual(status, 0, output)
        return json.loads(output)["options"]

    def walk(self, block):
        line, adds = block["vivace"][0], block.get("adds", [""])[0]
        if "needs" in block:
            status, output = self.run_to_end(line)
            self.assertNotEqual(status, 0, output)
            self.assertIn(block["error"][0], output)
        if "adds" not in block:
            return
        if "vivace serve" in line:
            output = self.serve(line, adds)
        else:
            status, output = self.run_to_end(line, adds)
            self.assertEqual(status, 0, output)
        for pattern in block.get("shows", []):
            self.assertRegex(output, pattern)
        if "again" in block:
            self.assertRegex(self.serve(line, adds), block["again"][0])
        if "resolves" not in block:
            return
        resolved = self.resolved(line, adds)
        for wanted in block["resolves"]:
            key, _, value = wanted.partition("=")
            self.assertRegex(resolved[key]["value"], f"^{value}$", key)


class Page(unittest.TestCase):
    def test_what_is_not_built_stands_in_the_page_with_its_error(self):
        page = (ROOT / "docs" / "tuning.md").read_text()
        for block in read_table():
            for error in block.get("error", []):
                self.assertIn(f"| `{error}` |", page)


def add_test(number, block):
    def test(self):
        self.walk(block)
    test.__doc__ = block["vivace"][0]
    setattr(Commands, f"test_{number:02}", test)


for number, block in enumerate(read_table(), 1):
    add_test(number, block)
