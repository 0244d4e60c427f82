#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# log.bats - what the log says of connections, and where it goes
# shellcheck disable=SC2154 # DIR, CERTS, LIB, BUILD come from ../helpers
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() { common_setup_file; }
setup() {
	common_setup
	port=$(free_port)
	export KTLSHIM_LOG=info:$DIR/ktlshim.log
}
teardown() { common_teardown; }

serve() { # [NAME=VALUE...]: an acceptor with these settings
	start acceptor "$port" env LD_PRELOAD="$LIB" "$@" \
		"$BUILD/tests/apps/acceptor" "$port" block
}

hi() { # [OPTION...]
	timeout 20 openssl s_client -connect "127.0.0.1:$port" "$@" </dev/null \
		>hi.log 2>&1
}

refuse_us() { # the client does not know the certificate's issuer
	hi -verify_return_error || true
	says 'no TLS: the client has sent alert 48, unknown CA'
}

said() { # PATTERN: a line of the log, to its end
	grep -qE "^ktlshim: (127\.0\.0\.1:[0-9]+ to port $port: )?$1\$" ktlshim.log
}

says() {
	wait_until 10 said "$1" || { echo "not there: $1"; return 1; }
}

@test "a connection's line: name, resumed, the path" {
	local path="$KTLSHIM_TEST_PATH( \(.*\))?"
	serve
	hi -noservername -tls1_3 -ciphersuites TLS_AES_128_GCM_SHA256
	says "TLSv1.3 TLS_AES_128_GCM_SHA256 $path"
	hi -servername www.example
	says "TLSv1.3 TLS_AES_256_GCM_SHA384 sni=www.example $path"
	hi -servername localhost -tls1_2 -cipher ECDHE-ECDSA-AES256-GCM-SHA384 -sess_out s
	says "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 sni=localhost $path"
	hi -servername localhost -tls1_2 -sess_in s
	says "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 sni=localhost resumed $path"
	# a name that no certificate is for
	hi -servername www.example -tls1_2 -sess_out s
	hi -servername www.example -tls1_2 -sess_in s
	says "TLSv1.2 ECDHE-ECDSA-AES256-GCM-SHA384 sni=www.example resumed $path"
}

@test "a name is made printable, and is no second line" {
	serve
	hi -servername "$(printf 'a b\nktlshim: c\x7f\xff"')"
	says "TLSv1.3 .* sni=a\?b\?ktlshim\?\?c\?\?\? $KTLSHIM_TEST_PATH.*"
	[ "$(grep -c ' sni=' ktlshim.log)" -eq 1 ]
}

@test "why there is no TLS: alerts sent and received, no ClientHello" {
	serve
	refuse_us
	hi -tls1_1 -cipher ALL:@SECLEVEL=0 || true
	says 'no TLS: .*; sent alert 70, protocol version'
	hi -tls1_2 -cipher AES128-SHA256:PSK-AES128-GCM-SHA256 || true
	says 'no TLS: .*; sent alert 40, handshake failure'
	printf 'GET / HTTP/1.0\r\n\r\n' | timeout 10 socat - "TCP:127.0.0.1:$port" || true
	says 'no TLS: a plain HTTP request'
	printf 'EHLO a.example\r\n' | timeout 10 socat - "TCP:127.0.0.1:$port" || true
	says 'no TLS: the client does not speak TLS'
	: >"/dev/tcp/127.0.0.1/$port"
	says 'no TLS: the client has gone'
}

# flood N: clients that say nothing
flood() {
	local i
	for ((i = 0; i < $1; i++)); do
		: >"/dev/tcp/127.0.0.1/$port"
	done
	N=$((${N:-0} + $1))
}

# One more client each time: what was left out is told in another second.
all_are_told() {
	local more
	flood 1
	more=$(sed -n 's/^ktlshim: \([0-9]*\) more connections.*/\1/p' ktlshim.log |
		paste -sd +)
	TOLD=$(grep -c 'no TLS: the client has gone' ktlshim.log)
	echo "$N clients, $TOLD told, $more more"
	[ $((TOLD + ${more:-0})) -ge $((N - 1)) ]
}

@test "log_failures: at most N lines in a second, then how many more" {
	serve KTLSHIM_LOG_FAILURES=5
	flood 300
	wait_until 20 all_are_told
	[ "$TOLD" -lt 100 ]
}

@test "log_probes = off: nothing of scanners, all of clients" {
	serve KTLSHIM_LOG_PROBES=off
	flood 3
	printf 'GET / HTTP/1.0\r\n\r\n' | timeout 10 socat - "TCP:127.0.0.1:$port" || true
	refuse_us
	hi
	says "TLSv1.3 .* $KTLSHIM_TEST_PATH.*"
	[ "$(grep -c 'no TLS' ktlshim.log)" -eq 1 ]
}

@test "log_failures, log_probes: bad values" {
	for bad in LOG_FAILURES=0 LOG_FAILURES=65537 LOG_FAILURES=many LOG_PROBES=maybe; do
		run --separate-stderr env "KTLSHIM_$bad" "$BUILD/ktlshim" check
		echo "$bad: $stderr"
		[ "$status" -eq 78 ]
		[[ $stderr = *"KTLSHIM_${bad%=*}: bad value \"${bad#*=}\": want "* ]]
	done
}

