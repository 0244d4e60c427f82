// SPDX-License-Identifier: MIT
// A client of Node.js's TLS for give_back.py, called like TlsClient.java:
//   node tls_client.js VERSION PORT NAME CA ALPN PKCS12 FILE
'use strict';
const fs = require('fs');
const tls = require('tls');
const [version, port, name, ca, alpn, pfx, file] = process.argv.slice(2);
const data = fs.readFileSync(file);
let session;

function converse(then) {
	const pieces = [];
	const s = tls.connect({
		host: '127.0.0.1', port: Number(port), servername: name,
		minVersion: `TLSv${version}`, maxVersion: `TLSv${version}`,
		ca: fs.readFileSync(ca), allowHalfOpen: true, session,
		ALPNProtocols: alpn === '-' ? undefined : ['none', alpn],
		pfx: pfx === '-' ? undefined : fs.readFileSync(pfx),
		passphrase: 'secret',
	}, () => {
		console.log(`${s.getProtocol()} alpn=${s.alpnProtocol || ''}` +
			    (s.isSessionReused() ? ' resumed' : ''));
		s.end(data);
	});

	s.setTimeout(60000, () => s.destroy(new Error('stuck')));
	s.on('session', (ticket) => { session = ticket; });
	s.on('data', (piece) => pieces.push(piece));
	s.on('end', () => {
		if (!data.equals(Buffer.concat(pieces)))
			throw new Error('other bytes came back');
		then();
	});
}

converse(() => converse(() => {}));
