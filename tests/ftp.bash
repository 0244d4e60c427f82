# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# ftp.bash - FTP in the daemon matrix: the control connection
#
# A data connection has a port of its own, chosen when it is needed. Upgraded,
# too, it would want TLS from a client that has not negotiated it; so these
# tests upgrade the control port only (KTLSHIM_PORTS), and what is fetched here
# goes over that: answers, and listings by STAT.
# shellcheck disable=SC2154 # DIR, CERTS, MARKER, port come from matrix.bash

# $DIR/ftp: many files with long names, and one to download
ftp_files() {
	local i name list=()
	marked_file
	mkdir -p "$DIR/ftp/many/$MARKER"
	cp marked "$DIR/ftp/"
	name=$MARKER-$(printf %0150d 0)
	for i in {1000..1499}; do
		list+=("$DIR/ftp/many/$name-$i")
	done
	touch "${list[@]}"
}

# Steps of talk: log in, and ask where one is.
ftp_hello() {
	cat <<-EOT
	expect 220 
	send USER anonymous
	expect (331|230) 
	send PASS me@example
	expect 230 
	send CWD many/$MARKER
	expect 250 
	send PWD
	expect 257 "/many/$MARKER"
	send CWD /many
	expect 250 
	EOT
}

ftp_bye() {
	printf 'send QUIT\nexpect 221\neof\n'
}

# ftp_session VERSION [N]: with N listings of the directory
ftp_session() {
	local i
	{
		ftp_hello
		for ((i = 0; i < ${2:-0}; i++)); do
			printf 'send STAT .\nexpect 21[123]-\n'
			echo "save 21[123] list.$1.$i"
		done
		ftp_bye
	} | talk "$1" || return 1
	for ((i = 0; i < ${2:-0}; i++)); do
		[ "$(grep -c "$MARKER-0*-1[0-4][0-9][0-9]$" "list.$1.$i")" -eq 500 ] ||
			return 1
	done
}

# ftp_help VERSION N: N times the server's help
ftp_help() {
	local i
	{
		ftp_hello
		for ((i = 0; i < $2; i++)); do
			printf 'send HELP\nexpect 214-\nexpect 214 Help OK\n'
		done
		ftp_bye
	} | talk "$1" >help || return 1
	[ "$(grep -c '^214 ' help)" -eq "$2" ]
}

ftp_at_once() { # N
	ftp_session "1.$((1 + $1))" 3
}

# curl, which asks for no TLS on the data connection
ftp_curl() { # VERSION
	curl_v "$1" --ftp-ssl-control "ftps://localhost:$port/marked" | cmp - marked
}

ftp_check() {
	ftp_session 1.3
	ftp_session 1.2 1
	at_once ftp_at_once
	ftp_curl 1.3
}
