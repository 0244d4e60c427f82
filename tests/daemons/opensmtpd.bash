# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# opensmtpd: the process that has the connections is in a chroot and has no
# rights; others queue and deliver
. "$TOP/tests/packages.bash"
DAEMON_NEEDS=("unpack/opensmtpd:$UNPACKED/opensmtpd/usr/sbin/smtpd"
	libevent-2.1-7:/usr/lib/x86_64-linux-gnu/libevent-2.1.so.7
	libdb5.3:/usr/lib/x86_64-linux-gnu/libdb-5.3.so)

daemon_version() { unpacked_version opensmtpd; }

daemon_start() {
	mail_boxes
	make_root opensmtpd opensmtpd opensmtpq
	mkdir -p "$ROOT/var/spool/smtpd" "$ROOT/var/lib/opensmtpd/empty" \
		"$DIR/run" "$DIR/spool"
	chmod 711 "$DIR/spool"
	cat >"$ROOT/etc/smtpd.conf" <<-EOT
	listen on 127.0.0.1 port $1
	action "box" mda "$DELIVER" virtual { "@" = "nobody" }
	match from any for any action "box"
	EOT
	start opensmtpd "$1" in_root "$DIR/run:/run" "$DIR/spool:/var/spool/smtpd" \
		-- "$KTLSHIM" run -- /usr/sbin/smtpd -d
}

daemon_check() {
	smtp_check
}
