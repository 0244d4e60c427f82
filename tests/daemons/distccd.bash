# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# distccd: processes that wait for connections, and compile
DAEMON_NEEDS=(distcc:distccd gcc:gcc stunnel4:stunnel4)

daemon_version() { debian distcc; }

daemon_start() {
	key_for nobody
	start_tls distccd "$1" distccd --no-detach --daemon --listen 127.0.0.1 \
		--port "$1" --allow 127.0.0.1 --enable-tcp-insecure --user nobody \
		--jobs 2 --log-stderr --log-level notice
}

distcc_compile() { # N
	mkdir -p "cc.$1" || return 1
	DISTCC_HOSTS=127.0.0.1:$TUNNEL DISTCC_FALLBACK=0 DISTCC_DIR=$DIR/cc.$1 \
		DISTCC_SKIP_LOCAL_RETRY=1 timeout 60 \
		distcc gcc -c big.c -o "cc.$1/big.o" || return 1
	cmp "cc.$1/big.o" local.o
}

daemon_check() {
	{
		echo 'const char text[] ='
		sed 's/.*/"&\\n"/' "$(marked_file)"
		echo ';'
	} >big.c
	gcc -c big.c -o local.o
	tunnel 1.3
	distcc_compile 0
	at_once distcc_compile
	tunnel 1.2
	distcc_compile 3
}
