# SPDX-License-Identifier: MIT
"""Two reports of testssl's (--jsonfile): what is worse in the second?

    scan_diff.py OWN UPGRADED

Prints each finding that differs. Exit 1 if one of the second is worse: by its
severity, or because it is missing there.
"""
import json
import sys

# WARN: something could not be tested
RANKS = ["OK", "INFO", "LOW", "WARN", "MEDIUM", "HIGH", "CRITICAL", "FATAL"]
# How long it took; and what depends on whether a client whose input ends at once has
# seen a ticket of TLS 1.3 by then: with nginx's own TLS 5 of 40 had.
NOT_FINDINGS = {"scanTime", "sessionresumption_ticket", "sessionresumption_ID"}


def findings(name):
    return {f["id"]: (RANKS.index(f["severity"]), f["finding"])
            for f in json.load(open(name)) if f["id"] not in NOT_FINDINGS}


own, upgraded = map(findings, sys.argv[1:])
if len(own) < 5:
    sys.exit(f"only {len(own)} findings in {sys.argv[1]}")
worse = 0
for key in sorted(own.keys() | upgraded.keys()):
    a, b = own.get(key), upgraded.get(key)
    if a == b:
        continue
    is_worse = not b or b[0] > (a[0] if a else RANKS.index("INFO"))
    worse += is_worse
    for sign, finding in ("-", a), ("+", b):
        if finding:
            print(f"{sign} {key}: {RANKS[finding[0]]}: {finding[1]}")
    if is_worse:
        print(f"! {key} is worse")
print(f"{len(own)} findings with TLS of its own, {len(upgraded)} upgraded: "
      f"{worse} worse")
sys.exit(worse > 0)
