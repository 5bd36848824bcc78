"""`vivace serve` under limits of memory, threads and descriptors: it serves and answers, or ends with an exit code and a text that
names what ran short; never by a signal, never in silence.

usage: program_test.py PROGRAM
"""
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "api"))
import server_process  # noqa: E402
from tiny_model import write_tiny_model  # noqa: E402

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else None
OPTIONS = ["--log-level", "warning", "--threads", "2", "--kv-cache-memory-bytes", "1M", "--disable-uvicorn-access-log"]
ANOTHER_USER = 54321  # limits of processes do not bind root, and count all processes of a user
SHORT = re.compile(r"memory|limit|thread|[Tt]oo many open files", re.IGNORECASE)
MIB = 1 << 20


def threads_of(user):
    count = 0
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        if int(re.search(r"^Uid:\s+(\d+)", text, re.M)[1]) == user:
            count += int(re.search(r"^Threads:\s+(\d+)", text, re.M)[1])
    return count


class Server:
    """One run under a limit, from start to end."""

    def __init__(self, model, limit=None, value=0, user=None):
        def become():
            if limit is not None:
                resource.setrlimit(limit, (value, value))
            if user is not None:
                os.setgroups([])
                os.setgid(user)
                os.setuid(user)

        self.process = subprocess.Popen([PROGRAM, "serve", *model, "--port", "0", "--served-model-name", "tiny", *OPTIONS],
                                        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, preexec_fn=become)
        self.text, self.port = "", None
        for line in self.process.stderr:
            self.text += line
            if match := server_process.READY.match(line):
                self.port = int(match[2])
                break

    def flood(self):
        """Long bodies at the same time."""
        clients = [threading.Thread(target=self.ask, args=([5] * 1_500_000,)) for _ in range(4)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()

    def ask(self, prompt=(5, 6, 7)):
        """The status of one completion; None where there is no answer."""
        body = json.dumps({"model": "tiny", "prompt": prompt, "max_tokens": 20, "ignore_eos": True}).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/completions", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                reply.read()
                return reply.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def peak(self):
        """Bytes of address space at most so far."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"^VmPeak:\s+(\d+)", text, re.M)[1]) * 1024

    def end(self):
        self.process.terminate()
        try:
            self.text += self.process.communicate(timeout=10)[1]
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.text += self.process.communicate()[1] + "\nit hung"
        return self.process.returncode


class Limits(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        os.chmod(cls.folder.name, 0o755)
        cls.model = write_tiny_model(cls.folder.name)
        os.environ.update(HOME=cls.folder.name, VLLM_DISABLE_COMPILE_CACHE="1", VIVACE_AUTOTUNE="0")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def sweep(self, limit, values, user=None):
        """How many of the values were enough to serve."""
        served = 0
        for value in values:
            with self.subTest(value=value):
                server = Server(self.model, limit, value, user)
                ready = server.port is not None
                answer = server.ask() if ready else None
                if answer == 200 and limit == resource.RLIMIT_AS:
                    server.flood()
                    answer = server.ask()
                    self.assertEqual(answer, 200, "long bodies ended the service of short ones")
                status = server.end()
                self.assertGreaterEqual(status, 0, f"it died of a signal: {server.text}")
                self.assertNotIn("it hung", server.text)
                if ready:
                    self.assertEqual(status, 0, server.text)
                    self.assertIn(answer, (200, 429, 500, 503, None), server.text)
                    served += answer == 200
                else:
                    self.assertNotEqual(status, 0)
                    self.assertRegex(server.text, SHORT)
        print(f"  {served} of {len(values)} served")
        return served

    def test_address_space(self):
        server = Server(self.model)
        self.assertEqual(server.ask(), 200)
        most = server.peak()
        self.assertEqual(server.end(), 0)
        least = self.least_to_start(most)
        steps = 48 if "VIVACE_LONG" in os.environ else 14
        values = [least + (most + 16 * MIB - least) * i // steps // 4096 * 4096 for i in range(steps + 1)]
        served = self.sweep(resource.RLIMIT_AS, values)
        self.assertGreater(served, 0)
        self.assertLess(served, len(values), "no limit was felt")

    def least_to_start(self, most):
        """Bytes in which the libraries can be loaded."""
        for value in range(4 * MIB, most, 4 * MIB):
            limit = (lambda value: lambda: resource.setrlimit(resource.RLIMIT_AS, (value, value)))(value)
            if subprocess.run([PROGRAM, "--version"], capture_output=True, preexec_fn=limit).returncode == 0:
                return value
        return most

    def test_descriptors(self):
        served = self.sweep(resource.RLIMIT_NOFILE, [*range(4, 20), 32])
        self.assertGreater(served, 0)

    def test_threads(self):
        user, running = os.geteuid(), 0
        if user == 0:
            user = ANOTHER_USER
            self.make_reachable(user)
        else:
            running = threads_of(user)
        served = self.sweep(resource.RLIMIT_NPROC, [running + more for more in (1, 2, 3, 4, 5, 6, 8, 12)],
                            user if os.geteuid() == 0 else None)
        self.assertGreater(served, 0)
        self.assertLess(served, 8, "no limit was felt")

    def make_reachable(self, user):
        def become():
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
        try:
            done = subprocess.run([PROGRAM, "--version"], capture_output=True, preexec_fn=become).returncode == 0
        except (PermissionError, subprocess.SubprocessError):
            done = False
        if not done:
            self.skipTest("another user cannot run the program from this folder")


if __name__ == "__main__":
    unittest.main()
