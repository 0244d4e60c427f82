#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# demo.bats - demo/run shows what it promises, and leaves nothing behind

# stderr, stderr_lines and output are set by bats
# shellcheck disable=SC2154,SC2030,SC2031

bats_require_minimum_version 1.5.0
load ../helpers

setup() {
	DIR=$BATS_TEST_TMPDIR
	PIDS=()
	# not in bats' own directory, where nginx's workers may not go
	TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/ktlshim-demo-test.XXXXXX")
	chmod 755 "$TMPDIR"
	export TMPDIR
	port=$(free_port)
}

teardown() {
	common_teardown
	rm -rf "$TMPDIR"
}

demo() {
	"$TOP/demo/run" --no-build "$@"
}

assert_output() { # REGEX...: each matches a line
	local regex
	for regex; do
		grep -qE -- "$regex" <<<"$output" || {
			printf 'no %s in:\n%s\n' "$regex" "$output"
			return 1
		}
	done
}

nothing_left() {
	[ -z "$(ls "$TMPDIR")" ]
	! port_open "$port"
	! grep -qsF "$TMPDIR/ktlshim." /proc/[0-9]*/environ
}

show_server() { # NAME ANSWER
	run --separate-stderr demo --server "$1" --port "$port"
	echo "$stderr"
	[ "$status" = 0 ]
	[ -z "$stderr" ]
	assert_output "^   $2" 'Protocol version: TLSv1.[23]' 'Verification: OK' \
		"to port $port: TLSv1.* $KTLSHIM_TEST_PATH" "^   $KTLSHIM_TEST_PATH: "
	[ "$(wc -l <<<"$output")" -lt 50 ]
	nothing_left
}

@test "python" { show_server python 'Hello from python'; }
@test "nginx" { show_server nginx 'Hello from nginx'; }
@test "redis" { show_server redis PONG; }
@test "busybox" { show_server busybox 'Hello from busybox'; }

@test "--ktls: the direct path, in a virtual machine if need be" {
	unset KTLSHIM_KTLS
	run --separate-stderr demo --ktls --server nginx
	echo "$stderr"
	[ "$status" = 0 ]
	assert_output 'Hello from nginx' '^   direct: '
	nothing_left
}

@test "--keep: the server goes on until it is stopped as the text says" {
	run demo --keep --port "$port"
	[ "$status" = 0 ]
	use=$(sed -n 's/^   use it: *//p' <<<"$output")
	stop=$(sed -n 's/^   stop it: *//p' <<<"$output")
	[[ $stop =~ ^kill\ ([0-9]+)\ \&\&\ rm\ -r\ "$TMPDIR"/ktlshim\.[A-Za-z0-9]+$ ]]
	PIDS+=("${BASH_REMATCH[1]}")
	run eval "$use"
	assert_output 'Hello from python'
	run demo --port "$port"
	[ "$status" = 1 ]
	eval "$stop"
	wait_gone "${PIDS[0]}" 10
	wait_until 10 nothing_left
}

@test "a program of one's own: its port is told, its end and its code are ours" {
	cat >"$DIR/program.py" <<-END
	import socket, sys
	s = socket.create_server(("", $port))
	print("told:", sys.stdin.readline())
	sys.exit(7)
	END
	run --separate-stderr demo -- /usr/bin/python3 "$DIR/program.py" <<<hello
	[ "$status" = 7 ]
	assert_output 'told: hello' "ktlshim: port $port: TLS is on" \
		"curl --cacert .* https://localhost:$port/"
	nothing_left
}

start_demo() { # PROGRAM ARGUMENT...: in the background, until the port is told
	env --default-signal=INT "$TOP/demo/run" --no-build -- "$@" \
		>"$DIR/demo.log" 2>&1 3>&- &
	PIDS+=($!)
	wait_until 20 grep -q 'try: curl' "$DIR/demo.log"
}

end_demo() { # SIGNAL CODE
	local code=0
	kill -s "$1" "${PIDS[0]}"
	wait "${PIDS[0]}" || code=$?
	echo "ended with $code"
	[ "$code" = "$2" ]
	wait_until 10 nothing_left
}

@test "a program of one's own, interrupted" {
	start_demo /usr/bin/python3 -m http.server -d "$DIR" "$port"
	cert=$(sed -n 's/.*try: curl --cacert \([^ ]*\) .*/\1/p' "$DIR/demo.log")
	curl -sS --fail --cacert "$cert" "https://localhost:$port/" >"$DIR/page"
	grep -q demo.log "$DIR/page"
	wait_until 10 grep -qE \
		"to port $port: TLSv1.* $KTLSHIM_TEST_PATH( |$)" "$DIR/demo.log"
	end_demo TERM 143
}

@test "a program of one's own that goes into the background" {
	start_demo busybox httpd -p "$port" -h "$DIR"
	port_open "$port"
	end_demo INT 130
}

@test "a program that cannot be upgraded, or is not there" {
	run --separate-stderr demo -- /sbin/ldconfig
	[ "$status" = 126 ]
	[ ${#stderr_lines[@]} = 1 ]
	[[ $stderr == *'statically linked'* ]]
	run -127 --separate-stderr demo -- no-such-program
	[ ${#stderr_lines[@]} = 1 ]
	nothing_left
}

@test "a port in use" {
	start other "$port" socat "TCP-LISTEN:$port" STDOUT
	run --separate-stderr demo --port "$port"
	[ "$status" = 1 ]
	[ "$stderr" = "demo/run: port $port is in use; --port names another" ]
	[ -z "$(ls "$TMPDIR")" ]
}

@test "a server that does not start" {
	KTLSHIM_HELPER=/nonexistent run --separate-stderr demo --port "$port"
	[ "$status" = 1 ]
	[[ $stderr == *'helper /nonexistent is not an executable file'* ]]
	[ "${stderr_lines[-1]}" = \
		'demo/run: the server did not start; its words are above' ]
	nothing_left
}

@test "wrong use" {
	for args in '--server apache' '--port 0' '--port x' --port --nonsense -- \
		'--keep -- true' 'true'; do
		# shellcheck disable=SC2086
		run --separate-stderr demo $args
		echo "$args: $stderr"
		[ "$status" = 64 ]
		[ ${#stderr_lines[@]} = 1 ]
	done
}
