#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# clients.bats - other people's TLS: Java's, Node.js's, NSS's
#
# Each against one upgraded server, with everything at once: both versions, the
# certificate for the name it asks for, ALPN, a session resumed, a client
# certificate, 10 MB up and down, ends that are told by close_notify. gnutls,
# Python, curl, HTTP/2 clients: in the files about each of these.
# shellcheck disable=SC2030,SC2031 # each test is a process of its own
# shellcheck disable=SC2154 # port comes from ../helpers
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() {
	common_setup_file
	cd "$CERTS" || return 1
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout h1.key -out h1.pem -days 30 -subj /CN=h1.example \
		-addext subjectAltName=DNS:h1.example 2>/dev/null
	cat ca.pem h1.pem >all.pem
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout client.key -out client.pem -days 30 -subj /CN=someone \
		2>/dev/null
	openssl pkcs12 -export -in client.pem -inkey client.key -name someone \
		-passout pass:secret -out client.p12
	head -c 10000000 /dev/urandom >data
	printf 'that is all\n' | cat data - >data.all
	printf 'hello, that is all\n' >small
	! command -v javac >/dev/null ||
		javac -J-XX:TieredStopAtLevel=1 -d . "$TOP/tests/apps/TlsClient.java"
}

setup() {
	conf_setup
	conf "1.cert = $CERTS/ca.pem" "1.key = $CERTS/key.pem" \
		"2.cert = $CERTS/h1.pem" "2.key = $CERTS/h1.key" 'alpn = imap,http/1.1' \
		'VerifyMode = Request' "VerifyCAFile = $CERTS/client.pem"
	start_tls give_back "$port" /usr/bin/python3 -B \
		"$TOP/tests/apps/give_back.py" "$port"
}

teardown() { common_teardown; }

need() { # COMMAND
	command -v "$1" >/dev/null || skip "no $1"
}

# says N TEXT...: so many of the connections' lines have all of these in them
says() {
	local lines word
	lines=$(grep " to port $port: TLSv" ktlshim.log)
	for word in "${@:2}"; do
		lines=$(grep -F -- "$word" <<<"$lines")
	done
	[ "$(grep -c . <<<"$lines")" -eq "$1" ]
}

# client_is_served VERSION COMMAND...: twice with everything, twice with nothing
client_is_served() {
	local v=$1
	shift
	: >ktlshim.log
	timeout 60 "$@" "$v" "$port" h1.example "$CERTS/all.pem" imap \
		"$CERTS/client.p12" "$CERTS/data" >out 2>&1 || { cat out; return 1; }
	cat out ktlshim.log
	[ "$(grep -c "^TLSv$v alpn=imap" out)" -eq 2 ]
	says 2 "TLSv$v" sni=h1.example 'alpn imap' someone
	says 1 ' resumed '
	timeout 60 "$@" "$v" "$port" localhost "$CERTS/all.pem" - - \
		"$CERTS/data" >out 2>&1 || { cat out; return 1; }
	[ "$(grep -c "^TLSv$v alpn=" out)" -eq 2 ]
	says 2 "TLSv$v" 'without certificate' # Java does not ask for localhost
	says 2 'alpn imap'
	says 2 someone
	says 2 ' resumed '
	# no other name than that of its certificate
	run timeout 60 "$@" "$v" "$port" h2.example "$CERTS/all.pem" - - \
		"$CERTS/data"
	[ "$status" -ne 0 ]
	assert_path
}

java_is_served() { # VERSION
	need javac
	client_is_served "$1" java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC \
		-Xmx256m -cp "$CERTS" TlsClient
}

@test "Java, TLS 1.3: name, ALPN, resumption, client certificate, 10 MB, half-close" {
	java_is_served 1.3
}

@test "Java, TLS 1.2: name, ALPN, resumption, client certificate, 10 MB, half-close" {
	java_is_served 1.2
}

@test "Node.js: versions, name, ALPN, resumption, client certificate, 10 MB, half-close" {
	need node
	for v in 1.3 1.2; do
		client_is_served $v node "$TOP/tests/apps/tls_client.js"
		grep ' resumed$' out
	done
}

# tstclnt VERSION NAME OPTION...: standard input is sent
tstclnt_to() {
	timeout 60 tstclnt -h 127.0.0.1 -p "$port" -d sql:db -u -f \
		-V "tls$1:tls$1" -a "$2" "${@:3}"
}

# This tstclnt has no ALPN, and goes on when its input ends.
@test "NSS, tstclnt: versions, name, resumption, client certificate, 10 MB" {
	need tstclnt
	mkdir db
	certutil -N -d sql:db --empty-password
	certutil -A -d sql:db -n localhost -t C,, -i "$CERTS/ca.pem"
	certutil -A -d sql:db -n h1 -t C,, -i "$CERTS/h1.pem"
	pk12util -i "$CERTS/client.p12" -d sql:db -W secret -K ''
	for v in 1.3 1.2; do
		: >ktlshim.log
		tstclnt_to $v h1.example <"$CERTS/data.all" >out
		cmp out "$CERTS/data.all"
		tstclnt_to $v localhost -n someone <"$CERTS/data.all" >out
		cmp out "$CERTS/data.all"
		says 1 "TLSv$v" sni=h1.example
		says 1 "TLSv$v" sni=localhost someone
		: >ktlshim.log
		tstclnt_to $v h1.example -n someone -L 3 -A "$CERTS/small" </dev/null >out
		cat ktlshim.log
		says 3 sni=h1.example someone
		says 2 ' resumed '
		run timeout 10 tstclnt -h 127.0.0.1 -p "$port" -d sql:db \
			-V "tls$v:tls$v" -a h2.example -Q </dev/null
		echo "$output"
		[[ $output == *SSL_ERROR_BAD_CERT_DOMAIN* ]]
		assert_path
	done
}
