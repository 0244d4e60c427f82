#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# bench.bats - bench/run: what it makes of figures, and that it measures

# stderr, output and lines are set by bats
# shellcheck disable=SC2154

bats_require_minimum_version 1.5.0
load ../helpers

setup() {
	DIR=$BATS_TEST_TMPDIR
	PIDS=()
	cd "$DIR" || return 1
	export TMPDIR=$DIR KTLSHIM_BUILD=$BUILD
}

teardown() {
	common_teardown
}

bench() {
	python3 -B "$TOP/bench/bench.py" --out "$DIR/out" "$@"
}

# figures LINE...: part, figure, server, median; the rest of a line does not matter
figures() {
	local line
	printf 'part\tfigure\tserver\tmedian\tmin\tmax\tn\n' >figures.tsv
	for line; do
		printf '%s\n' "$line" | awk -F' *[|] *' -v OFS='\t' \
			'{ print $1, $2, $3, $4, $4 * 0.9, $4 * 1.1, 3 }' >>figures.tsv
	done
}

some_figures() {
	figures 'native | keep-alive 100 B, requests/s | plain | 80000' \
		'native | keep-alive 100 B, requests/s | ktlshim | 30000' \
		'native | keep-alive 100 B, requests/s | nginx | 60000' \
		'native | keep-alive 100 B, requests/s | hitch | 20000' \
		'native | keep-alive 100 B, requests/s | stunnel | 10000' \
		'native | read() of /dev/zero, ns | without | 100' \
		'native | read() of /dev/zero, ns | with | 106' \
		'native | request among 100 idle connections, p99 us | ktlshim | 200' \
		'native | request among 10,000 idle connections, p99 us | ktlshim | 280' \
		'native | TLS memory of each of 1,000 idle connections, bytes | ktlshim | 12289' \
		'virtual | keep-alive 100 B, instructions/request | nginx | 1000' \
		'virtual | keep-alive 100 B, instructions/request | ktlshim | 1030' \
		'virtual | keep-alive 100 B, instructions/request | <&> | 5'
}

has() { # LINE: the words of it, in this order
	grep -qE -- "$(sed 's/[][().*+$]/\\&/g; s/ \+/ +/g' <<<"$1")" <<<"$output" || {
		printf 'no %s in:\n%s\n' "$1" "$output"
		return 1
	}
}

@test "ratios: to plaintext nginx, nginx's TLS, and the best proxy" {
	some_figures
	run bench --report figures.tsv
	has 'native: keep-alive 100 B, requests/s to plain to nginx to hitch'
	has 'ktlshim 30,000 27,000 .. 33,000 0.38 0.50 1.50'
	run grep -c $'^native\tkeep-alive 100 B.*\tktlshim / hitch\t1.500\t>=\t1.4\tmet$' out/aims.tsv
	[ "$output" = 1 ]
}

@test "aims: a ratio, a difference, two figures of ours, a number; met and missed" {
	some_figures
	run bench --report figures.tsv
	[ "$status" = 1 ]
	has 'requests/s ktlshim / hitch: 1.50, aim >= 1.40: MET'
	has 'ns with - without: 6.00, aim <= 5.00: MISSED'
	has 'p99 us: 1.40, aim <= 1.50: MET'
	has 'bytes ktlshim: 12,289, aim <= 12,288: MISSED'
	has 'instructions/request ktlshim / nginx: 1.03, aim <= 1.03: MET'
	has 'native: 100 MB up, MB/s not measured'

	figures 'native | keep-alive 100 B, requests/s | ktlshim | 28000' \
		'native | keep-alive 100 B, requests/s | hitch | 20000'
	run bench --report figures.tsv
	[ "$status" = 0 ]
	has 'requests/s ktlshim / hitch: 1.40, aim >= 1.40: MET'
}

@test "the file that is written is the file that is read" {
	some_figures
	run python3 -B - "$TOP/bench" <<-'END'
		import sys
		sys.path.insert(0, sys.argv[1])
		import figures
		found = figures.read("figures.tsv")
		figures.write("again.tsv", found)
		assert found and figures.read("again.tsv") == found
	END
	echo "$output"
	[ "$status" = 0 ]
	run cut -f 3-4,8-10 again.tsv
	[ "${lines[0]}" = $'server\tmedian\tto plain\tto nginx\tto best proxy' ]
	[ "${lines[2]}" = $'ktlshim\t30000.00\t0.375\t0.500\t1.500' ]
}

