"""The program from outside: exit statuses and one-line errors, signals, `generate` and `run`. Run by test_server.py."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from server_process import ServerProcess

CASE = {}


def configure(program, model, arguments):
    CASE.update(program=program, model=model, arguments=arguments)


def vivace(*arguments, text=None, within=60):
    return subprocess.run([CASE["program"], *arguments], input=text, capture_output=True, text=True, timeout=within)


def generate(*arguments, **settings):
    return vivace("generate", CASE["model"], *CASE["arguments"], *arguments, **settings)


class Mistakes(unittest.TestCase):
    def mistake(self, result, status, *words):
        errors = [line for line in result.stderr.splitlines() if line.startswith("vivace: error: ")]
        self.assertEqual(len(errors), 1, result.stderr)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, "")
        for word in words:
            self.assertIn(word, errors[0])

    def test_a_wrong_path(self):
        self.mistake(vivace("serve", "/no/such.gguf", "--port", "0"), 2, "/no/such.gguf")
        self.mistake(vivace("generate", "/no/such.gguf", "--prompt", "a"), 2, "/no/such.gguf")
        self.mistake(vivace("generate", "/", "--prompt", "a"), 2, "/")

    def test_a_truncated_file(self):
        with tempfile.TemporaryDirectory() as folder:
            for size in (0, 3, 1000, 2_000_000, 90_000_000):
                cut = pathlib.Path(folder, f"cut{size}.gguf")
                with open(CASE["model"], "rb") as whole:
                    cut.write_bytes(whole.read(size))
                self.mistake(vivace("generate", str(cut), "--prompt", "a"), 2, cut.name)

    def test_typing_errors(self):
        self.mistake(vivace("serve", CASE["model"], "--prot", "1"), 2, "--prot", "--port")
        self.mistake(vivace("serv", CASE["model"]), 2, "'serv'", "'serve'")
        self.mistake(vivace("serve", CASE["model"], "--port", "70000"), 2, "70000", "65535")
        self.mistake(vivace("serve", CASE["model"], "-O9"), 2, "9")
        self.mistake(vivace("serve"), 2, "no model")

    def test_prompts_that_cannot_be(self):
        self.mistake(generate("--prompt", ""), 2, "empty")
        self.mistake(generate("--prompt", "word " * 20000), 2, "8192")
        self.mistake(generate("--prompt-ids", "1,99999999"), 2, "99999999")
        self.mistake(generate("--prompt", "a", "--prompt", ""), 2, "prompt 2")
        self.mistake(generate(text=""), 2, "empty")
        self.mistake(vivace("run", CASE["model"], *CASE["arguments"], text=""), 2, "empty")

    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            self.mistake(vivace("serve", CASE["model"], *CASE["arguments"], "--port", port), 1, port, "--port")


class Output(unittest.TestCase):
    def test_generate_prints_one_object_a_prompt_in_order(self):
        texts = ["The capital of France is", "Water boils at", "Once upon a time"]
        settings = ["--json", "--temperature", "0", "--max-tokens", "6", "--logprobs", "1"]
        result = generate(*settings, *(word for text in texts for word in ("--prompt", text)))
        self.assertEqual(result.returncode, 0, result.stderr)
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(len(rows), 3)
        for text, row in zip(texts, rows):
            alone = json.loads(generate(*settings, "--prompt", text).stdout)
            by_ids = json.loads(generate(*settings, "--prompt-ids", ",".join(map(str, row["prompt_token_ids"]))).stdout)
            for name in ("prompt_token_ids", "token_ids", "text", "finish_reason", "logprobs"):
                self.assertEqual(alone[name], row[name])  # the same bits, alone and in a batch
                self.assertEqual(by_ids[name], row[name])
            self.assertEqual(len(row["logprobs"]), 6)
            self.assertGreater(row["timing"]["last_token"], 0)
        self.assertIn("Paris", rows[0]["text"])

    def test_a_file_of_prompts(self):
        result = generate("--prompts-file", "-", "--temperature", "0", "--max-tokens", "4", "--json", text="Water boils at\nOne two\n")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(result.stdout.splitlines()), 2)

    def test_run_answers_once_when_it_is_no_terminal(self):
        question, settings = "What is the capital of France?", ["--temperature", "0", "--max-tokens", "12"]
        answer = vivace("run", CASE["model"], *CASE["arguments"], *settings, text=question)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("Paris", answer.stdout)
        again = vivace("run", CASE["model"], *CASE["arguments"], *settings, "--prompt", question)
        self.assertEqual(again.stdout, answer.stdout)

    def test_version_and_help(self):
        version = vivace("--version")
        self.assertEqual(version.returncode, 0)
        self.assertRegex(version.stdout, r"^vivace \d+\.\d+\.\d+\nbuild: g\+\+ .*\nCPU: .*\nfeatures: .*sse4_2")
        for command in ("run", "generate", "serve", "compile"):
            text = vivace(command, "--help")
            self.assertEqual(text.returncode, 0)
            self.assertIn("--max-model-len", text.stdout)

    def test_compile_prints_times(self):
        self.assertRegex(vivace("compile", CASE["model"], *CASE["arguments"]).stdout, r"compile [\d.]+ ms, pack [\d.]+ ms")


class Signals(unittest.TestCase):
    def test_ctrl_c_ends_generate_with_130(self):
        process = subprocess.Popen([CASE["program"], "generate", CASE["model"], *CASE["arguments"], "--prompt", "a",
                                    "--max-tokens", "4000", "--ignore-eos"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.8)
            self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(5), 130)
        finally:
            process.kill()

    def test_ctrl_c_stops_an_answer_of_run_and_a_second_one_leaves(self):
        leader, follower = os.openpty()
        process = subprocess.Popen([CASE["program"], "run", CASE["model"], *CASE["arguments"], "--ignore-eos", "--max-tokens", "4000"],
                                   stdin=follower, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        os.close(follower)
        seen = b""
        try:
            while b"> " not in seen:
                seen += os.read(process.stdout.fileno(), 4096)
            os.write(leader, b"Tell me a long story.\n")
            while len(seen) < 200:
                seen += os.read(process.stdout.fileno(), 4096)
            process.send_signal(signal.SIGINT)
            seen = b""
            while not seen.endswith(b"\n> "):
                seen += os.read(process.stdout.fileno(), 4096)
            self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(5), 130)
        finally:
            process.kill()
            process.stdout.close()
            os.close(leader)

    def stream(self, server, max_tokens):
        """Starts a stream and reads it on a thread; returns (thread, list that becomes the text)."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/v1/completions", json.dumps(
            {"prompt": "Once upon a time", "max_tokens": max_tokens, "stream": True, "ignore_eos": True}),
            {"Content-Type": "application/json"})
        reply, text = connection.getresponse(), []
        text.append(reply.readline().decode())
        thread = threading.Thread(target=lambda: text.append(reply.read().decode()))
        thread.start()
        return thread, text

    def test_a_signal_while_the_model_loads_ends_at_once(self):
        for sent, delay in ((signal.SIGTERM, 0.02), (signal.SIGINT, 0.05), (signal.SIGTERM, 0.1)):
            process = subprocess.Popen([CASE["program"], "serve", CASE["model"], *CASE["arguments"], "--port", "0"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(delay)
            begin = time.monotonic()
            process.send_signal(sent)
            self.assertIn(process.wait(5), (0, -sent))  # the second before the port is open
            self.assertLess(time.monotonic() - begin, 1)

    def test_sigterm_lets_answers_finish(self):
        server = ServerProcess(CASE["program"], CASE["model"], *CASE["arguments"])
        thread, text = self.stream(server, 60)
        server.send(signal.SIGTERM)
        time.sleep(0.1)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port)).close()
        self.assertEqual(server.wait(), 0)
        thread.join()
        self.assertTrue("".join(text).endswith("data: [DONE]\n\n"), text[-1][-300:])
        self.assertEqual("".join(text).count('"finish_reason":"length"'), 1)
        server.stop()

    def test_what_does_not_finish_in_time_ends_in_an_error_event(self):
        server = ServerProcess(CASE["program"], CASE["model"], *CASE["arguments"], "--shutdown-timeout", "0.3")
        thread, text = self.stream(server, 4000)
        begin = time.monotonic()
        server.send(signal.SIGTERM)
        self.assertEqual(server.wait(), 0)
        self.assertLess(time.monotonic() - begin, 2)
        thread.join()
        self.assertIn("event: error\n", "".join(text))
        server.stop()

    def test_a_second_signal_ends_within_a_second(self):
        server = ServerProcess(CASE["program"], CASE["model"], *CASE["arguments"])
        thread, text = self.stream(server, 4000)
        server.send(signal.SIGINT)
        time.sleep(0.2)
        begin = time.monotonic()
        server.send(signal.SIGINT)
        server.wait()
        self.assertLess(time.monotonic() - begin, 1.5)
        thread.join()
        self.assertIn("event: error\n", "".join(text))
        server.stop()
