"""The table of bad requests (group_table.py) against a server with a tiny model: the status, an error of the API's shape that names
the field, and after each row the good requests answered as before, byte for byte. What no table can say stands below it. Run by
test_server.py."""
import http.client
import json
import re
import socket
import struct
import tempfile
import threading
import time
import unittest

import answer_schema
import group_table
from api_client import STATE
from group_table import CHAT, COMPLETIONS, CONTEXT, GOOD
from server_process import ServerProcess
from tiny_model import write_tiny_model

BESIDES = {"H6", "H7", "H8", "H15", "H16"}  # groups that have a test of their own below
STREAM = json.dumps(GOOD[COMPLETIONS] | {"stream": True, "max_tokens": 200, "ignore_eos": True, "logprobs": None}).encode()


def start(folder, *options):
    return ServerProcess(STATE["program"], *write_tiny_model(folder), "--max-model-len", str(CONTEXT), "--log-level", "info", *options)


def setUpModule():
    STATE["groups_folder"] = tempfile.TemporaryDirectory()
    STATE["groups"] = start(STATE["groups_folder"].name)
    answer_schema.load(STATE["groups"].url)


def tearDownModule():
    STATE.pop("groups").stop()
    STATE.pop("groups_folder").cleanup()


def raw(sent, at=None, read=1 << 20):
    """(status, head, body) of the first answer to what is sent; (0, "", "") where the connection is closed without one."""
    with socket.create_connection(("127.0.0.1", (at or STATE["groups"]).port), timeout=10) as connection:
        try:
            connection.sendall(sent)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all of it was read
        received = b""
        try:
            while len(received) < read and not whole(received) and (data := connection.recv(65536)):
                received += data
        except ConnectionResetError:
            pass
    if not received:
        return 0, "", ""
    headers, _, body = received.partition(b"\r\n\r\n")
    return int(headers.split(b" ", 2)[1]), headers.decode(), body.decode()


def whole(received):
    headers, end, body = received.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", headers)
    return bool(end and length and len(body) >= int(length.group(1)))


class Groups(unittest.TestCase):
    def setUp(self):
        self.server = STATE["groups"]
        self.connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        self.addCleanup(self.connection.close)
        self.before = self.good()

    def good(self):
        return [re.sub(r'"created":\d+', "", self.post(path, json.dumps(body))[1]) for path, body in GOOD.items()]

    def post(self, path, body, headers=None):
        try:
            self.connection.request("POST", path, body, headers or {"Content-Type": "application/json"})
            reply = self.connection.getresponse()
        except (BrokenPipeError, ConnectionResetError):  # refused before all of it was read; the answer may be lost with it
            self.connection.close()
            return 0, ""
        text = reply.read().decode()
        answer_schema.check_answer("POST", path, reply.status, reply.headers, text)
        return reply.status, text

    def named(self, text, param):
        error = json.loads(text)["error"]
        self.assertEqual(set(error), {"message", "type", "param", "code"})
        self.assertEqual(error["param"], param, error["message"])
        self.assertNotRegex(error["message"], r"0x[0-9a-f]{6}|/tmp/|\.cc\b|[\x00-\x08\x1b]")
        self.assertLess(len(error["message"]), 700)

    def after(self):
        self.assertEqual(self.good(), self.before)

    def test_fields(self):
        for row in group_table.FIELDS:
            with self.subTest(group=row.group, path=row.path, fields=str(row.fields)[:100]):
                body = {name: value for name, value in (GOOD[row.path] | row.fields).items() if value is not ...}
                begin = time.monotonic()
                status, text = self.post(row.path, json.dumps(body))
                self.assertLess(time.monotonic() - begin, 2)
                self.assertEqual(status, row.status, text[:300])
                if status != 200:
                    self.named(text, row.param or next(iter(row.fields)))
                self.after()

    def test_bodies(self):
        for row in group_table.BODIES:
            for path in GOOD:
                with self.subTest(group=row.group, path=path, body=str(row.body)[:60]):
                    status, text = self.post(path, row.body, row.headers)
                    if status == 0:
                        status, _, text = raw(group_table.head(f"Content-Length: {len(row.body)}", path=path))  # its head alone
                    self.assertEqual(status, row.status, text[:300])
                    self.named(text, row.param)
                    self.after()

    def test_connections(self):
        for row in group_table.CONNECTIONS:
            with self.subTest(group=row.group, sent=str(row.sent[:90])):
                status, _, text = raw(row.sent)
                self.assertEqual(status, row.status, text[:300])
                if status >= 400:
                    self.named(text, None)
                self.after()

    def test_every_group_has_a_row(self):
        rows = {row.group for row in (*group_table.FIELDS, *group_table.BODIES, *group_table.CONNECTIONS)}
        self.assertEqual(rows | BESIDES, set(group_table.GROUPS))


