# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# irc.bash - IRC in the daemon matrix
#
# The server calls itself irc.example and shows $DIR/motd with $IRC_BEFORE in
# front of each line.
# shellcheck disable=SC2154 # DIR, CERTS, MARKER, port come from matrix.bash

irc_motd() { # LINES
	local i
	for ((i = 1; i <= $1; i++)); do
		printf 'line %d of %s %065d\n' "$i" "$MARKER" "$i"
	done >"$DIR/motd"
}

irc_hello() { # NICK
	sed "s/.*/:irc.example 372 $1 :$IRC_BEFORE&/" motd >"motd.$1"
	cat <<-EOT
	send NICK $1\r\nUSER $1 0 * :$1
	expect :irc.example 001 $1
	expect :irc.example 375
	until :irc.example\s376 motd.$1
	EOT
}

irc_bye() {
	printf 'send QUIT\neof\n'
}

irc_session() { # N
	{
		irc_hello "nick$1"
		irc_bye
	} | talk "1.$((1 + $1))"
}

# the last one to join finds the other there
irc_chat() { # N STEP
	{
		irc_hello "nick$1"
		cat <<-EOT
		send JOIN #meet
		expect :irc.example 366
		send PING alone
		expect .* PONG
		$2
		EOT
		irc_bye
	} | talk 1.3
}

irc_check() {
	local waiting
	irc_session 1
	at_once irc_session
	irc_chat 3 'expect :nick4!.* PRIVMSG #meet :hello '"$MARKER" >waits 3>&- &
	waiting=$!
	wait_until 30 grep -qs PONG waits
	irc_chat 4 "send PRIVMSG #meet :hello $MARKER"
	wait "$waiting"
}
