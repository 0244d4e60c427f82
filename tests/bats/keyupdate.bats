#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# keyupdate.bats - new keys in the middle of a connection, in both directions
#
# A kernel takes a second key since 6.14; an older one ends the connection with
# an alert. What is expected here follows from the kernel's own counters.
# shellcheck disable=SC2154 # DIR, CERTS, BUILD, TOP come from ../helpers
# shellcheck disable=SC2030,SC2031 # each test is its own process
load ../helpers
load ../servers

setup_file() { common_setup_file; }
setup() {
	common_setup
	port=$(free_port)
}
teardown() { common_teardown; }

can_rekey() {
	[ "$KTLSHIM_TEST_PATH" = relayed ] || grep -q TlsTxRekeyOk /proc/net/tls_stat
}

# keyupdate SCENARIO [ARGUMENT...]: prints how it ended
keyupdate() {
	local scenario=$1
	shift
	timeout 60 python3 -B "$TOP/tests/apps/keyupdate.py" "$scenario" "$port" "$@"
}

changes() { # EXPECTED-WITHOUT-REKEY
	local expected=refused
	! can_rekey || expected=changed
	run keyupdate change
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output = "$expected"* ]]
	assert_path
	[ "$expected" = changed ] || grep -q 'which this kernel cannot take' ktlshim.log
}

@test "the client's new keys, and ours when it asks" {
	server_echo "$port"
	changes
}

@test "the same when the kernel receives" {
	export KTLSHIM_RX=kernel
	server_echo "$port"
	changes
}

@test "nothing but KeyUpdates is an attack: the connection ends" {
	local rx
	for rx in user kernel; do
		export KTLSHIM_RX=$rx
		port=$(free_port)
		server_echo "$port"
		keyupdate flood
		stop
	done
	assert_path
}

@test "keys are changed before they are used up" {
	local expected=refused
	! can_rekey || expected=changed
	export KTLSHIM_KEY_RECORDS=16
	server_echo "$port"
	run keyupdate limit 16
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output = "$expected"* ]]
	assert_path
}

@test "keys change while other threads write" {
	can_rekey || skip "this kernel takes no new keys: no connection lives on"
	start_tls serve "$port" /usr/bin/python3 -B "$TOP/tests/apps/keyupdate.py" \
		serve "$port"
	local rx
	keyupdate both
	stop
	export KTLSHIM_RX=kernel
	port=$(free_port)
	start_tls serve "$port" /usr/bin/python3 -B "$TOP/tests/apps/keyupdate.py" \
		serve "$port"
	keyupdate both
	assert_path
}

@test "new keys behind data that was looked at: it can still be waited for" {
	can_rekey || skip "this kernel takes no new keys: no connection lives on"
	local rx how
	for rx in user kernel; do
		for how in fionread peek; do
			echo "$rx $how"
			export KTLSHIM_RX=$rx
			port=$(free_port)
			start_tls serve "$port" /usr/bin/python3 -B \
				"$TOP/tests/apps/keyupdate.py" "serve_$how" "$port"
			keyupdate look
			stop
		done
	done
	assert_path
}

@test "new keys, data and the end while the client does not read the answer" {
	can_rekey || skip "this kernel takes no new keys: no connection lives on"
	start_tls serve "$port" /usr/bin/python3 -B "$TOP/tests/apps/keyupdate.py" \
		serve_duplex "$port"
	keyupdate duplex
	keyupdate end
	assert_path
}
