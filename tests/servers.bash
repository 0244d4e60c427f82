# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# servers.bash - the real servers that tests upgrade; each as Debian ships it
#
# server_X PORT [ADDRESS]: start it under the shim on PORT, on both families
# unless ADDRESS is given: 127.0.0.1, ::1, or :: for both on one listener. Files
# below $DIR/www are served over HTTP by python, nginx and busybox.

# shellcheck disable=SC2154 # DIR, BUILD, TOP come from helpers.bash
www() {
	mkdir -p "$DIR/www/cgi-bin"
	printf 'hello over TLS\n' >"$DIR/www/index.txt"
}

server_python() {
	www
	start_tls python "$1" /usr/bin/python3 -m http.server -d "$DIR/www" \
		--bind "${2:-::}" "$1"
}

# tests/apps/put_server.py: http.server takes no uploads by itself
server_put() {
	www
	start_tls put "$1" /usr/bin/python3 "$TOP/tests/apps/put_server.py" "$1" \
		"${2:-::}" "$DIR/www"
}

# nginx: 2 workers, sendfile on; PUT /upload/NAME stores to $DIR/www/upload
server_nginx() {
	www
	local listen="listen $1; listen [::]:$1;"
	case ${2:-} in
	'') ;;
	*:*) listen="listen [$2]:$1 ipv6only=off;" ;;
	*) listen="listen $2:$1;" ;;
	esac
	mkdir -p "$DIR/www/upload" "$DIR/nginx"
	chmod -R a+rwX "$DIR"
	cat >"$DIR/nginx.conf" <<-EOF
	daemon off; worker_processes 2; pid $DIR/nginx/pid; user root;
	error_log $DIR/nginx.error.log info;
	events { worker_connections 512; }
	http {
		access_log off; sendfile on; tcp_nopush on;
		client_body_temp_path $DIR/nginx/body; proxy_temp_path $DIR/nginx/proxy;
		fastcgi_temp_path $DIR/nginx/f; uwsgi_temp_path $DIR/nginx/u; scgi_temp_path $DIR/nginx/s;
		client_max_body_size 64m;
		server { $listen root $DIR/www;
			location /upload/ { client_body_in_file_only on; proxy_pass http://unix:$DIR/nginx/back:/; proxy_set_header X-Body \$request_body_file; proxy_request_buffering on; }
		}
		server { listen unix:$DIR/nginx/back; location / { return 200 "\$http_x_body"; } }
	}
	EOF
	start_tls nginx "$1" nginx -p "$DIR/nginx" -c "$DIR/nginx.conf"
}

server_redis() {
	local address=${2:-::}
	[ "$address" != :: ] || address='* -::*' # redis has no dual stack
	start_tls redis "$1" redis-server --port "$1" --bind "$address" \
		--save '' --protected-mode no --proto-max-bulk-len 64mb
}

# busybox httpd forks for each connection; /cgi-bin/echo gives the body back
server_busybox() {
	www
	local address=${2:-::}
	case $address in *:*) address="[$address]" ;; esac
	# shellcheck disable=SC2016 # the script's own variable
	printf '#!/bin/sh\nprintf "Content-Type: x/x\\r\\n\\r\\n"\nexec head -c "$CONTENT_LENGTH"\n' \
		>"$DIR/www/cgi-bin/echo"
	chmod +x "$DIR/www/cgi-bin/echo"
	start_tls busybox "$1" busybox httpd -f -p "$address:$1" -h "$DIR/www"
}

# tests/apps/select_echo: a blocking select() loop that sends back what it gets
server_echo() {
	start_tls echo "$1" "$BUILD/tests/apps/select_echo" "$1" "${2:-::}"
}
