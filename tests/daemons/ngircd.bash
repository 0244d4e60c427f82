# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# ngircd: one thread, many connections that hear of each other
DAEMON_NEEDS=(ngircd:ngircd)

daemon_version() { debian ngircd; }

daemon_start() {
	key_for nobody
	irc_motd 700
	IRC_BEFORE='- '
	cat >"$DIR/ngircd.conf" <<-EOT
	[Global]
		Name = irc.example
		Info = test
		Listen = 127.0.0.1
		Ports = $1
		MotdFile = $DIR/motd
		ServerGID = nogroup
		ServerUID = nobody
	[Limits]
		MaxConnectionsIP = 0
	[Options]
		PAM = no
		Ident = no
		DNS = no
	EOT
	start_tls ngircd "$1" ngircd -n -f "$DIR/ngircd.conf"
}

daemon_check() {
	irc_check
}