class Clients(Groups):
    test_fields = test_bodies = test_connections = test_every_group_has_a_row = None
    REQUEST = group_table.head(group_table.KEY, f"Content-Length: {len(STREAM)}") + STREAM

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
        self.addCleanup(connection.close)
        return connection

    def test_h6_slow_clients_hold_up_nobody(self):
        slow = [self.connect() for _ in range(20)]
        for place, connection in enumerate(slow):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.sendall(self.REQUEST[:(10, len(self.REQUEST) - 10, len(self.REQUEST))[place % 3]])
        for _ in range(5):
            for place, connection in enumerate(slow):
                connection.sendall(b"a") if place % 3 == 1 else connection.recv(1) if place % 3 == 2 else None
            begin = time.monotonic()
            self.after()
            self.assertLess(time.monotonic() - begin, 1)

    def test_h7_many_idle_connections(self):
        for _ in range(500):
            self.connect()
        self.after()

    def test_h8_resets_half_closed_and_pipelined(self):
        for cut in (5, 60, len(self.REQUEST) - 5, len(self.REQUEST)):
            for read in (0, 1, 400):
                connection = self.connect()
                connection.sendall(self.REQUEST[:cut])
                if cut == len(self.REQUEST) and read:
                    connection.recv(read)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
        self.after()
        good = group_table.head(group_table.KEY, group_table.LENGTH) + group_table.TEXT
        half = self.connect()
        half.sendall(good)
        half.shutdown(socket.SHUT_WR)
        half.settimeout(5)
        received = b""
        while data := half.recv(65536):  # closed, with the answer or without it
            received += data
        self.assertTrue(received == b"" or received.startswith(b"HTTP/1.1 200 "), received[:100])
        many = self.connect()
        many.sendall(good * 5 + b"nonsense\r\n\r\n")
        received = b""
        while data := many.recv(65536):
            received += data
        self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", received), [b"200"] * 5 + [b"400"])
        self.after()
        self.server.wait_idle()

    def test_h15_keys(self):
        with tempfile.TemporaryDirectory() as folder:
            other = start(folder, "--api-key", "right", "other-key")
            try:
                for path in (*GOOD, "/v1/models", "/v1/models/smollm2-135m"):
                    method = "POST" if path in GOOD else "GET"
                    guarded = path.startswith("/v1/")
                    for value, allowed in ((None, False), ("Bearer right", True), ("Bearer other-key", True), ("Bearer Right", False),
                                           ("bearer right", True), ("right", False), ("Bearer right ", True), ("Bearer \u00e9", False),
                                           ("Bearer " + "x" * 60000, False), ("Bearer", False), ("Bearer rightx", False)):
                        lines = [f"Authorization: {value}"] if value else []
                        body = json.dumps(GOOD[path]).encode() if path in GOOD else b""
                        sent = group_table.head(group_table.KEY, f"Content-Length: {len(body)}", *lines, method=method, path=path) + body
                        status, _, text = raw(sent, other)
                        with self.subTest(path=path, value=str(value)[:30]):
                            self.assertEqual(status, 200 if allowed or not guarded else 401, text[:200])
                self.assertNotIn("other-key", "".join(other.lines))
            finally:
                other.stop()

    def test_h16_other_origins_and_hosts_get_no_leave(self):
        for lines in (["Origin: http://evil.example"], ["Origin: null"], ["Origin: http://evil.example", "Access-Control-Request-Method: POST"]):
            for method in ("OPTIONS", "GET"):
                headers = raw(group_table.head(*lines, method=method, path="/v1/models"))[1]
                self.assertNotIn("access-control", headers.lower())
        self.after()

    def test_h17_nothing_of_a_request_breaks_a_line_of_the_log(self):
        self.post(COMPLETIONS, json.dumps(GOOD[COMPLETIONS] | {"model": "x\nERROR evil\x1b[31m"}))
        raw(group_table.head(method="GET", path="/a%0aERROR%20evil"))
        raw(group_table.head("X-Request-Id: \x1b[31mevil", method="GET", path="/health"))
        self.assertEqual([line for line in self.server.lines if line.startswith("ERROR evil") or "\x1b" in line], [])

    def test_h19_nothing_is_fetched(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
            asked = []
            thread = threading.Thread(target=lambda: asked.append(listener.accept()), daemon=True)
            thread.start()
            for part in ({"type": "image_url", "image_url": {"url": url}}, {"type": "input_audio", "input_audio": {"data": url}},
                         {"type": "file", "file": {"file_id": url}}):
                body = GOOD[CHAT] | {"messages": [{"role": "user", "content": [part]}]}
                self.assertEqual(self.post(CHAT, json.dumps(body))[0], 400)
            time.sleep(0.2)
            self.assertEqual(asked, [])
