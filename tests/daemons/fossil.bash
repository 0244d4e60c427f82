# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# fossil server: a process for each connection, HTTP by stdio on a copy of the
# descriptor
DAEMON_NEEDS=(fossil:fossil)

daemon_version() { debian fossil; }

fossil_here() {
	FOSSIL_HOME=$DIR USER=root SSL_CERT_FILE=$CERTS/ca.pem timeout 60 fossil "$@"
}

daemon_start() {
	web_pages
	fossil_here new repo.fossil >fossil.new
	mkdir work
	(
		cd work || exit
		fossil_here open ../repo.fossil
		cp ../www/* .
		fossil_here add .
		fossil_here commit -m "says $MARKER" --no-warnings
		# text would come as a page
		fossil_here uv add index.txt --as index.bin
		fossil_here uv add marked.txt --as marked.bin
	) >fossil.make
	WEB_SMALL[0]=/uv/index.bin
	WEB_BIG[0]=/uv/marked.bin
	start_tls fossil "$1" env FOSSIL_HOME="$DIR" USER=root fossil server \
		--localhost --port "$1" repo.fossil
}

daemon_check() {
	web_check
	fossil_here clone "https://localhost:$port/" clone.fossil
	fossil_here cat -R clone.fossil -r trunk marked.txt | cmp - marked
}
