"""Bodies made from the request schemas of /openapi.json: right ones, which the server must answer with 200, and broken ones, whose
one field is against its schema and must be named by the error. What fields demand of each other, and how much work a request may
be, stands in `agree`; everything else is read from the document, so that a field is fuzzed on the day it is in the tables.

One instance is one sequence of bodies: the same seed gives the same ones. Not for several threads at once.
"""
import json
import random

import jsonschema_rs

TEXTS = ("a", "Hello, world", " the", "déjà vu", "日本語", "😀 👩\u200d👩\u200d👧", "<|im_end|>", "\u0000", "e\u0301\u0301", "\u202eabc",
         "\ufffe", "  \n\t", "red red red", "{{ x }}", "\\u", "\"'", "0")
TEMPLATES = ("{% for m in messages %}{{ m.content }}{% endfor %}", "{{ messages[0].role }}: {{ messages[-1].content }}",
             "{% if tools %}{{ tools[0].function.name }}{% endif %}{{ messages[-1].content }}")
KEYS = ("tone", "x", "日本", "a b", "_")
CONTEXT = 256  # tokens of prompt and answer
LONGEST = 24  # tokens of an answer
MANY = 4  # answers to a prompt, and prompts
MODELS = ("smollm2-135m", "")


def nested(depth, leaf, wrap):
    for _ in range(depth):
        leaf = wrap(leaf)
    return leaf


