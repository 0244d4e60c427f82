# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# nbdkit: a thread for each connection and request; binary, in both directions
DAEMON_NEEDS=(nbdkit:nbdkit libnbd-bin:nbdcopy stunnel4:stunnel4)

daemon_version() { debian nbdkit; }

daemon_start() {
	marked_file
	truncate -s 3000000 disk
	start_tls nbdkit "$1" nbdkit -f -i 127.0.0.1 -p "$1" --tls=off file "$DIR/disk"
}

nbd_read() { # N
	timeout 60 nbdcopy "nbd://127.0.0.1:$TUNNEL" "copy.$1" || return 1
	cmp "copy.$1" image
}

daemon_check() {
	{
		cat marked
		head -c 2700000 /dev/urandom
	} >image
	tunnel 1.3
	timeout 60 nbdcopy --flush image "nbd://127.0.0.1:$TUNNEL"
	cmp image disk
	at_once nbd_read
	tunnel 1.2
	nbd_read 3
	timeout 60 nbdinfo --size "nbd://127.0.0.1:$TUNNEL" | grep -x 3000000
}
