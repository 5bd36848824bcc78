"""What hostile clients do to a server. Each attack takes (port, draw, stop), ends within some seconds and returns the statuses of
what was answered; OSError means that the server has closed the connection first."""
import json
import re
import socket
import struct
import time

GOOD = json.dumps({"prompt": "Hello", "max_tokens": 4}).encode()
STREAM = json.dumps({"prompt": "Hello", "max_tokens": 400, "stream": True, "ignore_eos": True}).encode()
STATUS = re.compile(rb"(?:^|\n)HTTP/1\.[01] (\d\d\d) ")
PATIENCE = 5.0  # seconds that an answer is waited for


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def head(length, *lines, path="/v1/completions", method="POST"):
    given = [f"{method} {path} HTTP/1.1", "Host: x", "Content-Type: application/json"]
    if length is not None:
        given.append(f"Content-Length: {length}")
    return "\r\n".join([*given, *lines, "", ""]).encode("latin-1")


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def answers(connection):
    """Statuses of all that comes until the server closes or is silent."""
    received = b""
    connection.settimeout(PATIENCE / 5)
    begin = time.monotonic()
    try:
        while time.monotonic() - begin < PATIENCE and (data := connection.recv(1 << 16)):
            received += data
    except (TimeoutError, ConnectionResetError):
        pass
    return [int(status) for status in STATUS.findall(received)]


def say(port, *pieces):
    with connect(port) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was said; the answer may be there
        return answers(connection)


def broken_json(port, draw, stop):
    cut = GOOD[:draw.randint(1, len(GOOD) - 1)]
    body = draw.choice((cut, b"{" * 5000, b'{"prompt":' + b"[" * 100000, b"\xff\xfe{}", b'{"prompt":"\\ud800"}', b'{"prompt":NaN}',
                        b"null", b"", b'{"prompt":"a",' + b",".join(b'"k%d":1' % i for i in range(50000)) + b"}"))
    return say(port, head(len(body)), body)


def wrong_values(port, draw, stop):
    body = json.dumps(draw.choice(({"prompt": [-1]}, {"prompt": [10**9]}, {"prompt": "a", "n": 10**9}, {"prompt": "a" * 100000},
                                   {"prompt": ["a"] * 5000}, {"prompt": "a", "top_p": 5e-324, "max_tokens": 3},
                                   {"prompt": "a", "logit_bias": {str(i): -100 for i in range(500)}, "max_tokens": 3},
                                   {"prompt": "a", "stop": "x" * 100000}, {"prompt": "a", "user": "a\r\nb\x1b[31m" * 50}))).encode()
    return say(port, head(len(body)), body)


def hostile_template(port, draw, stop):
    template = draw.choice(("{% for i in range(10**9) %}x{% endfor %}", "{{ 'x' * 10**9 }}", "{{ raise_exception('no') }}",
                            "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{{ ''.__class__ }}", "{% if " * 5000))
    body = json.dumps({"messages": [{"role": "user", "content": "a"}], "chat_template": template, "max_tokens": 2}).encode()
    return say(port, head(len(body), path="/v1/chat/completions"), body)


def too_large(port, draw, stop):
    if draw.random() < 0.5:
        return say(port, head(1 << 40), b"x" * 1000)
    return say(port, head(None, "Transfer-Encoding: chunked"), *[b"100000\r\n" + b"x" * 0x100000 + b"\r\n"] * 18)


def large_headers(port, draw, stop):
    return say(port, draw.choice((b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", head(5, "X-A: " + "b" * 200000),
                                  head(5, *[f"X-{i}: 1" for i in range(5000)]), b"\r\n" * 5000, b"x" * 200000)))


def smuggling(port, draw, stop):
    lines = draw.choice((("Content-Length: 5", "Transfer-Encoding: chunked"), ("Content-Length: 5", "Content-Length: 6"),
                         ("Content-Length: -1",), ("Content-Length: +5",), ("Content-Length : 5",), ("Transfer-Encoding: chunked",),
                         (" folded: 1",), ("Transfer-Encoding: gzip, chunked",)))
    return say(port, head(None, *lines), draw.choice((b"-2\r\nab\r\n0\r\n\r\n", b"FFFFFFFFFFFFFFFF\r\na\r\n", b"0;" + b"x" * 100000, GOOD)))


def other_protocols(port, draw, stop):
    return say(port, draw.choice((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                                  b"GET / HTTP/3.0\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", draw.randbytes(20000),
                                  b"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 1000)))


def slow_bytes(port, draw, stop):
    """A byte at a time, of the head or of the body."""
    whole = head(len(GOOD)) + GOOD
    quick = draw.choice((0, len(whole) - len(GOOD) + 3))
    with connect(port) as connection:
        connection.sendall(whole[:quick])
        for byte in whole[quick:quick + 40]:
            if stop.wait(0.3):
                break
            connection.sendall(bytes([byte]))
        return []


def slow_reader(port, draw, stop):
    """Asks for a stream and reads a byte a second of it."""
    connection = connect(port)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    connection.sendall(head(len(STREAM)) + STREAM)
    for _ in range(5):
        if stop.wait(1):
            break
        connection.recv(1)
    reset(connection)
    return []


def resets(port, draw, stop):
    """In the head, in the body, in the answer."""
    for cut in (10, len(head(len(STREAM))) + 5, len(head(len(STREAM)) + STREAM)):
        connection = connect(port)
        connection.sendall((head(len(STREAM)) + STREAM)[:cut])
        stop.wait(draw.uniform(0, 0.3))
        reset(connection)
    return []


def half_closed(port, draw, stop):
    """Says that nothing more comes: the answer may still be read, or half of a request is dropped."""
    whole = head(len(GOOD)) + GOOD
    with connect(port) as connection:
        connection.sendall(whole[:draw.choice((len(whole), len(whole) - 4, 20))])
        connection.shutdown(socket.SHUT_WR)
        return answers(connection)


def pipelining(port, draw, stop):
    return say(port, (head(len(GOOD)) + GOOD) * 5 + head(None, path="/health", method="GET") * 10 + b"garbage\r\n\r\n")


def idle_connections(port, draw, stop):
    idle = [connect(port) for _ in range(20)]
    stop.wait(2)
    for connection in idle:
        reset(connection) if draw.random() < 0.5 else connection.close()
    return []


ATTACKS = (broken_json, wrong_values, hostile_template, too_large, large_headers, smuggling, other_protocols, slow_bytes, slow_reader,
           resets, half_closed, pipelining, idle_connections)
