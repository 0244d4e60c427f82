# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# report.bash - what the parts of a test run print, read and summed up
#
# A part prints (see raw), for each file, ">>> NAME", TAP and "<<< EXIT-CODE", and ">>> end"
# when it is through. Each result becomes a line of $results:
#
#   part TAB path TAB file TAB pass|fail|skip TAB name TAB reason
#   part TAB path TAB file TAB said TAB line TAB     (after a failure)
#
# What should have come and did not is a failure as well: tests that a file's plan
# announced, files that were asked for.
#
# shellcheck disable=SC2154 # tests/run sets results, BUILD and the limit

is_program() {
	[ -f "$1" ] && [ -x "$1" ]
}

# What a part runs, in the place where it shall run.
raw() { # UNITS FILE[::REGEX]...: all unit programs, or ''; tests whose name matches
	local file code
	[ -z "$1" ] || for file in "$BUILD"/tests/unit/*; do
		is_program "$file" || continue
		echo ">>> unit/${file##*/}"
		raw_unit "$file"
	done
	for file in "${@:2}"; do
		code=0
		set --
		[[ $file != *::* ]] || set -- -f "${file#*::}"
		file=${file%%::*}
		echo ">>> ${file##*/}"
		bats --tap -T "$@" "$file" </dev/null 2>&1 || code=$?
		no_reports || code=1
		echo "<<< $code"
	done
	echo '>>> end'
}

# A unit program speaks TAP, or counts as one test: 0, 1, or 77 for a skip.
raw_unit() { # PROGRAM
	local output code=0 name=${1##*/}
	output=$(timeout -k 5 "$BATS_TEST_TIMEOUT" "$1" </dev/null 2>&1) || code=$?
	if grep -qE '^(not )?ok\b' <<<"$output"; then
		printf '%s\n' "$output"
	else
		echo 1..1
		case $code in
		0) echo "ok 1 $name" ;;
		77) echo "ok 1 $name # skip $(tail -n 1 <<<"$output")" ;;
		*)
			echo "not ok 1 $name"
			printf '%s\nexit code %d\n' "$output" "$code" | sed 's/^/# /'
			code=1 ;;
		esac
		[ "$code" != 77 ] || code=0
	fi
	no_reports || code=1
	echo "<<< $code"
}

