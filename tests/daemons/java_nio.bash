# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# The JVM, java.nio: one thread, a Selector, files by transferTo
DAEMON_NEEDS=(openjdk-17-jdk-headless:javac)
JAVA_APP=NioServerApp

daemon_version() { debian openjdk-17-jre-headless; }

# compiles, too: little of the JVM's own cleverness pays in a short life
daemon_start() {
	web_pages
	START_SECONDS=60 start_tls java "$1" java -XX:TieredStopAtLevel=1 \
		-XX:+UseSerialGC -Xshare:auto -Xmx128m \
		"$TOP/tests/apps/$JAVA_APP.java" "$1" "$DIR/www"
}

daemon_check() {
	web_check python
	web_post 1.3 /echo "${WEB_BIG[1]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
