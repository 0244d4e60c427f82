# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# leafnode under tcpserver: news, by stdio on 0 and 1
. "$TOP/tests/packages.bash"
DAEMON_NEEDS=("unpack/leafnode:$UNPACKED/leafnode/usr/sbin/leafnode"
	ucspi-tcp:tcpserver)

daemon_version() { unpacked_version leafnode; }

# A group with two articles of 300 KB
daemon_start() {
	local spool=$DIR/spool
	marked_file
	make_root leafnode
	mkdir -p "$spool"/{leaf.node,interesting.groups,failed.postings,in.coming} \
		"$spool"/{message.id,out.going,temp.files,example/test} \
		"$ROOT/var/spool/news"
	cat >"$ROOT/etc/news/leafnode/config" <<-EOT
	hostname = news.tests.ktlshim.org
	server = localhost
	expire = 20
	EOT
	cat >article <<-EOT
	Path: elsewhere
	From: a@example
	Newsgroups: example.test
	Subject: $MARKER
	Message-ID: <1@example>
	Date: Sun, 22 Nov 2026 02:00:00 +0000
	Xref: elsewhere example.test:1

	EOT
	sed -n p marked >>article # ends in a newline
	cp article "$spool/example/test/1"
	# with one only, it would tell about itself instead
	sed 's/<1@/<2@/; s/test:1$/test:2/' article >"$spool/example/test/2"
	echo 'example.test 2 1 1700000000 a group' >"$spool/leaf.node/groupinfo"
	touch "$spool/interesting.groups/example.test"
	chown -R news:news "$spool"
	start leafnode "$1" in_root "$spool:/var/spool/news" -- "$KTLSHIM" run -- \
		tcpserver -R -H -l localhost 127.0.0.1 "$1" /usr/sbin/leafnode
}

news_read() { # N
	talk "1.$((1 + $1))" <<-EOT
	expect 200 Leafnode
	send LIST
	expect 215
	expect example.test 0*2 0*1 y
	expect \.$
	send GROUP example.test
	expect 211 2 1 2 example.test
	send ARTICLE 1
	expect 220 1
	until \.$ article
	send QUIT
	expect 205
	eof
	EOT
}

news_post() { # N
	talk "1.$((1 + $1))" <<-EOT
	expect 200 Leafnode
	send MODE READER
	expect 200
	send POST
	expect 340
	send From: a@example\r\nNewsgroups: example.test\r\nSubject: $MARKER $1\r\n
	send posted $MARKER $1\r\n.
	expect 240
	send QUIT
	expect 205
	eof
	EOT
	wait_until 10 grep -rq "^posted $MARKER $1" "$DIR/spool"
}

daemon_check() {
	news_read 1
	at_once news_read
	news_post 1
	news_post 2
}
