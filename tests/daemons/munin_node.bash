# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# munin-node: perl's Net::Server, a process for each connection
DAEMON_NEEDS=(munin-node:munin-node)

daemon_version() { debian munin-node; }

daemon_start() {
	# a record for each line: few and long ones, or tcpdump misses some
	yes "v.value $MARKER-$(printf %0300d 0)" | head -n 400 >values
	need_mounts
	mkdir "$DIR/plugins"
	printf '#!/bin/sh\nexec cat %s/values\n' "$DIR" >"$DIR/plugins/marked"
	chmod 755 "$DIR/plugins/marked"
	cat >"$DIR/munin-node.conf" <<-EOT
	log_level 2
	log_file $DIR/munin-node.log
	pid_file $DIR/munin-node.pid
	background 0
	setsid 0
	user root
	group root
	host_name node.example
	allow ^127\.0\.0\.1$
	host 127.0.0.1
	port $1
	EOT
	start munin "$1" in_root "$DIR/plugins:/etc/munin/plugins" -- \
		"$KTLSHIM" run -- /usr/sbin/munin-node --config "$DIR/munin-node.conf"
}

munin_session() { # N
	talk "1.$((1 + $1))" <<-EOT
	expect # munin node at
	send nodes
	expect node.example
	expect \.$
	send fetch marked
	until \.$ values
	send quit
	eof
	EOT
}

daemon_check() {
	munin_session 1
	at_once munin_session
	munin_session 2
}
