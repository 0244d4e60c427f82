# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# mail.bash - SMTP clients of the daemon matrix
#
# The server delivers to $DIR/mail/NAME, a file for each recipient NAME@example;
# $DELIVER is a program for it that finds the recipient in $RECIPIENT.
# shellcheck disable=SC2154 # DIR, CERTS, MARKER, port come from matrix.bash

mail_boxes() {
	marked_file
	mkdir -m 777 "$DIR/mail"
	DELIVER=$DIR/deliver
	cat >"$DELIVER" <<-EOT
	#!/bin/sh
	exec cat >$DIR/mail/\${RECIPIENT%%@*}
	EOT
	chmod 755 "$DELIVER"
	{
		printf 'From: a@example\nSubject: big\n\n'
		cat marked
		echo
	} | sed 's/$/\r/' >big.eml
}

smtp_curl() { # VERSION NAME
	curl_v "$1" "smtps://localhost:$port/client.example" -T big.eml \
		--mail-from a@example --mail-rcpt "$2@example"
}

smtp_talk() { # VERSION NAME
	talk "$1" <<-EOT
	expect 220
	send EHLO client.example
	expect 250 
	send MAIL FROM:<a@example>
	expect 250
	send RCPT TO:<$2@example>
	expect 250
	send DATA
	expect 354
	send Subject: $MARKER\r\n\r\nbody $MARKER
	send .
	expect 250
	send QUIT
	expect 221
	eof
	EOT
}

# two mails in one go, commands not waited for
smtp_pipelining() { # VERSION NAME NAME
	talk "$1" <<-EOT
	expect 220
	send EHLO client.example
	expect 250 
	send MAIL FROM:<a@example>\r\nRCPT TO:<$2@example>\r\nDATA
	expect 354
	raw Subject: $MARKER\r\n\r\nbody $MARKER\r\n.\r\n
	send MAIL FROM:<a@example>\r\nRCPT TO:<$3@example>\r\nDATA
	expect 354
	file big.eml
	send \r\n.\r\nQUIT
	expect 221
	eof
	EOT
}

small_is_in() { # NAME
	grep -sqx "Subject: $MARKER" "mail/$1" && grep -sqx "body $MARKER" "mail/$1"
}

big_is_in() { # NAME
	[ -e "mail/$1" ] || return 1
	cmp -s -n "$(stat -c %s marked)" marked <(sed '1,/^$/d' "mail/$1")
}

smtp_at_once() { # N
	smtp_curl "1.$((1 + $1))" "both$1"
}

smtp_check() {
	smtp_talk 1.3 one
	smtp_curl 1.2 two
	at_once smtp_at_once
	wait_until 30 small_is_in one
	wait_until 30 big_is_in two
	wait_until 30 big_is_in both1
	wait_until 30 big_is_in both2
}

# for servers that do pipelining
smtp_check_pipelining() {
	smtp_pipelining 1.3 three four
	wait_until 30 small_is_in three
	wait_until 30 big_is_in four
}
