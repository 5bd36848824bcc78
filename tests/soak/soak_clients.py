"""The clients of a soak: friendly ones, the witness, and what all of them have seen. Hostile ones stand in soak_attacks.py. Each
client is one thread that runs until Run.stop; Run may be used from all."""
import collections
import http.client
import json
import re
import socket
import struct
import threading
import time

import answer_schema
import soak_attacks

JSON = {"Content-Type": "application/json"}
WORDS = ("the", "cat", "of", "Paris", "0.5", "def", "naïve", "日本", "once", "upon", "{", "}", "water", "boils", "at", "😀", "a", "time")
# Asked before the load, during it and after it; each answer must stay what it was, byte for byte.
COMMON = "You are an assistant that answers in one sentence. Be exact, be brief, and never repeat yourself. "
FIXED = (
    ("/v1/completions", {"prompt": "The capital of France is", "max_tokens": 12, "temperature": 0}),
    ("/v1/completions", {"prompt": "Once upon a time", "max_tokens": 16, "temperature": 0, "logprobs": 3, "echo": True}),
    ("/v1/completions", {"prompt": [5, 6, 7, 8, 9, 10], "max_tokens": 8, "temperature": 0, "return_token_ids": True}),
    ("/v1/completions", {"prompt": ["Water boils at", "def add(a, b):"], "n": 2, "seed": 7, "max_tokens": 8, "logprobs": 0}),
    ("/v1/completions", {"prompt": COMMON + "Why?", "max_tokens": 8, "temperature": 0, "stop": ["."], "ignore_eos": True}),
    ("/v1/completions", {"prompt": COMMON + "How?", "max_tokens": 16, "temperature": 0, "stream": True, "logprobs": 1}),
    ("/v1/chat/completions", {"messages": [{"role": "user", "content": "What is the capital of France?"}], "max_tokens": 12,
                              "temperature": 0, "logprobs": True, "top_logprobs": 2}),
    ("/v1/chat/completions", {"messages": [{"role": "system", "content": COMMON}, {"role": "user", "content": "Hi"}],
                              "max_tokens": 12, "seed": 3, "stream": True}),
    ("/tokenize", {"prompt": COMMON}),
)


class Run:
    """What a soak has seen."""

    def __init__(self):
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.counts, self.statuses = collections.Counter(), collections.Counter()
        self.samples, self.wrongs, self.references = [], [], []
        self.fives = self.equal = self.compared = self.hanging = 0
        self.begin = self.seconds = 0.0
        self.idle_before = self.idle_after = self.exit_status = None

    def wrong(self, words):
        with self.lock:
            if len(self.wrongs) < 1000:
                self.wrongs.append(words)

    def answered(self, kind, status):
        with self.lock:
            self.counts[kind] += 1
            self.statuses[status] += 1
            self.fives += status >= 500 and status != 503

    def count(self, kind):
        with self.lock:
            self.counts[kind] += 1

    def compare(self, answers):
        """Those to FIXED with the references; None is one that was refused for overload."""
        for (path, body), before, now in zip(FIXED, self.references, answers):
            if now is None:
                continue
            with self.lock:
                self.compared += 1
                self.equal += now == before
            if now != before:
                self.wrong(f"{path} {body} is answered otherwise than before: {now[:600]} instead of {before[:600]}")


def exchange(connection, path, body):
    """(status, headers, text) of a POST, or a GET without a body; checked against the schema."""
    method = "GET" if body is None else "POST"
    connection.request(method, path, None if body is None else json.dumps(body), JSON)
    reply = connection.getresponse()
    text = reply.read().decode()
    answer_schema.check_answer(method, path, reply.status, reply.headers, text)
    if reply.status == 200 and body and body.get("stream"):
        stream = stream_check(path)
        stream.feed(text.encode())
        stream.end()
    return reply.status, reply.headers, text


def stream_check(path):
    return answer_schema.StreamCheck(path, "ChatCompletionChunk" if "chat" in path else "CompletionChunk")


def lasting(text):
    """An answer without its time; of a stream what its chunks say together, for their borders are no part of the promise."""
    if not text.startswith("data: "):
        return re.sub(r'"created":\d+', "", text)
    said = collections.defaultdict(list)
    for event in text.split("\n\n"):
        for choice in json.loads(event[6:]).get("choices", ()) if event.startswith("data: {") else ():
            texts = choice.get("delta", {}).get("content") or choice.get("text") or ""
            said[choice["index"]].append((texts, choice["logprobs"], choice["finish_reason"]))
    return json.dumps({index: ["".join(one[0] for one in parts), [one[1] for one in parts if one[1]], parts[-1][2]]
                       for index, parts in said.items()})


