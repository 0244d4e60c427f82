#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# torture.bats - many connections on which anything may happen: see
# tests/torture/run, which says how to repeat one that has failed
#
#   KTLSHIM_TORTURE       how many connections (default: 200 relayed, 40 direct)
#   KTLSHIM_TORTURE_SEED  16 hexadecimal digits, or "drawn" (default: always the
#                         same, so that a change is to blame for a failure)
load ../helpers

if [ "$KTLSHIM_TEST_PATH" = direct ]; then COUNT=40; else COUNT=200; fi
COUNT=${KTLSHIM_TORTURE:-$COUNT}
SEED=${KTLSHIM_TORTURE_SEED:-6b746c7368696d31}

setup_file() { common_setup_file; }
setup() { common_setup; }
teardown() { common_teardown; }

can_rekey() {
	[ "$KTLSHIM_TEST_PATH" = relayed ] || grep -q TlsTxRekeyOk /proc/net/tls_stat
}

# torture ARGUMENT...: it speaks of a seed and of each connection that failed
torture() {
	local code=0
	env -u KTLSHIM_LOG "$TOP/tests/torture/run" --parallel 4 "$@" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- ||
		code=$?
	cat "$BATS_TEST_TMPDIR/out"
	echo "# $(grep ' connections' "$BATS_TEST_TMPDIR/out" | paste -sd ' ')" >&3
	return $code
}

@test "torture: all that can happen" {
	local seed=(--seed "$SEED") without=''
	[ "$SEED" != drawn ] || seed=()
	# keyupdate.bats is about kernels that end a connection for that
	can_rekey || without+=,keyupdate
	# Its runtime does not support children of processes with threads that have
	# threads themselves: they are ended, or wait for a lock of it for ever.
	[[ $BUILD != */thread ]] || without+=,fork,forkread,exec,kill
	[ -z "$without" ] || seed+=(--without "${without#,}")
	torture --connections "$COUNT" "${seed[@]}"
	grep -q " $KTLSHIM_TEST_PATH\$" "$BATS_TEST_TMPDIR/out"
}

@test "torture: a connection that is replayed has the plan of its seed" {
	torture --replay 5d79c79ea8605eae
	grep -q 'by scm, greets, TLS 1.3 cipher 3, 4 rounds' "$BATS_TEST_TMPDIR/out"
}

# Without TLS nothing may be wrong: then the fault is the test's.
@test "torture: plain TCP passes the same test" {
	[ "$KTLSHIM_TEST_PATH" = relayed ] || skip "once is enough"
	torture --connections $((COUNT / 3)) --plain --without kill
}
