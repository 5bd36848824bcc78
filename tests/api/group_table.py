"""Bad requests, each with the group of mistakes that it belongs to (S: what a request means, O: structure that answers should have, T:
texts, H: HTTP), what is answered and which field the error names. A row of fields changes the good request of its path; a row of
bytes is what a client sends as it is. 200 stands where the request is odd and right. Used by group_cases.py."""
import json
from typing import NamedTuple

COMPLETIONS, CHAT, TOKENIZE, DETOKENIZE = "/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize"
VOCABULARY = 512
CONTEXT = 256
GOOD = {
    COMPLETIONS: {"prompt": "Water boils at", "max_tokens": 3, "temperature": 0, "logprobs": 1, "request_id": "good"},
    CHAT: {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3, "temperature": 0, "request_id": "good"},
    TOKENIZE: {"prompt": "Water"},
    DETOKENIZE: {"tokens": [5, 6, 7]},
}
GROUPS = ([f"H{i}" for i in range(1, 21)] + [f"S{i}" for i in range(1, 15)] + [f"O{i}" for i in range(1, 7)] + ["T10", "T11", "T16"])


class Fields(NamedTuple):
    group: str
    path: str
    fields: dict  # beside those of the good request; a value of ... leaves the field out
    status: int = 400
    param: str = ""  # empty: the first of the fields


class Body(NamedTuple):
    group: str
    body: bytes  # the whole, sent to every path with a body
    status: int
    param: str | None = None
    headers: dict = {"Content-Type": "application/json"}


class Raw(NamedTuple):
    group: str
    sent: bytes  # head and body
    status: int  # of the first answer; 0: the connection is closed without one


def nested(depth, kind="["):
    return kind * depth + "1" + ("]" if kind == "[" else "}") * depth


def head(*lines, method="POST", path=COMPLETIONS, host="Host: x"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", *([host] if host else []), *lines, "", ""]).encode("latin-1")


def message(**parts):
    return [{"role": "user", "content": "a"} | parts]


def one(text):
    return [{"role": "user", "content": text}]


def tool(schema):
    return {"tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": schema}}]}


def wanted(schema):
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}}


DEEP = json.loads(nested(50))
KEY = "Content-Type: application/json"
TEXT = json.dumps(GOOD[COMPLETIONS]).encode()
LENGTH = f"Content-Length: {len(TEXT)}"

