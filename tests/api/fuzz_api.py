#!/usr/bin/env python3
"""Property fuzzing of the API from its own /openapi.json: valid and invalid requests by schemathesis against a tiny model. No
answer may be 5xx, every answer is as the schema says, and afterwards the server answers as before and holds no block.

usage: fuzz_api.py --vivace PROGRAM [--requests NUMBER] [--seed NUMBER]
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.request

from server_process import ServerProcess
from tiny_model import write_tiny_model

QUICK = 1500  # requests; about as many come from the bounds of the schema alone
CHECKS = ("not_a_server_error,response_schema_conformance,response_headers_conformance,content_type_conformance,"
          "status_code_conformance")
OPERATIONS = 5  # that have inputs: the examples of each are a part of the requests
GOOD = {"prompt": [5, 6, 7, 8], "max_tokens": 12, "temperature": 0, "logprobs": 3, "request_id": "good"}


def good_answer(server):
    request = urllib.request.Request(server.url + "/v1/completions", json.dumps(GOOD).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as reply:
        answer = json.load(reply)
    answer.pop("created")
    return answer


def fuzz(server, requests, seed, folder):
    counts = pathlib.Path(folder, "counts.json")
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "fuzz_hooks", "VIVACE_FUZZ_COUNTS": str(counts), "VIVACE_FUZZ_URL": server.url,
                                "PYTHONPATH": str(pathlib.Path(__file__).parent), "PYTHONDONTWRITEBYTECODE": "1"}
    examples = 25 if requests <= QUICK else requests // OPERATIONS + 1
    run = subprocess.run(
        [sys.executable, "-m", "schemathesis.cli", "run", server.url + "/openapi.json", "--phases", "coverage,fuzzing", "-n",
         str(examples), "--seed", str(seed), "--checks", CHECKS, "--suppress-health-check", "all", "--warnings", "off",
         "--request-timeout", "30", "--generation-database", "none", "--continue-on-failure", "--no-shrink"],
        cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not counts.exists():
        sys.exit(run.stdout + "\nfuzz_api: schemathesis did not run")
    return run, json.loads(counts.read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vivace", required=True)
    parser.add_argument("--requests", type=int, default=20000 if os.environ.get("VIVACE_LONG") == "1" else QUICK)
    parser.add_argument("--seed", type=int, default=1)
    known = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        model = write_tiny_model(folder)
        server = ServerProcess(known.vivace, *model, "--max-model-len", "128", "--log-level", "warning",
                               "--disable-uvicorn-access-log")
        try:
            before = good_answer(server)
            run, counts = fuzz(server, known.requests, known.seed, folder)
            failures = [] if run.returncode == 0 else ["schemathesis found what is above"]
            if server.process.poll() is not None:
                sys.exit(run.stdout + f"\nfuzz_api: the server ended with {server.process.returncode}:\n" + "".join(server.lines[-20:]))
            if good_answer(server) != before:
                failures.append("the good request has another answer than before")
            server.wait_idle()  # raises when a block is held
        finally:
            server.stop()
    fives, streams = counts.pop("5xx", 0), counts.pop("streams", 0)
    total = sum(counts.values())
    if fives:
        failures.append(f"{fives} answers are 5xx")
    if total < known.requests:
        failures.append(f"{total} requests were made, {known.requests} are asked for")
    if failures:
        print(run.stdout)
    statuses = ", ".join(f"{status}: {number}" for status, number in sorted(counts.items()))
    print(f"fuzz_api: {total} requests in {time.monotonic() - begin:.1f} s, seed {known.seed}: {statuses}; {streams} streams; "
          f"{fives} answers of 5xx; the good request answers as before, no block is held")
    for failure in failures:
        print("fuzz_api: FAILED:", failure)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
