# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# bitlbee, ForkDaemon: a process for each connection, glib's main loop
DAEMON_NEEDS=(bitlbee:bitlbee)

daemon_version() { debian bitlbee; }

daemon_start() {
	mkdir "$DIR/users"
	# this and not /etc/bitlbee/motd.txt
	yes "$MARKER" | head -n 200 >"$DIR/motd"
	cat >"$DIR/bitlbee.conf" <<-EOT
	[settings]
	RunMode = ForkDaemon
	DaemonInterface = 127.0.0.1
	DaemonPort = $1
	HostName = irc.example
	ConfigDir = $DIR/users/
	MotdFile = $DIR/motd
	EOT
	start_tls bitlbee "$1" bitlbee -F -n -c "$DIR/bitlbee.conf" -d "$DIR/users/"
}

bitlbee_session() { # N
	sed "s/.*/:irc.example 372 nick$1 :- &/" motd >"motd.$1"
	talk "1.$((1 + $1))" <<-EOT
	send NICK nick$1\r\nUSER nick$1 0 * :nick
	expect :irc.example 001 nick$1
	expect :irc.example 375
	until :irc.example\s376 motd.$1
	send PRIVMSG &bitlbee :help commands
	expect .*PRIVMSG &bitlbee :.*account
	send PING :$MARKER
	expect .*PONG .*$MARKER
	send QUIT
	eof
	EOT
}

daemon_check() {
	bitlbee_session 1
	bitlbee_session 2
	at_once bitlbee_session
}
