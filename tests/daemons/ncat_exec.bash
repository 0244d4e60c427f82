# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# ncat --exec: one process takes connections, one for each copies to a program
DAEMON_NEEDS=(ncat:ncat)

daemon_version() { debian ncat; }

daemon_start() {
	start_tls ncat "$1" ncat -l 127.0.0.1 "$1" --keep-open --exec /bin/cat
}

daemon_check() {
	# with more than pipes hold, ncat and cat would wait for each other
	head -c 50000 "$(marked_file)" >some
	echo_check some
}
