# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# socat fork: a child for each connection, which copies to and from a program
DAEMON_NEEDS=(socat:socat)

daemon_version() { debian socat; }

daemon_start() {
	start_tls socat "$1" socat -t 30 "TCP-LISTEN:$1,bind=127.0.0.1,fork" EXEC:/bin/cat
}

daemon_check() {
	echo_check
	echo_halfclose 1.3 marked
	echo_halfclose 1.2 marked
}
