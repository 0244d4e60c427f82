#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# daemons_app.bats - the daemon matrix: programs on a language's own server
load ../matrix
load ../web
setup_file() { matrix_setup_file; }
setup() { matrix_setup; }
teardown() { matrix_teardown; }

@test "python http.server" { daemon python_http; }
@test "gunicorn: sync workers" { daemon gunicorn; }
@test "uWSGI: processes" { daemon uwsgi; }
@test "waitress: select and threads" { daemon waitress; }
@test "Twisted" { daemon twisted; }
@test "uvicorn: uvloop" { daemon uvicorn; }
@test "tornado" { daemon tornado; }
@test "Node.js http" { daemon node; }
@test "Node.js cluster: the primary passes connections" { daemon node_cluster; }
@test "Node.js cluster: the workers accept" { daemon node_cluster_none; }
@test "Java NIO: Selector, transferTo" { daemon java_nio; }
@test "Java ServerSocket: a thread for each" { daemon java_serversocket; }
@test "ruby WEBrick" { daemon webrick; }
@test "ruby puma: workers and threads" { daemon puma; }
@test "perl Starman" { daemon starman; }
@test "php -S" { daemon php_builtin; }
@test "php-fpm: FastCGI" { daemon php_fpm; }
@test "erlang inets httpd" { daemon erlang; }
