# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# vsftpd as Debian sets it up, in name spaces of its own by a bare clone, and
# with the seccomp sandbox, which ends the process at the first system call that
# it does not expect
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
	seccomp_sandbox=YES
	EOT
	KTLSHIM_PORTS=$1 start_tls vsftpd "$1" \
		"$UNPACKED/vsftpd/usr/sbin/vsftpd" "$DIR/vsftpd.conf"
}

# No listing, no file: this version's sandbox ends it then without TLS as well,
# because newer C libraries use other system calls than it knows.
daemon_check() {
	ftp_session 1.3
	at_once ftp_session_one
	ftp_help 1.2 300
	ftp_help 1.3 300
}

ftp_session_one() { # N
	ftp_session "1.$((1 + $1))"
}
