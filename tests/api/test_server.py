#!/usr/bin/env python3
"""The HTTP API as the official `openai` client sees it, and the program's conduct from outside, with a real model.

usage: test_server.py --vivace PROGRAM --model FILE.gguf [-O LEVEL] [test names]
"""
import argparse
import sys
import unittest

import answer_schema
import api_cases
import api_client
import assertions
import client_cases
import endpoint_cases
import fetch_cases
import field_cases
import group_cases
import harness_cases
import mistake_cases
import overload_cases
import program_cases
import seed_cases

CLIENT = ("api_cases.py", "client_cases.py", "field_cases.py", "endpoint_cases.py")  # those that ask through the official client


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vivace", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("-O", dest="level", default="2")
    parser.add_argument("names", nargs="*", help="such as api_cases.Load")
    known = parser.parse_args()
    arguments = [f"-O{known.level}", "--log-level", "warning"]
    loader = unittest.defaultTestLoader
    modules = (api_cases, client_cases, field_cases, endpoint_cases, mistake_cases, group_cases, harness_cases, program_cases, fetch_cases,
               seed_cases, overload_cases)
    for module in (api_client, program_cases, fetch_cases, seed_cases, overload_cases):
        module.configure(known.vivace, known.model, arguments)
    if known.names:
        suite = loader.loadTestsFromNames(known.names)
    else:
        suite = unittest.TestSuite(map(loader.loadTestsFromModule, modules))
    assertions.count()
    try:
        result = unittest.TextTestRunner(verbosity=2).run(suite)
    finally:
        api_client.stop()
    print(assertions.report(CLIENT), ", ".join(f"{number} {name}" for name, number in answer_schema.COUNTS.items()), "held against /openapi.json")
    sys.exit(not result.wasSuccessful())


if __name__ == "__main__":
    main()
