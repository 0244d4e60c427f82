# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154 # see tests/matrix.bash
# Perl, Starman: preforked processes that accept under a lock
DAEMON_NEEDS=(starman:starman)

daemon_version() { debian starman; }

daemon_start() {
	web_pages
	cat >"$DIR/app.psgi" <<-'EOT'
	sub {
		my $env = shift;
		my ($body, $fh) = ('');
		if ($env->{REQUEST_METHOD} eq 'POST') {
			my $n = $env->{CONTENT_LENGTH};
			while ($n > 0) {
				my $got = $env->{'psgi.input'}->read(my $piece, $n);
				last unless $got;
				$body .= $piece;
				$n -= $got;
			}
		} else {
			open($fh, '<:raw', $ENV{WWW} . $env->{PATH_INFO}) or die;
			local $/;
			$body = <$fh>;
		}
		[200, ['Content-Type', 'text/plain',
			'Content-Length', length $body], [$body]];
	}
	EOT
	WWW=$DIR/www start_tls starman "$1" starman --workers 2 \
		--listen "127.0.0.1:$1" app.psgi
}

daemon_check() {
	web_check gnutls
	web_post 1.3 /echo "${WEB_BIG[1]}"
	web_post 1.2 /echo "${WEB_BIG[1]}"
}