# ---- where it goes

# in_namespace SCRIPT [NAME=VALUE...]: an acceptor, and a log service that has a
# /dev or a /run of its own
in_namespace() {
	local script=$1
	shift
	cat >ns
	start "$script" "$port" env BUILD="$BUILD" "$@" unshare -m bash -e ./ns
}

@test "syslog: busybox's syslogd, also after it was started anew" {
	command -v busybox >/dev/null || skip "no busybox"
	in_namespace syslog KTLSHIM_LOG=info:syslog SO="$LIB" PORT="$port" <<-'END'
		mount --make-rprivate /
		mkdir dev
		for n in null zero full random urandom tty; do
			: >"dev/$n"
			mount --bind "/dev/$n" "dev/$n"
		done
		ln -s /proc/self/fd dev/fd
		mount --rbind dev /dev
		log() {
			busybox syslogd -n -O "$PWD/$1" & syslogd=$!
			until [ -S /dev/log ]; do sleep 0.05; done
		}
		log messages
		LD_PRELOAD=$SO "$BUILD/tests/apps/acceptor" "$PORT" block & acceptor=$!
		trap 'kill $acceptor $syslogd' TERM EXIT
		until [ -e again ]; do sleep 0.05; done
		kill $syslogd
		wait $syslogd || true
		rm -f /dev/log
		log messages2
		until busybox logger -t test up && [ -s messages2 ]; do sleep 0.05; done
		: >restarted
		wait $acceptor
	END
	hi
	wait_until 10 grep -E "daemon.info ktlshim\[[0-9]+\]: 127.0.0.1:[0-9]+ to port $port: TLSv1.3 .* $KTLSHIM_TEST_PATH" messages
	: >again
	wait_until 20 test -e restarted
	hi
	wait_until 10 grep -E "daemon.info ktlshim\[[0-9]+\]: 127.0.0.1:[0-9]+ to port $port: TLSv1.3" messages2
}

in_journal() { # FIELDS
	journalctl -D log --no-pager -o export SYSLOG_IDENTIFIER=ktlshim 2>/dev/null |
		grep -aqE "$1"
}

@test "journal: systemd's" {
	[ -x /lib/systemd/systemd-journald ] || skip "no systemd-journald"
	in_namespace journal KTLSHIM_LOG=info:journal SO="$LIB" PORT="$port" <<-'END'
		mount --make-rprivate /
		mkdir log
		mount -t tmpfs run /run
		mkdir -p /run/log/journal
		mount --bind log /run/log/journal
		printf '%032x\n' 77 >id
		[ ! -e /etc/machine-id ] || mount --bind id /etc/machine-id
		/lib/systemd/systemd-journald & journald=$!
		trap 'kill $acceptor $journald' TERM EXIT
		until [ -S /run/systemd/journal/socket ]; do sleep 0.05; done
		LD_PRELOAD=$SO "$BUILD/tests/apps/acceptor" "$PORT" block & acceptor=$!
		wait $acceptor
	END
	hi
	wait_until 10 in_journal "^MESSAGE=127.0.0.1:[0-9]+ to port $port: TLSv1.3 .* $KTLSHIM_TEST_PATH"
	in_journal '^PRIORITY=6'
	hi -verify_return_error || true
	wait_until 10 in_journal '^MESSAGE=.*sent alert 48, unknown CA'
}

@test "syslog that is not there: refused with words, or by the shim ignored" {
	[ ! -e /dev/log ] || skip "this machine has a syslog"
	serve KTLSHIM_LOG=info:syslog
	hi
	says_it() { grep -q 'cannot open syslog: No such file or directory' acceptor.log; }
	wait_until 10 says_it
}

# ---- keys

@test "keylog: what OpenSSL's client writes down, too" {
	umask 022
	serve KTLSHIM_KEYLOG=keys.log
	for v in 1_2 1_3; do
		hi "-tls$v" -keylogfile "client$v"
		[ -s "client$v" ]
		grep -v '^#' "client$v" | while read -r line; do
			grep -qxF "$line" keys.log || { echo "not there: $v"; return 1; }
		done
	done
	[ "$(stat -c %a keys.log)" = 600 ]
	grep 'the secrets of all connections go to .*/keys.log' ktlshim.log
}

@test "keylog: not by SSLKEYLOGFILE; not where others may read it" {
	umask 022
	: >keys.log
	serve SSLKEYLOGFILE="$DIR/other"
	hi
	[ ! -e other ]
	stop
	refuses keys.log
	grep "KTLSHIM_KEYLOG: $DIR/keys.log would hold secrets" ktlshim.log
	refuses /nowhere/keys.log
	grep "KTLSHIM_KEYLOG: cannot open /nowhere/keys.log: No such file" ktlshim.log
}

refuses() { # FILE: to listen with it
	run env KTLSHIM_KEYLOG="$1" LD_PRELOAD="$LIB" /usr/bin/python3 -c '
import socket, sys
socket.create_server(("127.0.0.1", int(sys.argv[1])))' "$port"
	[ "$status" -ne 0 ]
}
