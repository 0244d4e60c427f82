# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# inspircd: one thread, epoll; modules that it loads while it runs
DAEMON_NEEDS=(inspircd:inspircd)

daemon_version() { debian inspircd; }

daemon_start() {
	irc_motd 700
	IRC_BEFORE=
	cat >"$DIR/inspircd.conf" <<-EOT
	<server name="irc.example" description="test" network="test">
	<admin name="a" nick="a" email="a@example">
	<bind address="127.0.0.1" port="$1" type="clients">
	<connect allow="*" timeout="60" hardsendq="10M" softsendq="5M"
		recvq="64K" threshold="1000" commandrate="100000" fakelag="no"
		localmax="100" globalmax="100" resolvehostnames="no">
	<pid file="$DIR/inspircd.pid">
	<files motd="$DIR/motd">
	<dns timeout="1">
	<path datadir="$DIR" logdir="$DIR" runtimedir="$DIR">
	EOT
	start_tls inspircd "$1" inspircd --nofork --runasroot \
		--config="$DIR/inspircd.conf"
}

daemon_check() {
	irc_check
}
