# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# vsftpd without its sandboxes: two processes for each connection, one of
# them in a chroot and without rights
. "$TOP/tests/packages.bash"
DAEMON_NEEDS=("unpack/vsftpd:$UNPACKED/vsftpd/usr/sbin/vsftpd"
	libwrap0:/usr/lib/x86_64-linux-gnu/libwrap.so.0)

daemon_version() { unpacked_version vsftpd; }

daemon_start() {
	ftp_files
	mkdir "$DIR/empty"
	cat >"$DIR/vsftpd.conf" <<-EOT
	listen=YES
	listen_address=127.0.0.1
	listen_port=$1
	background=NO
	anonymous_enable=YES
	ftp_username=daemon
	nopriv_user=nobody
	anon_root=$DIR/ftp
	secure_chroot_dir=$DIR/empty
	seccomp_sandbox=NO
	isolate=NO
	isolate_network=NO
	EOT
	KTLSHIM_PORTS=$1 start_tls vsftpd "$1" \
		"$UNPACKED/vsftpd/usr/sbin/vsftpd" "$DIR/vsftpd.conf"
}

daemon_check() {
	ftp_check
}