def ask_all(port):
    """The answers to FIXED."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    answers = []
    for number, (path, body) in enumerate(FIXED):
        named = body if path == "/tokenize" else body | {"request_id": f"fixed{number}"}
        status, _, text = exchange(connection, path, named)
        if status not in (200, 429):
            raise answer_schema.Violation(f"{path} {body}: {status} {text[:300]}")
        answers.append(lasting(text) if status == 200 else None)
    connection.close()
    return answers


def fill(port):
    """Touches every block of a small KV cache and every path of a request once."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    for start in range(40):
        ids = [3 + (start * 7 + step * (start + 1)) % 500 for step in range(300)]
        exchange(connection, "/v1/completions", {"prompt": ids, "max_tokens": 1})
    connection.close()


def witness(port, run, pace):
    while not run.stop.wait(pace):
        try:
            run.compare(ask_all(port))
            run.count("fixed requests, rounds")
        except (OSError, http.client.HTTPException, answer_schema.Violation, ValueError, KeyError) as wrong:
            run.wrong(f"a fixed request: {type(wrong).__name__}: {wrong}")


def text_of(draw, most):
    start = COMMON if draw.random() < 0.3 else ""
    return start + " ".join(draw.choice(WORDS) for _ in range(draw.randint(1, most)))


def request_of(draw):
    """(path, body) of something that the server must answer with 200."""
    body = {"max_tokens": draw.randint(1, 24), "temperature": draw.choice((0, 0.7, 1.3)), "seed": draw.getrandbits(40)}
    if draw.random() < 0.3:
        body["n"] = draw.randint(2, 3)
    if draw.random() < 0.2:
        body["stop"] = [draw.choice(WORDS), "\n\n"]
    if draw.random() < 0.2:
        body |= {"top_p": 0.9, "top_k": 40, "min_p": 0.02, "repetition_penalty": 1.1, "logit_bias": {"7": -100}}
    if draw.random() < 0.4:
        body |= {"stream": True, "stream_options": {"include_usage": draw.random() < 0.5}}
    if draw.random() < 0.5:
        body["messages"] = [{"role": draw.choice(("system", "user")), "content": text_of(draw, 12)}
                            for _ in range(draw.randint(1, 2))]
        if draw.random() < 0.3:
            body |= {"logprobs": True, "top_logprobs": draw.randint(0, 5)}
        return "/v1/chat/completions", body
    forms = (lambda: text_of(draw, 40), lambda: [draw.randint(3, 500) for _ in range(draw.randint(1, 60))],
             lambda: [text_of(draw, 8) for _ in range(draw.randint(1, 3))])
    body["prompt"] = draw.choice(forms)()
    if draw.random() < 0.3:
        body |= {"logprobs": draw.randint(0, 5), "echo": draw.random() < 0.3}
    return "/v1/completions", body


def other_request(draw):
    return draw.choice((("/v1/models", None), ("/health", None), ("/version", None), ("/load", None), ("/metrics", None),
                        ("/tokenize", {"prompt": text_of(draw, 200)}), ("/detokenize", {"tokens": [draw.randint(3, 500)] * 50})))


def leave(port, path, body, draw):
    """Goes away before the answer is complete: before any of it, or after some bytes; in half of the cases by a reset."""
    text = json.dumps(body | {"max_tokens": 200, "ignore_eos": True})
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
                           f"{len(text.encode())}\r\n\r\n{text}".encode())
        connection.settimeout(draw.uniform(0.01, 1))
        try:
            for _ in range(draw.randint(0, 5)):
                connection.recv(draw.choice((1, 100, 1000)))
        except TimeoutError:
            pass
        if draw.random() < 0.5:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def friendly(port, run, draw, pace):
    """Right requests, most on a connection that is kept; a tenth of the answers is not waited for."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    while not run.stop.wait(draw.uniform(0, 2 * pace)):
        kind = draw.random()
        path, body = other_request(draw) if kind < 0.15 else request_of(draw)
        try:
            if 0.15 <= kind < 0.25:
                leave(port, path, body, draw)
                run.count("clients that left")
                continue
            status, _, text = exchange(connection, path, body)
            run.answered("streams" if body and body.get("stream") else "answers", status)
            if status not in (200, 429, 503):
                run.wrong(f"{path} {str(body)[:300]}: {status} {text[:300]}")
        except (OSError, http.client.HTTPException, answer_schema.Violation, ValueError, KeyError) as wrong:
            run.wrong(f"{path} {str(body)[:300]}: {type(wrong).__name__}: {wrong}")
            connection.close()
        if draw.random() < 0.2:
            connection.close()  # the next request opens a new one
    connection.close()


def hostile(port, run, draw, pace):
    """One attack after the other; what comes back must be no 5xx, and nothing where the server has closed."""
    order = []
    while not run.stop.wait(draw.uniform(0, 2 * pace)):
        order = order or draw.sample(soak_attacks.ATTACKS, len(soak_attacks.ATTACKS))
        attack = order.pop()
        try:
            statuses = attack(port, draw, run.stop)
        except OSError:
            statuses = []  # the server has closed in the middle, as it may
        for status in statuses:
            run.answered("answers to attacks", status)
            if status >= 500 and status != 503:
                run.wrong(f"{attack.__name__} is answered with {status}")
        run.count("attacks")
