#!/usr/bin/env python3
"""Property fuzzing of the API from its own /openapi.json against a tiny model: schemathesis with requests of its making, and the
right and broken bodies of fuzz_requests.py from several clients at once. No answer may be 5xx, every answer is as the schema says,
at least a third of what each endpoint gets is right, every field was sent wrong, and afterwards the server answers as before and
holds no block.

usage: fuzz_api.py --vivace PROGRAM [--requests NUMBER] [--seed NUMBER]     20,000 requests with VIVACE_LONG=1
"""
import argparse
import collections
import concurrent.futures
import http.client
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

import answer_schema
import fuzz_requests
from fuzz_findings import Findings
from server_process import ServerProcess
from tiny_model import write_tiny_model

QUICK = 500  # requests
CHECKS = ("not_a_server_error,response_schema_conformance,response_headers_conformance,content_type_conformance,"
          "status_code_conformance")
NAME = "/v1/models/{name}"
CLIENTS = 8
GOOD = {"prompt": [5, 6, 7, 8], "max_tokens": 12, "temperature": 0, "logprobs": 3, "request_id": "good"}


def good_answer(server):
    request = urllib.request.Request(server.url + "/v1/completions", json.dumps(GOOD).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        answer = json.load(reply)
    answer.pop("created")
    return answer


def by_schemathesis(server, known, findings, folder):
    """A fifth of all requests; in a long run its requests from the bounds of each field are beside them."""
    path = pathlib.Path(folder, "findings.json")
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "fuzz_hooks", "VIVACE_FUZZ_FINDINGS": str(path), "VIVACE_FUZZ_URL": server.url,
                                "PYTHONPATH": str(pathlib.Path(__file__).parent), "PYTHONDONTWRITEBYTECODE": "1"}
    phases = "fuzzing" if known.requests <= QUICK else "coverage,fuzzing"
    run = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", server.url + "/openapi.json", "--phases", phases, "-n",
         str(known.requests // 25 + 1), "--seed", str(known.seed), "--checks", CHECKS, "--suppress-health-check", "all",
         "--warnings", "off", "--request-timeout", "30", "--generation-database", "none", "--continue-on-failure", "--no-shrink"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not path.exists():
        sys.exit(run.stdout + "\nfuzz_api: schemathesis did not run")
    if run.returncode != 0:
        findings.add("schemathesis found: " + run.stdout[-6000:])
    findings.join(json.loads(path.read_text()))


def plan(bodies, number):
    """So many (path, body, kind, broken); an endpoint comes as often as it has fields, with right and broken bodies in turn."""
    weights = {path: max(10, len(schema["properties"])) for path, schema in bodies.schemas.items()}
    weights |= {path: 10 if path == NAME else 1 for path in bodies.others}
    paths = [path for path, weight in weights.items() for _ in range(weight)]
    bodies.draw.shuffle(paths)
    turns, requests = collections.Counter(), []
    for path in itertools.islice(itertools.cycle(paths), number):
        turns[path] += 1
        if path in bodies.others:
            requests.append((path, None, "own" if path == NAME else "right", None))
        elif turns[path] % 2:
            requests.append((path, bodies.right(path), "right", None))
        else:
            body, *broken = bodies.broken(path)
            requests.append((path, body, "broken", broken))
    return requests


def send(port, requests, findings):
    """One client after the other request, on a connection that it keeps."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for turn, (path, body, kind, broken) in enumerate(requests):
        name = "smollm2-135m" if turn % 3 else urllib.parse.quote(f"other{turn}/é")
        try:
            if body is None:
                connection.request("GET", path.replace("{name}", name))
            else:
                connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            reply = connection.getresponse()
            text = reply.read().decode()
        except (OSError, http.client.HTTPException) as wrong:
            findings.add(f"{path} {json.dumps(body)[:600]}: no answer: {type(wrong).__name__}: {wrong}")
            connection.close()
            continue
        headers = {name.lower(): value for name, value in reply.getheaders()}
        findings.see("POST" if body is not None else "GET", path, body, (reply.status, headers, text), kind, broken)
    connection.close()


def rows_of(counts):
    """(endpoint, right answers, all answers, words) of each."""
    rows = []
    for path in sorted({key.rsplit(" ", 1)[0] for key in counts if key.startswith("/")}):
        statuses = {key.rsplit(" ", 1)[1]: number for key, number in counts.items() if key.rsplit(" ", 1)[0] == path}
        right = sum(number for status, number in statuses.items() if status.startswith("2"))
        rows.append((path, right, sum(statuses.values()), ", ".join(f"{status}: {number}" for status, number in sorted(statuses.items()))))
    return rows


def judge(known, findings, schemas):
    """What is wrong with the run."""
    failures = [f"{len(findings.violations)} violations, such as:\n" + "\n".join(findings.violations[:10])] if findings.violations else []
    rows = rows_of(findings.counts)
    if (total := sum(row[2] for row in rows)) < known.requests:
        failures.append(f"{total} requests were made, {known.requests} are asked for")
    if not findings.counts["streams"]:
        failures.append("no stream ran")
    failures += [f"{path}: only {right} of {number} requests were right" for path, right, number, _ in rows if right * 3 < number]
    for path, schema in schemas.items():
        if missing := set(schema["properties"]) - findings.fields[path]:
            failures.append(f"{path}: nothing wrong was sent in {', '.join(sorted(missing))}")
    return failures


def run(server, known, folder):
    """(findings, failures)"""
    findings = Findings()
    bodies = fuzz_requests.Bodies(answer_schema.load(server.url), known.seed)
    before = good_answer(server)
    by_schemathesis(server, known, findings, folder)
    requests = plan(bodies, known.requests * 4 // 5)
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        for job in [pool.submit(send, server.port, requests[first::CLIENTS], findings) for first in range(CLIENTS)]:
            job.result()
    failures = judge(known, findings, bodies.schemas)
    if server.process.poll() is not None:
        sys.exit(f"fuzz_api: the server ended with {server.process.returncode}:\n" + "".join(server.lines[-20:])
                 + "\n".join(findings.violations[:20]))
    if good_answer(server) != before:
        failures.append("the good request has another answer than before")
    server.wait_idle()  # raises when a block is held
    return findings, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vivace", required=True)
    parser.add_argument("--requests", type=int, default=20000 if os.environ.get("VIVACE_LONG") == "1" else QUICK)
    parser.add_argument("--seed", type=int, default=1)
    known = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(known.vivace, *write_tiny_model(folder), "--max-model-len", str(fuzz_requests.CONTEXT), "--log-level",
                               "warning", "--disable-uvicorn-access-log")
        try:
            findings, failures = run(server, known, folder)
        finally:
            server.stop()
    rows = rows_of(findings.counts)
    for path, right, number, words in rows:
        print(f"fuzz_api: {path:24} {number:6} requests, {right:6} right: {words}")
    fives = sum(number for key, number in findings.counts.items() if key.rsplit(" ", 1)[-1].startswith("5"))
    print(f"fuzz_api: {sum(row[2] for row in rows)} requests in {time.monotonic() - begin:.1f} s, seed {known.seed}; "
          f"{findings.counts['streams']} streams; {fives} answers of 5xx"
          + ("" if failures else "; the good request answers as before, no block is held"))
    for failure in failures:
        print("fuzz_api: FAILED:", failure)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
