#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# daemons_inetd.bats - the daemon matrix: super-servers, programs that hand over to others
load ../matrix
load ../web
load ../packages
load ../tunnel
load ../inetd
setup_file() { matrix_setup_file; }
setup() { matrix_setup; }
teardown() { matrix_teardown; }

@test "xinetd: stdio in the child" { daemon xinetd; }
@test "openbsd-inetd, nowait: stdio in the child" { daemon inetd; }
@test "openbsd-inetd, wait: the child accepts" { daemon inetd_wait; }
@test "telnetd under openbsd-inetd" { daemon telnetd; }
@test "tcpserver: stdio in the child" { daemon tcpserver; }
@test "systemd-socket-activate: LISTEN_FDS" { daemon socket_activate; }
@test "systemd-socket-activate --accept" { daemon socket_activate_accept; }
@test "systemd-socket-activate --inetd" { daemon socket_activate_inetd; }
@test "socat fork" { daemon socat_fork; }
@test "socat nofork: stdio after exec" { daemon socat_nofork; }
@test "ncat --exec" { daemon ncat_exec; }
@test "ncat --sh-exec" { daemon ncat_shell; }
@test "leafnode under tcpserver: stdio after exec" { daemon leafnode; }
@test "git daemon" { daemon git_daemon; }
@test "rsync --daemon" { daemon rsync; }
@test "fossil server" { daemon fossil; }
