#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# readme.bats - what README.md says is there is there
load ../helpers

bats_require_minimum_version 1.5.0

# tests_of FILE: "NAME.bats: BEGINNING" of each test that it names
tests_of() {
	# shellcheck disable=SC2016 # Markdown
	grep -oE '`[a-z_]+\.bats: [^`]+`' "$1" | tr -d '`'
}

# unknown FILE: those of them that do not exist
unknown() {
	local file name
	while IFS= read -r name; do
		file=$TOP/tests/bats/${name%%: *}
		grep -qsF "@test \"${name#*: }" "$file" || echo "$name"
	done < <(tests_of "$1")
}

@test "every test that the README's table names exists" {
	[ "$(tests_of "$TOP/README.md" | wc -l)" -ge 15 ]
	run unknown "$TOP/README.md"
	echo "not there: $output"
	[ -z "$output" ]
}

@test "a test that does not exist would be found" {
	# shellcheck disable=SC2016 # Markdown
	printf '| `certs.bats: by name` | `certs.bats: nothing` | `none.bats: a` |\n' \
		>"$BATS_TEST_TMPDIR/table"
	run unknown "$BATS_TEST_TMPDIR/table"
	[ "$output" = 'certs.bats: nothing
none.bats: a' ]
}

@test "every yes of the README's table names a test" {
	run grep -cE '^\| [^|]* \| yes[^|]* \| `' "$TOP/README.md"
	[ "$output" -ge 15 ]
	run ! grep -E '^\| [^|]* \| yes[^|]* \| +\|' "$TOP/README.md"
}

@test "the place for chart and table of bench/run --readme is there, once" {
	local file
	run grep -xnE '<!-- bench: (begin|end) -->' "$TOP/README.md"
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[0]} == *begin* && ${lines[1]} == *end* ]]
	# and what it shows
	while IFS= read -r file; do
		[ -s "$TOP/$file" ] || { echo "no $file"; return 1; }
	done < <(grep -oE '!\[[^]]*\]\([^)]*\)' "$TOP/README.md" | sed 's/.*(//; s/)//')
}
