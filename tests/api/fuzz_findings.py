"""What a run of fuzz_api.py has seen: every answer is counted and held against the schema, a right body must be answered with 200,
a broken one with an error that names its field, nothing with 5xx. For several threads."""
import collections
import json
import threading

import answer_schema
import fuzz_requests
from answer_schema import Violation


class Findings:
    def __init__(self):
        self.counts = collections.Counter()  # "path status", "streams"
        self.fields = collections.defaultdict(set)  # that were broken, by path
        self.violations = []
        self.lock = threading.Lock()

    def see(self, method, path, sent, answer, kind="own", broken=None):
        """`path` is that of the document, `sent` the body as an object, `answer` (status, headers in lower case, text), `kind`
        "right", "broken" or of another's making, `broken` (field, words)."""
        status, headers, text = answer
        with self.lock:
            self.counts[f"{path} {status}"] += 1
            self.counts["streams"] += headers.get("content-type", "").startswith("text/event-stream")
            if broken:
                self.fields[path].add(broken[0])
        try:
            if status >= 500:
                raise Violation(f"an answer of {status}: {text[:300]}")
            check(method, path, sent, answer, kind, broken)
        except (Violation, ValueError, KeyError) as wrong:
            self.add(f"{method} {path} {json.dumps(sent, default=str)[:600]}: {type(wrong).__name__}: {wrong}")

    def add(self, words):
        with self.lock:
            self.violations.append(words)

    def as_json(self):
        return {"counts": self.counts, "violations": self.violations, "fields": {path: sorted(names) for path, names in self.fields.items()}}

    def join(self, other):
        """What another process has seen, as_json."""
        self.counts.update(other["counts"])
        self.violations += other["violations"]


def check(method, path, sent, answer, kind, broken):
    status, headers, text = answer
    answer_schema.check_answer(method, path, status, headers, text)
    stream = None
    if headers.get("content-type", "").startswith("text/event-stream"):
        stream = answer_schema.StreamCheck(path, "ChatCompletionChunk" if path.endswith("/chat/completions") else "CompletionChunk")
        stream.feed(text.encode())
        stream.end()
    if kind == "right":
        check_right(path, sent, status, text, stream)
    elif kind == "broken":
        check_broken(status, text, *broken)


def check_right(path, sent, status, text, stream):
    if status != 200:
        raise Violation(f"a right request is answered with {status}: {text[:300]}")
    if "completions" not in path:
        return
    expected = fuzz_requests.choices_of(path, sent)
    if bool(sent.get("stream")) != (stream is not None):
        raise Violation("a stream was asked for and not given, or the other way round")
    if stream is not None:
        if stream.last != "[DONE]" or set(stream.ends) != set(range(expected)):
            raise Violation(f"the stream of {expected} choices ends with {stream.last} and {stream.ends}")
    elif (number := len(json.loads(text)["choices"])) != expected:
        raise Violation(f"{number} choices, but {expected} were asked for")


def check_broken(status, text, name, words):
    if status not in (400, 404):
        raise Violation(f"{name} is {words}, but the answer is {status}")
    param = json.loads(text)["error"]["param"]
    if param != name and not str(param).startswith(name + "."):
        raise Violation(f"{name} is {words}, but the error names {param}: {text[:300]}")
