#!/usr/bin/env python3
"""Clients that take their time, in a process of their own.

usage: slow_attackers.py PORT KIND; ends when its standard input does, and prints a JSON object of how often each thing was seen.

KIND: readers   take one byte a second of a stream
      headers   send one byte of their headers every half second
      halves    send half of a request, say that no more comes, and wait
      pipeline  sends 100 requests at once, again and again
"""
import asyncio
import collections
import json
import socket
import sys

import wire

STREAM = wire.post({"prompt": [5, 6, 7], "max_tokens": 64, "ignore_eos": True, "temperature": 0, "stream": True})
ONE = wire.post({"prompt": [5, 6, 7], "max_tokens": 1, "temperature": 0})
COUNTS = {"readers": 16, "headers": 64, "halves": 32, "pipeline": 1}
PIPELINED = 100
SEEN = collections.Counter()


async def opened(port, read_bytes=0):
    connection = socket.socket()
    if read_bytes:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, read_bytes)
    connection.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    return connection


async def whole_answers(connection, count):
    """Statuses, until the server closes."""
    loop, received, statuses = asyncio.get_running_loop(), b"", []
    while len(statuses) < count:
        if (size := wire.complete(received)) is not None:
            statuses.append(int(received[9:12]))
            received = received[size:]
        elif data := await loop.sock_recv(connection, 1 << 16):
            received += data
        else:
            break
    return statuses


async def readers(port):
    loop = asyncio.get_running_loop()
    with await opened(port, 2048) as connection:
        await loop.sock_sendall(connection, STREAM)
        while await loop.sock_recv(connection, 1):
            SEEN["bytes"] += 1
            await asyncio.sleep(1)


async def headers(port):
    """Ends when the server has said 408, or with a failure."""
    loop = asyncio.get_running_loop()
    with await opened(port) as connection:
        answer = asyncio.ensure_future(whole_answers(connection, 1))
        for byte in STREAM * 2:
            await loop.sock_sendall(connection, bytes([byte]))
            await asyncio.wait([answer], timeout=0.5)
            if answer.done():
                break
        for status in await answer:
            SEEN[f"status {status}"] += 1


async def halves(port):
    loop = asyncio.get_running_loop()
    with await opened(port) as connection:
        await loop.sock_sendall(connection, STREAM[:len(STREAM) - 4])
        connection.shutdown(socket.SHUT_WR)
        SEEN["answers" if await whole_answers(connection, 1) else "closed"] += 1
    await asyncio.sleep(0.5)


async def pipeline(port):
    """Small questions and one for the model, all at once: they are read one after the other, and every answer comes."""
    message = wire.get("/v1/models") * (PIPELINED - 1) + ONE
    with await opened(port) as connection:
        await asyncio.get_running_loop().sock_sendall(connection, message)
        statuses = await whole_answers(connection, PIPELINED)
        SEEN["whole" if statuses == [200] * PIPELINED else f"cut at {len(statuses)}"] += 1
    await asyncio.sleep(0.5)


async def again(attack, port):
    while True:
        try:
            await attack(port)
        except (ConnectionResetError, BrokenPipeError):
            SEEN["reset"] += 1


async def main():
    port, kind = int(sys.argv[1]), sys.argv[2]
    attacks = [asyncio.ensure_future(again(globals()[kind], port)) for _ in range(COUNTS[kind])]
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    for attack in attacks:
        attack.cancel()
    for failure in await asyncio.gather(*attacks, return_exceptions=True):
        if not isinstance(failure, asyncio.CancelledError):
            SEEN[f"failed: {failure}"] += 1
    print(json.dumps(SEEN))


if __name__ == "__main__":
    asyncio.run(main())