MEANING = (
    *[Fields("S1", path, {"n": n}) for path in (COMPLETIONS, CHAT) for n in (0, -1, 129, 10**9, 1.5, "1")],
    Fields("S1", COMPLETIONS, {"best_of": 2, "n": 3}), Fields("S1", COMPLETIONS, {"best_of": 0}),
    Fields("S1", COMPLETIONS, {"n": 128, "prompt": ["a"] * 9}, param="prompt"),
    *[Fields("S2", path, {name: value}) for path in (COMPLETIONS, CHAT) for name, values in
      {"temperature": (-1, 2.1, "hot", 1e300), "top_p": (0, -1, 1.1, []), "top_k": (-2, 2**31, 0.5), "min_p": (-0.1, 1.1)}.items()
      for value in values],
    *[Fields("S2", COMPLETIONS, fields, 200) for fields in ({"temperature": 1e-40}, {"temperature": 5e-324}, {"top_p": 5e-324,
                                                            "temperature": 1}, {"top_k": 10**9, "temperature": 1}, {"top_k": -1})],
    *[Fields("S3", COMPLETIONS, {"max_tokens": value}) for value in (0, -1, 2**31, 2**63, "5")],
    Fields("S3", COMPLETIONS, {"max_tokens": CONTEXT}, param="prompt"), Fields("S3", CHAT, {"max_tokens": 10**6}, param="messages"),
    *[Fields("S3", CHAT, {"max_completion_tokens": value}) for value in (0, -1, 2**31)],
    Fields("S3", CHAT, {"max_tokens": 5, "max_completion_tokens": 2}, 200),
    Fields("S3", COMPLETIONS, {"min_tokens": 1, "max_tokens": 0, "echo": True}), Fields("S3", COMPLETIONS, {"min_tokens": 9}),
    *[Fields("S4", COMPLETIONS, fields) for fields in ({"logprobs": -1}, {"logprobs": 21}, {"logprobs": True}, {"prompt_logprobs": -1},
                                                       {"prompt_logprobs": 21}, {"prompt_logprobs": 1, "stream": True})],
    Fields("S4", CHAT, {"top_logprobs": 21, "logprobs": True}), Fields("S4", CHAT, {"top_logprobs": 2}), Fields("S4", CHAT, {"logprobs": 1}),
    Fields("S4", COMPLETIONS, {"echo": True, "max_tokens": 0}, 200),
    *[Fields("S5", path, {"logit_bias": value}) for path in (COMPLETIONS, CHAT) for value in
      ({"-1": 1}, {str(VOCABULARY): 1}, {"abc": 1}, {"5": 1e9}, {"5": -1e9}, {"5": None}, [], {str(i): 1 for i in range(300000)})],
    Fields("S5", COMPLETIONS, {"logit_bias": {str(i): -100 for i in range(VOCABULARY)}}, 200),
    Fields("S5", COMPLETIONS, {"allowed_token_ids": [5], "logit_bias": {"5": -100}}, 200),
    Fields("S5", COMPLETIONS, {"allowed_token_ids": []}), Fields("S5", COMPLETIONS, {"allowed_token_ids": [VOCABULARY]}),
    Fields("S5", COMPLETIONS, {"bad_words": [""]}),
    *[Fields("S6", path, {"stop": value}) for path in (COMPLETIONS, CHAT)
      for value in (["a"] * 17, ["a"] * 1000, "", [""], "x" * (1 << 20), [5], {})],
    Fields("S6", COMPLETIONS, {"stop": ["\u00e9\U0001f600", "\ufffd"]}, 200),
    *[Fields("S7", COMPLETIONS, {"stop_token_ids": value}) for value in ([-1], [VOCABULARY], [2**32], ["a"], 5, [5] * 257)],
    *[Fields("S8", COMPLETIONS, {"prompt": value}) for value in
      ("", [], [[]], [-1], [999999], [2**32], ["a"] * 4096, ["a", 5], [5, "a"], [[5], {}], {}, 5, None, ..., "word " * 20000, [5] * CONTEXT)],
    *[Fields("S8", TOKENIZE, {"prompt": value}) for value in (5, ["a"], ...)],
    *[Fields("S8", DETOKENIZE, {"tokens": value}) for value in ([-1], [VOCABULARY], [1.5], "5", ..., [[5]])],
    *[Fields("S9", COMPLETIONS, {"seed": value}) for value in (2**63, -(2**63) - 1, 0.5, "1", 1e300)],
    *[Fields("S9", COMPLETIONS, {"seed": value}, 200) for value in (-1, 2**63 - 1, -(2**63), -0.0)],
    *[Fields("S10", path, {"messages": value}) for path in (CHAT,) for value in
      (None, [], ..., "a", [5], [None], [{"content": "a"}], message(role=""), message(role=5), message(role="x" * 100), message(content=None),
       message(content=5), message(content=[]), message(content=[{"type": "text"}]), message(content=[{"type": "image_url"}]),
       message(tool_calls="x"), message(tool_calls=[{"function": {"name": "f", "arguments": "{"}}]), one("a") * 5000,
       message(content=[{"type": "text", "text": "a"}] * 10000), message(function_call={"name": "f"}))],
    Fields("S10", CHAT, {"messages": [{"role": "system", "content": "a"}] * 2 + one("b")}, 200),
    Fields("S10", CHAT, {"messages": message(role="wizard")}, 200), Fields("S10", CHAT, {"messages": message(role="tool")}, 200),
    Fields("S10", TOKENIZE, {"prompt": ..., "messages": []}, param="messages"), Fields("S10", TOKENIZE, {"messages": one("a")}, param="prompt"),
    *[Fields("S11", path, {"model": value}, status) for path in GOOD for value, status in
      (("gpt-4", 404), ("x" * (1 << 20), 400), (5, 400), ("../../etc/passwd", 404))],
    *[Fields("S12", path, fields, param=param) for path in (COMPLETIONS, CHAT) for fields, param in
      (({"stream_options": {}}, "stream_options"), ({"stream": "yes"}, "stream"), ({"stream_options": [], "stream": True}, "stream_options"),
       ({"stream_options": {"include_usage": 1}, "stream": True}, "stream_options.include_usage"))],
    Fields("S12", COMPLETIONS, {"stream": True, "stream_options": {"include_usage": None}}, 200),
    Fields("S13", COMPLETIONS, {"user": 5}), Fields("S13", CHAT, {"user": "x" * 5000}), Fields("S13", COMPLETIONS, {"priority": 1}),
    *[Fields("S13", path, {"metadata": {str(i): "x" for i in range(17)}, "never_heard_of": DEEP}, 200) for path in GOOD],
    *[Fields("S14", path, {name: value}) for path in (COMPLETIONS, CHAT) for name, values in
      {"presence_penalty": (3, -3), "frequency_penalty": (3, -3, "x"), "repetition_penalty": (0, -1, 101)}.items() for value in values],
)
STRUCTURE = (  # none of it is built: refused by name, never ignored
    Fields("O1", CHAT, wanted({"$ref": "#"})), Fields("O1", CHAT, wanted({"$ref": "http://127.0.0.1:9/x"})),
    Fields("O1", CHAT, wanted({"allOf": DEEP})), Fields("O1", COMPLETIONS, {"guided_json": {"$ref": "#/none"}}),
    *[Fields("O2", COMPLETIONS, {"guided_regex": value}) for value in ("(?<=x)a", "*", "a{1,1000000000}", "((a+)+)+")],
    Fields("O3", COMPLETIONS, {"guided_choice": ["a"] * 10000}), Fields("O3", CHAT, wanted({"minItems": 10**9, "enum": []})),
    Fields("O4", CHAT, wanted({"never_heard_of": 1})), Fields("O4", CHAT, {"response_format": {"type": "json_object"}}),
    Fields("O4", CHAT, {"response_format": {"type": "poem"}}), Fields("O4", CHAT, tool({"type": "object"})),
    Fields("O5", COMPLETIONS, {"guided_grammar": "(" * 60000}), Fields("O5", COMPLETIONS, {"structured_outputs": {"grammar": "a: b"}}),
    *[Fields("O6", CHAT, wanted({"const": i})) for i in range(20)],
)
TEXTS = (
    *[Fields("T10", COMPLETIONS, {"prompt": text}) for text in ("a" * 10**6, " " * 10**6, "e" + "\u0301" * 10**6)],
    *[Fields("T10", TOKENIZE, {"prompt": text}, 200) for text in ("a" * 10**6, " " * 10**6, "\u200d\U0001f469" * 10**5, "\ufffe")],
    *[Fields("T11", CHAT, {"messages": one(text)}, 200) for text in ("<|im_end|>", "<s>", "<|image|>", "[INST]")],
    *[Fields("T16", path, {"prompt": ..., "messages": one("a"), "chat_template": text}, param="messages") for path in (CHAT, TOKENIZE)
      for text in ("{{ raise_exception('no cats') }}", "{% for i in range(10**9) %}{% endfor %}", "{{ 'x' * 10**9 }}", "{% if ", "{{ f() }}",
                   "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "(" * 20000 + "{{ " + "(" * 20000)],
)
BODIES = (
    Body("H4", b"x" * ((16 << 20) + 1), 413),
    *[Body("H5", b"\x1f\x8b\x08" + bytes(50), 415, None, {"Content-Type": "application/json", "Content-Encoding": kind})
      for kind in ("gzip", "br", "deflate", "zstd")],
    *[Body("H9", f'{{"{name}":{nested(100000, kind)}}}'.encode(), 400) for name in ("prompt", "messages", "never_heard_of")
      for kind in ("[", '{"a":')],
    *[Body("H10", body, 400) for body in (b'{"prompt":"\xff"}', b'\xef\xbb\xbf{"prompt":"a"}', '{"prompt":"a"}'.encode("utf-16"),
                                          b'{"prompt":"\\ud800"}', b'{"prompt":"a\x00"}', b'{"prompt":"\xc0\xaf"}')],
    *[Body("H11", body, 400) for body in (b'{"n":NaN}', b'{"n":Infinity}', b'{"n":01}', b'{"n":1e}', b'{"n":.5}')],
    *[Body("H12", body, 400) for body in (b"[]", b'"x"', b"null", b"", b"7", b"{", b"{} {}", b"true")],
    *[Body("H13", b'{"prompt":"a"}', 415, None, {"Content-Type": kind})
      for kind in ("application/x-www-form-urlencoded", "text/html", "multipart/form-data; boundary=x", "application/xml")],
)
NUMBERS = (
    *[Fields("H11", COMPLETIONS, fields, status) for fields, status in
      (({"max_tokens": 3.0}, 200), ({"seed": -0.0}, 200), ({"n": 2**63}, 400), ({"temperature": 10**400}, 400), ({"max_tokens": 1e300}, 400))],
    *[Fields("H17", path, {"model": text}, 404) for path in GOOD for text in ("a\r\nX-Evil: 1", "\x1b[31mred\x1b[0m\n", "a\x00b")],
    *[Fields("H17", COMPLETIONS, {"user": text}, status) for text, status in (("a\r\nb\x1b[2J", 200), ("x" * (1 << 20), 400))],
    *[Fields("H19", CHAT, {"messages": message(content=[{"type": "image_url", "image_url": {"url": url}}])}) for url in
      ("http://127.0.0.1:9/a.png", "file:///etc/passwd", "data:image/png;base64,AAAA", "http://allowed\\@127.0.0.1/")],
    Fields("H20", COMPLETIONS, {"request_id": "good"}, 200), Fields("H20", COMPLETIONS, {"request_id": "x" * (1 << 20)}),
    Fields("H20", COMPLETIONS, {"request_id": "a\r\nb"}),
)
CONNECTIONS = (
    Raw("H1", head("X-A: " + "a" * (1 << 20)), 431), Raw("H1", head(*[f"X-{i}: 1" for i in range(10000)]), 431),
    Raw("H1", head(path="/" + "a" * (8 << 20)), 414), Raw("H1", b"a" * 100000, 414), Raw("H1", b"\n" * 1000 + head(path="/none"), 404),
    *[Raw("H2", head(KEY, *lines) + TEXT, 400) for lines in
      ((LENGTH, "Transfer-Encoding: chunked"), (LENGTH, "Content-Length: 5"), ("Content-Length: -1",), ("Content-Length: +5",),
       ("Content-Length: 0x5",), ("Content-Length: 99999999999999999999",), ("Content-Length : 5",), (LENGTH, "X A: 1"),
       ("Content-Length: 5, 6",), (LENGTH, ": no name"))],
    Raw("H2", head(KEY, LENGTH, "X-A: 1", " folded") + TEXT, 200),  # a folded line is one with spaces (RFC 9112 section 5.2)
    Raw("H2", head(KEY, LENGTH, host="") + TEXT, 400), Raw("H2", head(KEY, LENGTH, "Host: y") + TEXT, 400),
    Raw("H2", head(KEY, LENGTH).replace(b"\r\n", b"\n") + TEXT, 400), Raw("H2", head(KEY, LENGTH).replace(b"\r\n", b"\r") + TEXT, 400),
    *[Raw("H3", head(KEY, "Transfer-Encoding: chunked") + body, 400) for body in
      (b"-2\r\nab\r\n", b"0x5\r\nabcde\r\n\r\n", b"zz\r\n", b"5\r\nabcdefgh\r\n", b"5 \r\r\n", b"5;" + b"x" * (1 << 20))],
    Raw("H3", head(KEY, "Transfer-Encoding: chunked") + b"FFFFFFFFFFFFFFFF\r\na\r\n", 413),
    Raw("H3", head(KEY, "Transfer-Encoding: chunked") + (b"100000\r\n" + b"x" * 0x100000 + b"\r\n") * 17, 413),
    Raw("H4", head(KEY, "Content-Length: 1099511627776"), 413), Raw("H4", head(KEY, "Content-Length: 99999999", "Expect: 100-continue"), 413),
    Raw("H4", head(KEY, LENGTH, "Expect: magic") + TEXT, 200),
    *[Raw("H14", head(method="GET", path=path), status) for path, status in
      (("//v1/../v1/models", 404), ("/v1/../v1/models", 404), ("/%2e%2e/etc/passwd", 404), ("/v1/models%00", 404), ("/v1/models/", 404),
       ("/v1/chat/completions/", 404), ("/v1/completions", 405), ("http://x/v1/models", 404), ("*", 404), ("/%zz", 404), ("/\\..\\x", 404))],
    Raw("H14", head(method="OPTIONS", path="/v1/models"), 405), Raw("H14", head(method="CONNECT", path="x:1"), 404),
    Raw("H14", head(method="BREW", path="/v1/models"), 405), Raw("H14", head(method="POST", path="/v1/models"), 405),
    *[Raw("H18", sent, 400) for sent in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/3.0\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
                                         bytes(range(256)) * 4 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1 x\r\n\r\n", b"get / http/1.1\r\n\r\n")],
    Raw("H20", head("X-Request-Id: " + "x" * (1 << 20), method="GET", path="/health"), 431),
)
FIELDS = (*MEANING, *STRUCTURE, *TEXTS, *NUMBERS)
