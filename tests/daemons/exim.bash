# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# exim4: a process for each connection, which writes by stdio and reads without;
# the mail is delivered by others
. "$TOP/tests/packages.bash"
DAEMON_NEEDS=(
	"unpack/exim4-daemon-light:$UNPACKED/exim4-daemon-light/usr/sbin/exim4"
	libidn12:/usr/lib/x86_64-linux-gnu/libidn.so.12
	libgnutls-dane0:/usr/lib/x86_64-linux-gnu/libgnutls-dane.so.0
	libdb5.3:/usr/lib/x86_64-linux-gnu/libdb-5.3.so)

daemon_version() { unpacked_version exim4-daemon-light; }

daemon_start() {
	mail_boxes
	make_root exim4-daemon-light Debian-exim
	mkdir -m 777 "$DIR/spool" "$DIR/log"
	mkdir -p "$ROOT/etc/exim4"
	cat >"$ROOT/etc/exim4/exim4.conf" <<-EOT
	exim_path = /usr/sbin/exim4
	primary_hostname = localhost
	spool_directory = $DIR/spool
	log_file_path = $DIR/log/%s
	pid_file_path = $DIR/exim.pid
	daemon_smtp_ports = $1
	local_interfaces = 127.0.0.1
	tls_advertise_hosts =
	host_lookup =
	pipelining_connect_advertise_hosts =
	acl_smtp_rcpt = take
	smtp_accept_max_per_connection = 100
	begin acl
	take:
		accept
	begin routers
	all:
		driver = accept
		transport = box
	begin transports
	box:
		driver = pipe
		command = $DELIVER
		user = nobody
		group = nogroup
	EOT
	start exim "$1" in_root -- "$KTLSHIM" run -- /usr/sbin/exim4 -bdf -q1h
}

daemon_check() {
	smtp_check
	smtp_check_pipelining
}
