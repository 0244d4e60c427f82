#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is one of these byte strings in a process's memory?

    memory_search.py PID HEX...      prints where; says how much it has read
"""
import sys


def regions(pid):
    with open(f"/proc/{pid}/maps") as maps:
        for line in maps:
            span, mode, *rest = line.split(maxsplit=5)
            name = rest[3].strip() if len(rest) > 3 else ""
            if mode[0] == "r" and name not in ("[vvar]", "[vsyscall]"):
                low, high = (int(x, 16) for x in span.split("-"))
                yield low, high, name


def main():
    pid, *needles = sys.argv[1:]
    needles = [bytes.fromhex(n) for n in needles]
    total = 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
        for low, high, name in regions(pid):
            if high - low > 1 << 28:
                continue  # reserved, not used; a key is not hidden there
            try:
                mem.seek(low)
                data = mem.read(high - low)
            except OSError:
                continue  # a file's mapping beyond its end, a device
            total += len(data)
            for needle in needles:
                if needle in data:
                    print(f"found {needle.hex()} in {low:x} {name}")
    print(f"{total} bytes read")


if __name__ == "__main__":
    main()
