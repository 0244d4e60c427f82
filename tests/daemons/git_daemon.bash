# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# git daemon: a process for each connection, which becomes git upload-pack
DAEMON_NEEDS=(git:git stunnel4:stunnel4)

daemon_version() { debian git; }

git_here() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null timeout 60 git \
		-c user.name=test -c user.email=test@example -c init.defaultBranch=main \
		-c maintenance.auto=false "$@"
}

daemon_start() {
	git_here init -q repo
	random_file 200000
	cp random.200000 "$(marked_file)" repo/
	git_here -C repo add .
	git_here -C repo commit -q -m "says $MARKER"
	start_tls git "$1" git daemon --export-all --base-path="$DIR" \
		--listen=127.0.0.1 --port="$1" --verbose
}

git_clone() { # N
	git_here clone -q "git://127.0.0.1:$TUNNEL/repo" "clone.$1" || return 1
	cmp "clone.$1/random.200000" random.200000 || return 1
	cmp "clone.$1/marked" marked || return 1
	git_here -C "clone.$1" fsck --no-progress || return 1
	[ "$(git_here -C "clone.$1" log --format=%s)" = "says $MARKER" ]
}

daemon_check() {
	tunnel 1.3
	git_clone 3
	# not compressed: names of branches
	git_here -C repo branch "$MARKER"
	git_here ls-remote "git://127.0.0.1:$TUNNEL/repo" | grep "refs/heads/$MARKER"
	at_once git_clone
	tunnel 1.2
	git_clone 4
}
