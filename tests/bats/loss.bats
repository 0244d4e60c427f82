#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# loss.bats - what a server was told is accepted reaches the client
#
# The kernel alone loses up to a record when a full kTLS socket is closed, and
# what MSG_MORE holds back. tests/apps/filler fills connections of all sorts and
# lets go of them in all ways; a client that reads later must get every byte and
# close_notify.
#
#   KTLSHIM_LOSS  combinations for each ending (default: 20; there are 594)
load ../helpers

COUNT=${KTLSHIM_LOSS:-20}

setup_file() { common_setup_file; }
setup() { common_setup; }
teardown() { common_teardown; }

# combinations FIRST COUNT: sets LIST, as filler wants them. The steps have no
# factor in common with the number of choices: all are visited in the end, and a
# few are well mixed.
combinations() {
	local writers=(write sendfile more splice one_more one_splice)
	local extras=(none unread lowat) sizes=() sndbuf chunk i
	for sndbuf in 4608 8192 16384 32768 65536 131072 212992; do
		for chunk in 700 5000 16384 40000; do
			sizes+=("$sndbuf:$chunk")
		done
	done
	for chunk in 700 5000 16384 40000 65536; do
		sizes+=("0:$chunk")
	done
	local n=$((${#writers[@]} * ${#extras[@]} * ${#sizes[@]})) at
	LIST=()
	for ((i = 0; i < $2; i++)); do
		at=$((($1 + i) * 43 % n))
		LIST+=("${writers[at % 6]}:${extras[at / 6 % 3]}:${sizes[at / 18]}")
	done
}

# loses_nothing FIRST ENDING: in COUNT combinations, from number FIRST on
loses_nothing() {
	local port code=0
	port=$(free_port)
	combinations "$1" "$COUNT"
	start_tls filler "$port" "$BUILD/tests/apps/filler" "$port" "$2" "${LIST[@]}"
	python3 -B "$TOP/tests/apps/slow_reader.py" "$port" "$CERTS/ca.pem" \
		"$DIR/filler.log" "${LIST[@]}" >reader.out 2>&1 || code=$?
	cat reader.out
	echo "# $2, $KTLSHIM_TEST_PATH: $(tail -n 1 reader.out)" >&3
	[ "$code" -eq 0 ]
	[ "$(tail -n 1 reader.out)" = "$COUNT of $COUNT" ]
	assert_path
}

@test "close" {
	loses_nothing 0 close
}

@test "shutdown(SHUT_WR), then close" {
	loses_nothing 50 shutdown
}

@test "exit" {
	loses_nothing 100 exit
}

@test "_exit" {
	loses_nothing 150 _exit
}

@test "return from main" {
	loses_nothing 200 return
}

@test "a signal whose handler calls exit" {
	loses_nothing 250 signal_exit
}

@test "a signal whose handler calls _exit" {
	loses_nothing 300 signal__exit
}

@test "exec of something else, the connection closed by that" {
	loses_nothing 350 exec
}

@test "exec of something else, the connection inherited" {
	loses_nothing 400 exec_inherited
}

@test "fork, both exit, the child last" {
	loses_nothing 450 fork_child_last
}

@test "fork, both exit, the parent last" {
	loses_nothing 500 fork_parent_last
}

# No process of the daemon is left: only the helper.
@test "the only process ends" {
	local ending port i=0
	for ending in close exit _exit return signal__exit exec exec_inherited; do
		port=$(free_port)
		combinations $((550 + i++)) 1
		# full for certain
		LIST=("${LIST[0]#one_}")
		start_tls filler "$port" "$BUILD/tests/apps/filler" "$port" \
			"$ending" alone "${LIST[@]}"
		echo "$ending"
		python3 -B "$TOP/tests/apps/slow_reader.py" "$port" \
			"$CERTS/ca.pem" "$DIR/filler.log" "${LIST[@]}"
	done
}