# Values of which each field's schema refuses some; the words stand in reports.
POOL = (
    ("zero", 0), ("one", 1), ("minus one", -1), ("minus three", -3), ("a fraction", 0.5), ("three and a half", 3.5), ("128", 128),
    ("129", 129), ("2^31", 2**31), ("2^63", 2**63), ("-2^63-1", -(2**63) - 1), ("2^64", 2**64), ("1e300", 1e300), ("-1e300", -1e300),
    ("1e-300", 1e-300), ("true", True), ("false", False), ("no text", ""), ("a letter", "a"), ("a digit", "5"), ("a space", " "),
    ("auto", "auto"), ("null in a list", [None]), ("an empty list", []), ("a list of one", [1]), ("a list of a list", [[]]),
    ("a list of a text", ["a"]), ("a list of no text", [""]), ("a list of an object", [{}]), ("a list of both", ["a", 5, {}]),
    ("a token too high", [512]), ("a negative token", [-1]), ("a list of 300", ["a"] * 300), ("a list of 5000 ids", [5] * 5000),
    ("an empty object", {}), ("an object", {"type": "x"}), ("an id that is none", {"abc": 1}), ("a bias too high", {"5": 101}),
    ("a bias of text", {"5": "x"}), ("a deep list", nested(60, 1, lambda inner: [inner])),
    ("a deep object", nested(60, 1, lambda inner: {"a": inner})), ("70 bytes", "x" * 70), ("5000 bytes", "x" * 5000),
    ("1.1 MB", "x" * 1_100_000), ("line ends", "a\r\nX: y"), ("escapes", "\x1b[31m"),
    ("a message without a role", [{"content": "a"}]), ("a role of a number", [{"role": 5, "content": "a"}]),
    ("an empty role", [{"role": "", "content": "a"}]), ("a long role", [{"role": "x" * 65, "content": "a"}]),
    ("a content of a number", [{"role": "user", "content": 5}]), ("no parts", [{"role": "user", "content": []}]),
    ("a part of another type", [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1/"}}]}]),
    ("tool calls of text", [{"role": "assistant", "content": "a", "tool_calls": "x"}]),
    ("a usage of text", {"include_usage": "yes"}),
)


class Bodies:
    def __init__(self, document, seed):
        self.draw = random.Random(seed)
        self.components = document["components"]
        self.schemas = {path: item["post"]["requestBody"]["content"]["application/json"]["schema"]
                        for path, item in document["paths"].items() if "requestBody" in item.get("post", {})}
        self.others = [path for path in document["paths"] if path not in self.schemas]
        self.breaks, self.next = {}, {}

    def right(self, path):
        """A body that the server must take."""
        schema = self.schemas[path]
        body = self.required(path)
        optional = [name for name in schema["properties"] if name not in body and not self.alternative(path, name)]
        for name in self.draw.sample(optional, self.draw.randint(0, min(12, len(optional)))):
            body[name] = None if self.draw.random() < 0.1 else self.field(path, name)
        if self.draw.random() < 0.1:
            body["never_heard_of"] = self.draw.choice([value for _, value in POOL[:40]])
        return self.agree(path, body)

    def broken(self, path):
        """(body, field, words): the value of one field is against its schema. Fields take turns."""
        if path not in self.breaks:
            self.breaks[path], self.next[path] = self.make_breaks(path), 0
        name, words, value = self.breaks[path][self.next[path] % len(self.breaks[path])]
        self.next[path] += 1
        body = self.agree(path, self.required(path))
        if words == "missing":
            del body[name]
        else:
            if self.alternative(path, name):
                body = {}
            body[name] = value
        return body, name, words

    def make_breaks(self, path):
        """Every (field, words, value), the first of each field before the second of any."""
        rounds = []
        for name, schema in self.schemas[path]["properties"].items():
            validator = jsonschema_rs.validator_for({**schema, "components": self.components})
            wrong = [(name, words, value) for words, value in POOL if not validator.is_valid(value)]
            self.draw.shuffle(wrong)
            if name in self.schemas[path].get("required", ()):
                wrong.insert(0, (name, "missing", None))
            rounds += [(turn, row) for turn, row in enumerate(wrong)]
        rounds.sort(key=lambda pair: pair[0])
        return [row for _, row in rounds]

    def alternative(self, path, name):
        """Whether the field is one of those of which exactly one is given."""
        return any(name in one["required"] for one in self.schemas[path].get("oneOf", ()))

    def required(self, path):
        schema = self.schemas[path]
        names = schema.get("required") or self.draw.choice(schema["oneOf"])["required"]
        return {name: self.field(path, name) for name in names}

    def field(self, path, name):
        special = {"prompt": self.prompt if path == "/v1/completions" else self.text, "messages": self.messages,
                   "chat_template": lambda: self.draw.choice(TEMPLATES), "model": lambda: self.draw.choice(MODELS),
                   "chat_template_kwargs": lambda: {self.draw.choice(KEYS): self.text()},
                   "logit_bias": lambda: {str(self.draw.randrange(512)): self.draw.uniform(-100, 100)
                                          for _ in range(self.draw.randint(0, 4))},
                   "tools": lambda: [{"type": "function", "function": {"name": self.text()}}],
                   "bad_words": lambda: ["w" + self.text() for _ in range(self.draw.randint(0, 4))],
                   "documents": lambda: [{"text": self.text()}], "priority": lambda: 0,
                   "allowed_token_ids": lambda: [self.draw.randrange(3, 512) for _ in range(8)]}
        return special[name]() if name in special else self.value(self.schemas[path]["properties"][name])

    def text(self):
        return "".join(self.draw.choice(TEXTS) for _ in range(self.draw.randint(1, 3)))

    def ids(self):
        return [self.draw.randrange(512) for _ in range(self.draw.randint(1, 24))]

    def prompt(self):
        form = self.draw.randrange(4)
        if form == 0:
            return self.text()
        if form == 1:
            return self.ids()
        return [self.draw.choice((self.text, self.ids))() for _ in range(self.draw.randint(1, MANY - 1))]

    def messages(self):
        def content():
            if self.draw.random() < 0.3:
                return [{"type": "text", "text": self.text()} for _ in range(self.draw.randint(1, 2))]
            return self.text()

        roles = [self.draw.choice(("system", "user", "assistant", "developer", "tool")) for _ in range(self.draw.randint(0, 2))]
        messages = [{"role": role, "content": content()} for role in [*roles, "user"]]
        if self.draw.random() < 0.1:
            call = {"type": "function", "function": {"name": "f", "arguments": json.dumps({"a": 1})}}
            messages.insert(0, {"role": "assistant", "content": None, "tool_calls": [call]})
        return messages

    def value(self, schema):
        """Any value that the schema allows, other than null where there is another."""
        if "anyOf" in schema:
            return self.value(self.draw.choice([one for one in schema["anyOf"] if one.get("type") != "null"]))
        if "enum" in schema or "const" in schema:
            return self.draw.choice(schema.get("enum") or [schema["const"]])
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        kind = self.draw.choice([kind for kind in kinds if kind != "null"] or ["null"])
        return getattr(self, "make_" + kind)(schema)

    def make_null(self, schema):
        return None

    def make_boolean(self, schema):
        return self.draw.random() < 0.5

    def make_integer(self, schema):
        low, high = schema["minimum"], schema["maximum"]
        near = self.draw.randint(max(low, -2), min(high, 20)) if low <= 20 else low
        value = self.draw.choice((low, high, near, near, self.draw.randint(low, high)))
        return high if value == schema.get("not", {}).get("const") else value

    def make_number(self, schema):
        low, high = schema.get("minimum", schema.get("exclusiveMinimum")), schema["maximum"]
        value = self.draw.choice((low, high, self.draw.uniform(low, high), 1, 5e-324, 1e-300, 1e-45))
        return value if value != schema.get("exclusiveMinimum") else high

    def make_string(self, schema):
        most = schema.get("maxLength", 40)
        if most == 0:
            return ""
        if "pattern" in schema:
            return "".join(chr(self.draw.randint(33, 126)) for _ in range(self.draw.randint(1, 12)))
        return self.text()[:most] if self.draw.random() < 0.95 else "x" * min(most, 4000)

    def make_array(self, schema):
        count = self.draw.randint(schema.get("minItems", 0), min(schema.get("maxItems", 4), 4))
        return [self.value(schema["items"]) for _ in range(count)]

    def make_object(self, schema):
        body = {name: self.value(one) for name, one in schema.get("properties", {}).items()
                if name in schema.get("required", ()) or self.draw.random() < 0.7}
        return body

    def agree(self, path, body):
        """What fields demand of each other, and small answers."""
        if path not in ("/v1/completions", "/v1/chat/completions"):
            self.agree_on_end(body)
            return body
        answer = self.draw.randint(1, LONGEST)
        body.pop("max_completion_tokens", None)
        body["max_tokens"] = answer
        if path == "/v1/chat/completions" and self.draw.random() < 0.3:
            body["max_completion_tokens"] = answer
        if path == "/v1/completions" and body.get("echo") and self.draw.random() < 0.3:
            body["max_tokens"] = 0
        if isinstance(body.get("min_tokens"), int):
            body["min_tokens"] = self.draw.randint(0, body["max_tokens"])
        if isinstance(body.get("n"), int):
            body["n"] = self.draw.randint(1, MANY)
        if isinstance(body.get("best_of"), int):
            body["best_of"] = body.get("n") or 1
        if self.draw.random() < 0.4:
            body["stream"] = True
        if body.get("stream"):
            body.pop("prompt_logprobs", None)
        else:
            body.pop("stream_options", None)
        if not body.get("logprobs"):
            body.pop("top_logprobs", None)
        if body.get("tools"):
            body["tool_choice"] = "none"
        self.agree_on_end(body)
        return body

    @staticmethod
    def agree_on_end(body):
        if body.get("continue_final_message"):
            body["add_generation_prompt"] = False
        if body.get("continue_final_message") and "messages" in body:
            body["messages"] = [{"role": "assistant", "content": "a"}]


def choices_of(path, body):
    """How many choices the answer to a right body has."""
    prompts = body.get("prompt")
    several = isinstance(prompts, list) and not isinstance(prompts[0], int)
    return (len(prompts) if several and path == "/v1/completions" else 1) * (body.get("n") or 1)