@test "the chart: XML, ours is marked, what is better is said" {
	some_figures
	run -1 bench --report figures.tsv
	run python3 -B - <<-'END'
		import xml.etree.ElementTree as et
		svg = et.parse("out/chart.svg").getroot()
		assert svg.tag == "{http://www.w3.org/2000/svg}svg", svg.tag
		print(*("".join(x.itertext()) for x in svg.iter() if x.tag.endswith("text")),
		      sep="\n")
		bars = [x for x in svg.iter() if x.get("class", "").startswith("bar")]
		ours = [x for x in bars if "ours" in x.get("class")]
		print(len(bars), "bars,", len(ours), "ours")
		right = float(svg.get("width"))
		assert all(float(x.get("x")) + float(x.get("width")) < right for x in bars)
	END
	has 'requests/s, more is better'
	has 'instructions/request, less is better'
	has '<&>'
	has '9 bars, 3 ours'
}

@test "README: chart and table go between the markers, and nowhere else" {
	some_figures
	mkdir -p top/doc
	printf 'before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n' >top/README.md
	into_readme() {
		run python3 -B -c 'import sys; sys.path.insert(0, sys.argv[1])
import figures, report
report.into_readme(figures.read("figures.tsv"), "top")' "$TOP/bench"
	}
	into_readme
	[ "$status" = 0 ]
	cp top/README.md once
	into_readme
	cmp once top/README.md
	[ -s top/doc/bench.svg ]
	run cat top/README.md
	[ "${lines[0]}" = before ] && [ "${lines[-1]}" = after ]
	has '| relayed: keep-alive 100 B, requests/s | 30,000 | 0.38 | 0.50 | 1.50 (hitch) |'
	run ! grep old top/README.md

	echo none >top/README.md
	into_readme
	[ "$status" = 1 ]
	has 'README.md has 0 pairs'
}

@test "a file of figures that is none is named" {
	run bench --report nowhere.tsv
	[ "$status" = 1 ]
	has 'bench: nowhere.tsv: '
	echo 'no figures' >bad.tsv
	echo 'native	x' >>bad.tsv
	run bench --report bad.tsv
	[ "$status" = 1 ]
	has 'bench: bad.tsv: no figures'
	[[ $output != *Traceback* ]]
}

two_cores() {
	[ "$(nproc)" -gt 1 ] || skip 'server and load need a core each'
}

# The pids of servers of a bench run in $DIR: each has its output there.
servers() {
	{
		find /proc/[0-9]*/fd -lname "$DIR/ktlshim-bench.*" || true
	} 2>/dev/null | cut -d / -f 3 | sort -u
}

@test "a run: figures, ratios, and no server is left behind" {
	two_cores
	run --separate-stderr bench --tiny --only native
	has 'native: keep-alive 100 B, requests/s to plain'
	has 'native: 100 B at half load, p99 us'
	has 'with - without:'
	run -0 cut -f 2-4 out/figures.tsv
	run -0 grep -E '^resumed, server us/connection	ktlshim	[1-9]' <<<"$output"
	[ -z "$(servers)" ]
}

@test "a peer that does not start is named with its last words; all others end" {
	two_cores
	mkdir bin
	printf '#!/bin/sh\necho hitch has no bananas >&2\nexit 3\n' >bin/hitch
	chmod 755 bin/hitch
	PATH=$DIR/bin:$PATH run -1 bench --short --only native
	has 'bench: hitch: does not start'
	has 'hitch has no bananas'
	[ -z "$(servers)" ]
}

@test "interrupted: 130, and no server is left behind" {
	two_cores
	env --default-signal=INT python3 -B "$TOP/bench/bench.py" \
		--tiny --only native --out "$DIR/out" >bench.log 2>&1 3>&- &
	pid=$!
	PIDS+=("$pid")
	wait_until 30 grep -q keep-alive bench.log
	[ -n "$(servers)" ]
	kill -INT "$pid"
	wait "$pid" && return 1
	[ $? = 130 ]
	[ -z "$(servers)" ]
	[ ! -e out/figures.tsv ]
}
