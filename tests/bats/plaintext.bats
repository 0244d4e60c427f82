#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# plaintext.bats - clients that speak no TLS on a port that does
load ../helpers

bats_require_minimum_version 1.5.0

setup_file() { common_setup_file; }

setup() {
	common_setup
	port=$(free_port)
}

teardown() {
	common_teardown
}

@test "plaintext = allow: curl with and without TLS, one after the other" {
	echo content >page
	KTLSHIM_PLAINTEXT=allow start server "$port" env LD_PRELOAD="$LIB" \
		python3 -B -m http.server --bind 127.0.0.1 "$port"
	for _ in 1 2; do
		[ "$(curl -sS "http://127.0.0.1:$port/page")" = content ]
		[ "$(curl -sS --cacert "$CERTS/ca.pem" "https://localhost:$port/page")" = content ]
	done
	[ "$(grep -c "to port $port: plaintext$" ktlshim.log)" -ge 2 ]
	[ "$(grep -c "to port $port: TLSv1.3" ktlshim.log)" -eq 2 ]
}

@test "plaintext = reject: no client without TLS comes through" {
	echo content >page
	start server "$port" env LD_PRELOAD="$LIB" \
		python3 -B -m http.server --bind 127.0.0.1 "$port"
	run ! curl -sS "http://127.0.0.1:$port/page"
	[[ $output != *content* ]]
}
