# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# pure-ftpd: a process for each connection, privileges separated
. "$TOP/tests/packages.bash"
DAEMON_NEEDS=("unpack/pure-ftpd:$UNPACKED/pure-ftpd/usr/sbin/pure-ftpd"
	libsodium23:/usr/lib/x86_64-linux-gnu/libsodium.so.23)

daemon_version() { unpacked_version pure-ftpd; }

daemon_start() {
	ftp_files
	make_root pure-ftpd "ftp:$DIR/ftp"
	KTLSHIM_PORTS=$1 start pure-ftpd "$1" in_root -- \
		"$KTLSHIM" run -- /usr/sbin/pure-ftpd -S "127.0.0.1,$1" -e \
		-L 5000:3 -H -g "$DIR/pure-ftpd.pid" -c 50 -C 50
}

daemon_check() {
	ftp_check
}
