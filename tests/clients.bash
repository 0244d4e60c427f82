# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# clients.bash - real clients for the servers of servers.bash
#
# Functions that move a file take its size and the TLS version, 1.2 or 1.3, the
# host (localhost, 127.0.0.1 or [::1]) and the port, and compare every byte.

# shellcheck disable=SC2154 # DIR, CERTS, TOP, BULK come from helpers.bash

# What the servers are to carry: a lone byte, many records, a full socket.
SIZES=(1 1000000 "$BULK")

# curl_v VERSION ARG...: curl with exactly this version of TLS
curl_v() {
	local v=$1
	shift
	# no waiting for the "100 Continue" that simple servers never send
	tcurl "--tlsv$v" --tls-max "$v" -H Expect: "$@"
}

# s_client VERSION HOST PORT ARG...: stdin to the server, its answer to stdout
# until it closes. Fails when the certificate is wrong, or when the stream ends
# without close_notify: then it was cut off.
s_client() {
	local v=$1 host=$2 port=$3
	shift 3
	timeout 60 openssl s_client -quiet -verify_quiet -verify_return_error \
		-CAfile "$CERTS/ca.pem" -connect "$host:$port" \
		"-tls${v/./_}" "$@" 2>s_client.log || return 1
	! grep -q 'unexpected eof' s_client.log
}

# tls_client MODE VERSION HOST PORT FILE...: see tests/apps/tls_client.py
tls_client() {
	local mode=$1 v=$2 host=$3 port=$4
	shift 4
	timeout 60 python3 "$TOP/tests/apps/tls_client.py" "$mode" "$v" \
		"${host//[][]/}" "$port" "$CERTS/ca.pem" "$@"
}

# An HTTP answer without its head.
http_body() {
	LC_ALL=C sed '1,/^\r$/d'
}

# for_each_transfer A [B]: A SIZE VERSION for each size and both versions; B for
# each size, with one version or the other
for_each_transfer() {
	local n v other=1.3
	for n in "${SIZES[@]}"; do
		for v in 1.3 1.2; do
			echo "$1 $n $v" # bats shows the last one on failure
			"$1" "$n" "$v" || return 1
		done
		[ $# -eq 2 ] || continue
		echo "$2 $n $other"
		"$2" "$n" "$other" || return 1
		[ $other = 1.2 ] && other=1.3 || other=1.2
	done
}

# assert_versions N M: N connections by TLS 1.3 and M by 1.2 have been served,
# each on the path that this kernel should give, and no others
assert_versions() {
	assert_path
	[ "$(grep -c ': TLSv1\.3 ' "$DIR/ktlshim.log")" -eq "$1" ]
	[ "$(grep -c ': TLSv1\.2 ' "$DIR/ktlshim.log")" -eq "$2" ]
}

# ---- HTTP

# curl_get N VERSION URL FILE: URL gives what is in FILE
curl_get() {
	curl_v "$2" "$3" -o out && cmp out "$4"
}

# s_client_get HOST PORT VERSION PATH FILE
s_client_get() {
	printf 'GET %s HTTP/1.0\r\n\r\n' "$4" |
		s_client "$3" "$1" "$2" >answer || return 1
	http_body <answer | cmp - "$5"
}

# s_client_send HOST PORT VERSION "METHOD PATH" N FILE: prints the answer's body
s_client_send() {
	{
		printf '%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n' "$4" "$5"
		cat "$6"
	} | s_client "$3" "$1" "$2" >answer || return 1
	grep -q '^HTTP/1\.[01] 20[01] ' answer || return 1
	http_body <answer
}

# ---- redis

# resp_bulk N FILE: as redis writes and reads a string
resp_bulk() {
	# shellcheck disable=SC2016 # the dollar is redis's
	printf '$%d\r\n' "$1"
	cat "$2"
	printf '\r\n'
}

# redis_cli VERSION HOST PORT ARG...; its own option is about ciphers only
redis_cli() {
	local v=$1 host=$2 port=$3
	shift 3
	cat >redis-cli.cnf <<-END
	openssl_conf = a
	[a]
	ssl_conf = b
	[b]
	system_default = c
	[c]
	MinProtocol = TLSv$v
	MaxProtocol = TLSv$v
	END
	OPENSSL_CONF=$PWD/redis-cli.cnf timeout 60 redis-cli --tls \
		--cacert "$CERTS/ca.pem" -h "${host//[][]/}" -p "$port" "$@"
}

# redis_get HOST PORT VERSION KEY FILE: redis-cli adds a newline to the value
redis_get() {
	redis_cli "$3" "$1" "$2" --raw GET "$4" >out || return 1
	{ cat "$5"; echo; } | cmp - out
}

# gopher VERSION HOST PORT LINE: curl as a client that sends one line and reads
# until the server closes; the text may have %XX escapes
gopher() {
	curl_v "$1" "gophers://$2:$3/_$4"
}

# ---- echo

# curl_echo HOST PORT N VERSION: the request is chosen so that, sent back, it is
# an answer: "HTTP/1.1 200 HTTP/1.1", headers, body.
curl_echo() {
	curl_v "$4" -X HTTP/1.1 --request-target 200 -o out -m 60 \
		-H 'Content-Type: application/octet-stream' \
		--data-binary "@$(random_file "$3")" "https://$1:$2/" || return 1
	cmp out "$(random_file "$3")"
}

# s_client_echo HOST PORT N VERSION: s_client never ends its stream by itself
# in the middle of a conversation, so it is stopped when all has come back
s_client_echo() {
	local pid ok=0
	: >out
	timeout 60 openssl s_client -quiet -verify_quiet -verify_return_error \
		-CAfile "$CERTS/ca.pem" -connect "$1:$2" "-tls${4/./_}" \
		<"$(random_file "$3")" >out 2>s_client.log 3>&- &
	pid=$!
	wait_until 60 size_is out "$3" || ok=1
	kill "$pid"
	wait "$pid" || true
	[ $ok -eq 0 ] && cmp out "$(random_file "$3")"
}

size_is() { # FILE BYTES
	[ "$(stat -c %s "$1")" -eq "$2" ]
}
