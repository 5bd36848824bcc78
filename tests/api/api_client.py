"""One server with a real model for all API tests, and short ways to ask it. Configured by test_server.py, started on first use."""
import http.client
import json

import httpx2
import openai

import answer_schema
from server_process import ServerProcess

MODEL = "smollm2-135m"
QUESTION = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
STATE = {}


def configure(program, model, arguments):
    STATE.update(program=program, model=model, arguments=arguments)


def start(*arguments):
    """Another server, with further options; the caller stops it."""
    return ServerProcess(STATE["program"], STATE["model"], *STATE["arguments"], *arguments)


def server():
    if "server" not in STATE:
        STATE["server"] = start()
        answer_schema.load(STATE["server"].url)
    return STATE["server"]


def make_client(at=None, **settings):
    """A client whose every answer is held against /openapi.json; of another server with `at`."""
    http = httpx2.Client(transport=answer_schema.Transport(limits=httpx2.Limits(max_connections=200)))
    return openai.OpenAI(base_url=(at or server()).url + "/v1", http_client=http,
                         **({"api_key": "none", "max_retries": 0, "timeout": 60} | settings))


def client():
    if "client" not in STATE:
        STATE["client"] = make_client()
    return STATE["client"]


def stop():
    if "client" in STATE:
        STATE.pop("client").close()
    if "server" in STATE:
        STATE.pop("server").stop()


def complete(prompt, **fields):
    return client().completions.create(model=MODEL, prompt=prompt, **fields)


def chat(messages=QUESTION, **fields):
    return client().chat.completions.create(model=MODEL, messages=messages, **fields)


def greedy(prompt="Once upon a time", max_tokens=12, **extra):
    """The first choice of a greedy completion; `extra` are fields beside those of the OpenAI API."""
    return complete(prompt, max_tokens=max_tokens, temperature=0, extra_body=extra).choices[0]


def streamed_text(prompt, **fields):
    return "".join(chunk.choices[0].text for chunk in complete(prompt, stream=True, **fields))


def ask(method, path, body=None, headers=None, at=None):
    """(status, headers, body as JSON or text) of one request without the client."""
    connection = http.client.HTTPConnection("127.0.0.1", (at or server()).port, timeout=30)
    text = json.dumps(body) if body is not None and not isinstance(body, (bytes, str)) else body
    connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
    reply = connection.getresponse()
    content = reply.read().decode()
    connection.close()
    answer_schema.load((at or server()).url)
    answer_schema.check_answer(method, path, reply.status, reply.headers, content)
    is_json = (reply.getheader("Content-Type") or "").startswith("application/json")
    return reply.status, reply.headers, json.loads(content) if is_json else content


def post(path, body, **others):
    return ask("POST", path, body, **others)[2]


def tokens_of(text, **fields):
    return post("/tokenize", {"prompt": text, **fields})["tokens"]
