#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# daemons_mail.bats - the daemon matrix: mail
load ../matrix
load ../packages
load ../tunnel
load ../mail
setup_file() { matrix_setup_file; }
setup() { matrix_setup; }
teardown() { matrix_teardown; }

@test "exim4: a process for each connection" { daemon exim; }
@test "postfix: smtpd accepts" { daemon postfix; }
@test "opensmtpd: chroot" { daemon opensmtpd; }
@test "dovecot: the connection is passed on after login" { daemon dovecot; }
