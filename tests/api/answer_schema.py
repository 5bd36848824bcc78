"""Every answer, chunk and error that the API tests see, held against the server's own /openapi.json. `Transport` sits under the
official client; answers that come without the client are given to check_answer. What is wrong raises Violation at once; COUNTS
says how much was looked at."""
import collections
import json
import urllib.request

import httpx2
import jsonschema_rs

COUNTS = collections.Counter()
STATE = {}


class Violation(AssertionError):
    """An answer that is not what the schema says."""


def load(url):
    """Reads the document once, from the first server that is asked for it."""
    if "document" not in STATE:
        with urllib.request.urlopen(url + "/openapi.json", timeout=10) as reply:
            STATE["document"] = json.load(reply)
    return STATE["document"]


def validator(name):
    """Of a schema of the components."""
    known = STATE.setdefault("validators", {})
    if name not in known:
        schema = {"$ref": f"#/components/schemas/{name}", "components": STATE["document"]["components"]}
        known[name] = jsonschema_rs.validator_for(schema)
    return known[name]


def check(name, value, where):
    error = next(iter(validator(name).iter_errors(value)), None)
    if error is not None:
        raise Violation(f"{where}: not a {name}: {error.message} at {list(error.instance_path)}: {json.dumps(value)[:500]}")


def operation_of(method, path):
    """The operation of a request, None of a path that there is not; `path` may have the root of a proxy before it."""
    path = path.split("?")[0]
    if path.startswith("/api/"):
        path = path[4:]
    if path.startswith("/v1/models/"):
        path = "/v1/models/{name}"
    return STATE["document"]["paths"].get(path, {}).get(method.lower())


def check_answer(method, path, status, headers, body):
    """A whole answer; `body` is text."""
    where = f"{method} {path} {status}"
    kind = headers.get("content-type") or headers.get("Content-Type") or ""
    if status in (204, 304) or method in ("HEAD", "OPTIONS"):
        return
    if status >= 400:
        COUNTS["errors"] += 1
        if not kind.startswith("application/json"):
            raise Violation(f"{where}: an error of type '{kind}': {body[:200]}")
        check("Error", json.loads(body), where)
        if status in (429, 503) and not (headers.get("retry-after") or headers.get("Retry-After")):
            raise Violation(f"{where}: there is no Retry-After")
        return
    COUNTS["answers"] += 1
    operation = operation_of(method, path)
    if operation is None:
        raise Violation(f"{where}: an answer, but /openapi.json has no such path")
    content = operation["responses"]["200"]["content"]
    if kind.startswith("text/event-stream"):
        return
    named = next((name for name in content if kind.startswith(name)), None)
    if named is None:
        raise Violation(f"{where}: the type '{kind}' is none of {list(content)}")
    if reference := content[named]["schema"].get("$ref"):
        value = json.loads(body)
        check(reference.rsplit("/", 1)[1], value, where)
        check_choices(value, where)


def check_choices(value, where):
    """What a schema cannot say of a whole answer."""
    usage = value.get("usage")
    if usage and usage["total_tokens"] != usage["prompt_tokens"] + usage["completion_tokens"]:
        raise Violation(f"{where}: the usage does not add up: {usage}")
    indices = [choice["index"] for choice in value.get("choices", [])]
    if indices != list(range(len(indices))):
        raise Violation(f"{where}: choices are numbered {indices}")


class StreamCheck:
    """The events of one stream, as they come."""

    def __init__(self, where, chunk):
        self.where, self.chunk = where, chunk
        self.buffer, self.ids, self.ends, self.roles, self.last = b"", set(), {}, set(), None

    def feed(self, data):
        self.buffer += data
        while b"\n\n" in self.buffer:
            event, self.buffer = self.buffer.split(b"\n\n", 1)
            self.see(event.decode())

    def fail(self, words):
        raise Violation(f"{self.where}: {words}")

    def see(self, event):
        lines = event.split("\n")
        if all(line.startswith(":") for line in lines):
            return
        if self.last is not None:
            self.fail(f"after {self.last} comes {event[:200]}")
        data = "\n".join(line[6:] for line in lines if line.startswith("data: "))
        if data == "[DONE]":
            self.last = "[DONE]"
            return
        value = json.loads(data)
        if "event: error" in lines or "error" in value:
            COUNTS["errors"] += 1
            check("Error", value, self.where)
            self.last = "an error"
            return
        COUNTS["chunks"] += 1
        check(self.chunk, value, self.where)
        self.ids.add(value["id"])
        for choice in value["choices"]:
            index = choice["index"]
            if index in self.ends:
                self.fail(f"choice {index} goes on after its finish_reason")
            if "delta" in choice and ("role" in choice["delta"]) == (index in self.roles):
                self.fail(f"the role of choice {index} is not in its first delta alone")
            self.roles.add(index)
            if choice["finish_reason"]:
                self.ends[index] = choice["finish_reason"]

    def end(self):
        """The server has closed the stream."""
        if self.buffer.strip():
            self.fail(f"the stream ends inside an event: {self.buffer[:200]}")
        if self.last is None:
            self.fail("the stream ends without [DONE] or an error")
        if len(self.ids) > 1:
            self.fail(f"chunks have several ids: {self.ids}")
        if self.last == "[DONE]" and set(self.ends) != self.roles:
            self.fail(f"choices {self.roles} came, but {set(self.ends)} have a finish_reason")


class CheckedStream(httpx2.SyncByteStream):
    def __init__(self, stream, request, response):
        self.stream, self.request, self.response = stream, request, response
        self.path = request.url.raw_path.decode()
        self.body = b""
        self.check, self.ended = None, False
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            operation = operation_of(request.method, self.path)
            events = operation["responses"]["200"]["content"]["text/event-stream"]["x-event-schema"]["anyOf"]
            self.check = StreamCheck(f"{request.method} {self.path}", events[0]["$ref"].rsplit("/", 1)[1])

    def __iter__(self):
        for data in self.stream:
            if self.check:
                self.check.feed(data)
            else:
                self.body += data
            yield data
        if self.check is None:
            check_answer(self.request.method, self.path, self.response.status_code, self.response.headers, self.body.decode())
        else:
            self.end()

    def end(self):
        if self.check and not self.ended:
            self.ended = True
            COUNTS["streams"] += 1
            self.check.end()

    def close(self):
        self.stream.close()
        if self.check and self.check.last:  # otherwise the client has left before the end
            self.end()


class Transport(httpx2.HTTPTransport):
    """What the client sends and gets, looked at on the way."""

    def handle_request(self, request):
        response = super().handle_request(request)
        load(f"{request.url.scheme}://{request.url.host}:{request.url.port}")
        response.stream = CheckedStream(response.stream, request, response)
        return response
