#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# daemons_refused.bats - the daemon matrix: programs that cannot be upgraded
#
# They must not serve plaintext in the belief that it is TLS. The last tests see
# to it that the matrix would notice if another one did.
# shellcheck disable=SC2154 # DIR, CERTS, LIB, port come from ../matrix
# shellcheck disable=SC2030,SC2031 # each test has its own "port"
load ../matrix
setup_file() {
	matrix_setup_file
	gcc -O2 -static -o "$BATS_FILE_TMPDIR/static_server" \
		"$TOP/tests/apps/static_server.c"
}
setup() { matrix_setup; }
teardown() { matrix_teardown; }

need_caddy() {
	command -v caddy >/dev/null || skip "no caddy"
	mkdir www
	echo hello >www/index.txt
	CADDY=(caddy file-server --listen "127.0.0.1:$port" --root "$DIR/www")
	export HOME=$DIR
}

# not_started CODE TEXT COMMAND...: it ends with CODE, or, if that is "not 0",
# with any but 0; it says TEXT in the only line of ours, and listened on nothing
not_started() {
	local want=$1 text=$2 code=0
	shift 2
	timeout 20 "$@" >refused.log 2>&1 3>&- </dev/null &
	PIDS+=("$!")
	wait_until 20 port_or_dead "$port" "$!"
	! port_open "$port" || { echo "it listens"; return 1; }
	wait "$!" || code=$?
	cat refused.log
	echo "exit code $code"
	case $want in
	'not 0') [ "$code" -ne 0 ] && [ "$code" -ne 124 ] ;;
	*) [ "$code" -eq "$want" ] ;;
	esac
	[ "$(grep -c '^ktlshim: ' refused.log)" -eq 1 ]
	grep '^ktlshim: ' refused.log | grep -F -- "$text"
	[ ! -s ktlshim.log ] || { cat ktlshim.log; return 1; }
}

@test "Go (caddy): ktlshim run refuses it" {
	need_caddy
	not_started 126 'Go program' "$KTLSHIM" run -- "${CADDY[@]}"
}

@test "Go (caddy): bare LD_PRELOAD, the library refuses it" {
	need_caddy
	export KTLSHIM_LOG=warn
	not_started 'not 0' Go env LD_PRELOAD="$LIB" "${CADDY[@]}"
}

@test "Go (caddy): started by a script under the shim" {
	need_caddy
	export KTLSHIM_LOG=warn
	# shellcheck disable=SC2016 # for the other shell
	not_started 'not 0' Go "$KTLSHIM" run -- \
		sh -c 'exec "$@"' sh "${CADDY[@]}"
}

# A tool that a daemon runs is not what was to be upgraded.
@test "Go (caddy): run by a daemon that is upgraded, a warning, and it works" {
	need_caddy
	export KTLSHIM_LOG=warn
	cat >own.py <<-'EOT'
	import socket, subprocess, sys
	server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
	print("version:", subprocess.check_output(["caddy", "version"], text=True))
	EOT
	timeout 20 "$KTLSHIM" run -- /usr/bin/python3 -B own.py "$port" \
		>own.log 2>&1 3>&-
	cat own.log
	grep '^version: [0-9v]' own.log
	[ "$(grep -c '^ktlshim: .*caddy is a Go program.*plaintext' own.log)" -eq 1 ]
}

@test "static program: ktlshim run refuses it" {
	not_started 126 'statically linked' "$KTLSHIM" run -- \
		"$BATS_FILE_TMPDIR/static_server" "$port"
}

# The loader is what reads LD_PRELOAD, and there is none: nobody is asked.
@test "static program: bare LD_PRELOAD cannot help, it stays plaintext" {
	start_preloaded static "$port" "$BATS_FILE_TMPDIR/static_server" "$port"
	[ "$(plain_answer)" = 'hello from static_server' ]
	[ ! -s ktlshim.log ]
}

@test "the same program, dynamically linked, is upgraded" {
	start_preloaded dynamic "$port" "$BUILD/tests/apps/static_server" "$port"
	[ -z "$(plain_answer)" ]
	printf 'hi\n' | s_client 1.3 localhost "$port" >out
	[ "$(cat out)" = 'hello from static_server' ]
	assert_path
}

# ---- does the matrix see what it should?

# Three daemons as they must not be, in a bats of their own.
@test "the matrix notices plaintext, on the port and on the wire, and left-overs" {
	cat >common.bash <<-'EOT'
	DAEMON_NEEDS=()
	daemon_version() { echo own 1; }
	daemon_start() {
		start_tls own "$1" "$BUILD/tests/apps/static_server" "$1"
	}
	say() { # N
		printf 'hi %s\n' "$MARKER" | s_client 1.3 localhost "$port" |
			cmp - <(echo hello from static_server)
	}
	daemon_check() {
		say 1
		say 2
		at_once say
	}
	EOT
	cat common.bash - >good.bash </dev/null
	cat common.bash - >open.bash <<-'EOT'
	daemon_start() {
		start own "$1" "$BUILD/tests/apps/static_server" "$1"
	}
	daemon_check() {
		curl -sS -m 20 "telnet://127.0.0.1:$port" <<<hi
	}
	EOT
	cat common.bash - >leak.bash <<-'EOT'
	eval "usual_$(declare -f daemon_check)"
	daemon_check() {
		usual_daemon_check
		curl -sS -m 20 "telnet://127.0.0.1:$port" <<<"$MARKER" || true
	}
	EOT
	cat common.bash - >left.bash <<-'EOT'
	daemon_stop() {
		setsid sleep 100 >own.log 2>&1 3>&- &
		kill "$PID"
	}
	EOT
	cat >own.bats <<-EOT
	load $TOP/tests/matrix
	setup_file() { matrix_setup_file; }
	setup() { matrix_setup; DAEMONS=$DIR LEFT_SECONDS=2; }
	teardown() { matrix_teardown; }
	EOT
	# bats would take it for one of its own, if it stood here as it is
	printf '@''test "%s" { daemon %s; }\n' good{,} open{,} leak{,} left{,} >>own.bats
	env -i PATH="${PATH//"$BATS_LIBEXEC:"/}" HOME="$DIR" KTLSHIM_BUILD="$BUILD" \
		KTLSHIM_TEST_PATH="$KTLSHIM_TEST_PATH" \
		KTLSHIM_MATRIX="$DIR/results" bats --tap own.bats >nested.log 2>&1 ||
		true
	cut -f 1-5 results | tee short
	diff short - <<-EOT
	good	own 1	$KTLSHIM_TEST_PATH	pass	
	open	own 1	$KTLSHIM_TEST_PATH	fail	answers a client that speaks no TLS
	leak	own 1	$KTLSHIM_TEST_PATH	fail	plaintext on the wire
	left	own 1	$KTLSHIM_TEST_PATH	fail	something is left running
	EOT
}
