#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# killed.bats - what processes leave behind that are killed
#
# tests/apps/killed.py is the server and the client.
# shellcheck disable=SC2154 # bats
load ../helpers

setup_file() { common_setup_file; }
setup() {
	common_setup
	port=$(free_port)
	APP=$TOP/tests/apps/killed.py
}
teardown() { common_teardown; }

killed() { # HOW ROUNDS
	export KTLSHIM_LOG=warn:$DIR/ktlshim.log
	start_tls server "$port" /usr/bin/python3 -B "$APP" server "$port" "$@"
	timeout 100 python3 -B "$APP" client "$port" "$@" "$CERTS/ca.pem" "$PID"
}

@test "children are killed: the table of shared state does not fill up" {
	killed many 24
}

@test "children are killed with bytes left for others: their room is free again" {
	[ "$KTLSHIM_TEST_PATH" = direct ] || skip "the helper has them"
	killed spill 14
}

@test "the helper is asked about a connection, rightly and wrongly" {
	start_tls server "$port" /usr/bin/python3 -B "$APP" server "$port"
	timeout 100 python3 -B "$APP" ask "$port" "$CERTS/ca.pem" "$PID"
}
