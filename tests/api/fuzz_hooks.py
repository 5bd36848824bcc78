"""Loaded by schemathesis (SCHEMATHESIS_HOOKS) in the run of fuzz_api.py: what it sends and gets is held against the schema and
counted, streams too, which it does not look into; the findings go to the file that VIVACE_FUZZ_FINDINGS names."""
import atexit
import json
import os

import schemathesis

import answer_schema
from fuzz_findings import Findings

FINDINGS = Findings()


@schemathesis.hook
def after_call(context, case, response):
    headers = {name.lower(): values[0] for name, values in response.headers.items()}
    FINDINGS.see(case.method, case.operation.path, case.body, (response.status_code, headers, response.text))


def write():
    with open(os.environ["VIVACE_FUZZ_FINDINGS"], "w") as out:
        json.dump(FINDINGS.as_json(), out)


if "VIVACE_FUZZ_FINDINGS" in os.environ:
    answer_schema.load(os.environ["VIVACE_FUZZ_URL"])
    atexit.register(write)
