#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# serve.bats - real servers, unmodified, answer real clients over TLS
load ../helpers
load ../servers
setup_file() { common_setup_file; }
setup() { common_setup; }
teardown() { common_teardown; }

@test "python http.server: 1 byte, 1 MB and bulk, TLS 1.3 and 1.2" {
	port=$(free_port)
	server_python "$port"
	for n in 1 1000000 "$BULK"; do
		cp "$(random_file "$n")" "$DIR/www/f$n"
		for v in --tlsv1.3 "--tls-max 1.2"; do
			# shellcheck disable=SC2086
			tcurl $v "https://localhost:$port/f$n" -o out
			cmp out "$DIR/www/f$n"
		done
	done
	assert_path
}
