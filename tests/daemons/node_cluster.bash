# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Node.js, cluster: the primary accepts and passes each connection to a worker
DAEMON_NEEDS=(nodejs:node)
NODE_CLUSTER_SCHED_POLICY=rr

daemon_version() { debian nodejs; }

daemon_start() {
	web_pages
	cat >"$DIR/cluster.js" <<-EOT
	'use strict';
	const cluster = require('cluster');
	if (cluster.isPrimary) {
		cluster.fork();
		cluster.fork();
	} else {
		require('$TOP/tests/apps/http_server.js');
	}
	EOT
	NODE_CLUSTER_SCHED_POLICY=$NODE_CLUSTER_SCHED_POLICY \
		start_tls node "$1" node cluster.js "$1" "$DIR/www"
}

daemon_check() {
	web_check gnutls
	web_post 1.3 /echo "${WEB_BIG[1]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