report_put() { # STATUS NAME REASON: a result of the file that is being read
	printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$part" "$path" "$file" "$1" \
		"${2//	/ }" "${3//	/ }" >>"$results"
}

report_line() { # WORD TEXT...
	printf '%-8s %-4s %s\n' "$part" "$1" "${*:2}"
}

report_fail() { # NAME: a failure that no test has reported itself
	report_line FAIL "$file: $1"
	report_put fail "$1" ''
}

# One line of TAP, "ok" or "not ok", as bats or a unit program writes it.
report_test() { # LINE
	local line=$1 name why='' time=''
	status=pass
	[[ $line =~ ^(not\ )?ok\ +[0-9]*\ *(-\ )?(.*)$ ]] || return 0
	[ -z "${BASH_REMATCH[1]}" ] || status=fail
	name=${BASH_REMATCH[3]}
	if [[ $name =~ ^(.*)\ in\ ([0-9]+)ms(\ #\ (.*))?$ ]]; then
		name=${BASH_REMATCH[1]}
		why=${BASH_REMATCH[4]}
		time=" ($((BASH_REMATCH[2] / 1000)).$((BASH_REMATCH[2] / 100 % 10)) s)"
	elif [[ $name =~ ^(.*[^\ ]|)\ *#\ *([Ss][Kk][Ii][Pp].*)$ ]]; then
		name=${BASH_REMATCH[1]}
		why=${BASH_REMATCH[2]}
	fi
	seen=$((seen + 1))
	if [ "$status" = pass ] && [[ $why =~ ^[Ss][Kk][Ii][Pp]:?\ *(.*)$ ]]; then
		why=${BASH_REMATCH[1]}
		if [ -z "$why" ]; then
			report_fail "$name: skipped, and gives no reason"
		else
			report_line skip "$file: $name ($why)"
			report_put skip "$name" "$why"
		fi
		return
	fi
	if [ "$status" = fail ]; then
		failed=$((failed + 1))
		report_line FAIL "$file: $name$time${why:+ ($why)}"
	else
		report_line ok "$file: $name$time"
	fi
	report_put "$status" "$name" "$why"
}

# The end of a file: is all there that was announced?
report_file_end() { # EXIT-CODE, or - if it did not come
	local lost=$((planned - seen)) i
	if [ "$lost" -gt 0 ]; then
		report_line FAIL "$file: $lost of $planned tests gave no result"
		for ((i = 0; i < lost; i++)); do
			report_put fail 'gave no result' ''
		done
	elif [ "$1" = - ] || { [ "$1" != 0 ] && [ "$failed" = 0 ]; }; then
		report_fail "ended early, or with an error (exit code: ${1/#-/none})"
	elif [ "$planned" -lt 0 ]; then
		report_fail 'announced no number of tests'
	fi
}

# Read a part's output to its end.
report_part() { # PART PATH FILE...
	local part=$1 path=$2 file='' line planned=-1 seen=0 failed=0 status=''
	local -A wanted=()
	shift 2
	for file; do wanted[$file]=1; done
	file=''
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		'>>> end') break ;;
		'>>> '*)
			[ -z "$file" ] || report_file_end -
			file=${line#>>> } planned=-1 seen=0 failed=0 status=''
			unset "wanted[$file]" ;;
		'<<< '*)
			report_file_end "${line#<<< }"
			file='' ;;
		'ok '*|'not ok '*) report_test "$line" ;;
		1..[0-9]*) planned=${line#1..} planned=${planned%% *} ;;
		'# bats warning: Executed '*|'') ;;
		*)
			printf '%-8s      %s\n' "$part" "$line"
			[ "$status" != fail ] || report_put said "$line" '' ;;
		esac
	done
	cat
	[ -z "$file" ] || report_file_end -
	for file in "${!wanted[@]}"; do
		report_fail 'was not run'
	done
}

# Which file ran where: passed/failed/skipped.
report_table() { # PART...
	echo
	echo 'passed/failed/skipped'
	awk -F '\t' -v parts="$*" '
		BEGIN { n = split(parts, part, " ") }
		!($3 in row) { row[$3] = ++rows; name[rows] = $3 }
		{ count[$3, $1, $4]++; total[$1, $4]++ }
		function cell(p, f, s) {
			return p + f + s ? (p + 0) "/" (f + 0) "/" (s + 0) : "-"
		}
		END {
			printf "%-24s", "file"
			for (i = 1; i <= n; i++) printf " %-12s", part[i]
			printf "\n"
			for (r = 1; r <= rows; r++) {
				printf "%-24s", f = name[r]
				for (i = 1; i <= n; i++) printf " %-12s", cell(count[f, part[i], "pass"],
					count[f, part[i], "fail"], count[f, part[i], "skip"])
				printf "\n"
			}
			printf "%-24s", "all"
			for (i = 1; i <= n; i++) printf " %-12s", cell(total[part[i], "pass"],
				total[part[i], "fail"], total[part[i], "skip"])
			printf "\n"
		}' "$results" | sed 's/ *$//'
}

# Skips by reason, then failures with what they said.
report_lists() {
	awk -F '\t' '
		$4 == "skip" {
			if (!($6 in at)) { at[$6] = ++n; why[n] = $6 }
			i = at[$6]; count[i]++
			list[i] = list[i] "\n    " $1 " " $3 ": " $5
		}
		END {
			if (n) print "\nskipped"
			for (i = 1; i <= n; i++)
				print "  " why[i] " (" count[i] ")" list[i]
		}' "$results"
	awk -F '\t' '
		$4 == "fail" { last[$1] = ++n; text[n] = "  " $1 " " $3 ": " $5 }
		$4 == "said" { text[last[$1]] = text[last[$1]] "\n      " $5 }
		END {
			if (n) print "\nfailed"
			for (i = 1; i <= n; i++)
				print text[i]
		}' "$results"
}

report_count() { # STATUS [PATH]: with a path, tests of bats files only
	awk -F '\t' -v status="$1" -v path="${2:-}" '
		$4 == status && (path == "" || $2 == path && $3 ~ /\.bats$/) { n++ }
		END { print n + 0 }' "$results"
}
