# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# postfix: master has the port, and smtpd, started with a clean environment, takes
# connections from it. The mail passes through several other processes.
. "$TOP/tests/packages.bash"
DAEMON_NEEDS=("unpack/postfix:$UNPACKED/postfix/usr/sbin/postfix"
	libicu72:/usr/lib/x86_64-linux-gnu/libicuuc.so.72
	libnsl2:/usr/lib/x86_64-linux-gnu/libnsl.so.2
	libsasl2-2:/usr/lib/x86_64-linux-gnu/libsasl2.so.2
	libdb5.3:/usr/lib/x86_64-linux-gnu/libdb-5.3.so)

daemon_version() { unpacked_version postfix; }

daemon_start() {
	local name postfix
	mail_boxes
	make_root postfix postfix postdrop
	postfix=$(root_user postfix)
	mkdir -p "$ROOT/etc/postfix" "$DIR/data" "$DIR/spool/pid"
	for name in active bounce corrupt defer deferred flush hold incoming \
		maildrop private public saved trace; do
		mkdir "$DIR/spool/$name"
		chown "$postfix" "$DIR/spool/$name"
	done
	chown "$postfix" "$DIR/data"
	cat >"$ROOT/etc/postfix/main.cf" <<-EOT
	compatibility_level = 3.6
	command_directory = /usr/sbin
	daemon_directory = /usr/lib/postfix/sbin
	queue_directory = $DIR/spool
	data_directory = $DIR/data
	maillog_file = $DIR/mail.log
	maillog_file_prefixes = /
	myhostname = localhost
	mydomain = example
	mynetworks = 127.0.0.0/8
	smtpd_tls_security_level = none
	smtpd_relay_restrictions = permit_mynetworks, reject
	smtpd_peername_lookup = no
	mydestination =
	alias_maps =
	alias_database =
	virtual_mailbox_domains = example
	virtual_mailbox_base = $DIR/mail
	virtual_mailbox_maps = texthash:$DIR/boxes
	virtual_uid_maps = static:65534
	virtual_gid_maps = static:65534
	inet_protocols = ipv4
	EOT
	for name in one two both1 both2 three four; do
		echo "$name@example $name"
	done >"$DIR/boxes"
	cat >"$ROOT/etc/postfix/master.cf" <<-EOT
	127.0.0.1:$1 inet n - n - - smtpd
	cleanup unix n - n - 0 cleanup
	qmgr unix n - n 300 1 qmgr
	rewrite unix - - n - - trivial-rewrite
	bounce unix - - n - 0 bounce
	defer unix - - n - 0 bounce
	trace unix - - n - 0 bounce
	proxymap unix - - n - - proxymap
	anvil unix - - n - 1 anvil
	virtual unix - n n - - virtual
	postlog unix-dgram n - n - 1 postlogd
	EOT
	start postfix "$1" in_root -- "$KTLSHIM" run -- \
		/usr/lib/postfix/sbin/master -d
}

daemon_check() {
	smtp_check
	smtp_check_pipelining
}
