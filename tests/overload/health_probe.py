#!/usr/bin/env python3
"""Asks /health again and again from a process of its own, over a new connection each time, as a supervisor does.

usage: health_probe.py PORT SECONDS_BETWEEN; ends when its standard input does, and prints a JSON list of [status, seconds], 0 being no answer.
"""
import json
import select
import socket
import sys
import time

REQUEST = b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def probe(port):
    begin = time.monotonic()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(REQUEST)
            reply = connection.recv(4096)
    except OSError:
        reply = b""
    return int(reply[9:12] or 0), time.monotonic() - begin


def main():
    port, pace = int(sys.argv[1]), float(sys.argv[2])
    answers, due = [], time.monotonic()
    while not select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
        answers.append(probe(port))
        due += pace
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
