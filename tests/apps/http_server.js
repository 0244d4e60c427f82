// SPDX-License-Identifier: MIT
// A plain HTTP server: node http_server.js PORT DIRECTORY
// GET /NAME: the file; PUT /NAME: store it; POST: the body comes back.
'use strict';
const fs = require('fs');
const http = require('http');
const path = require('path');
const [port, directory] = process.argv.slice(2);

http.createServer((request, response) => {
	const file = path.join(directory, path.basename(request.url));

	if (request.method === 'POST') {
		response.writeHead(200);
		request.pipe(response);
	} else if (request.method === 'PUT') {
		request.pipe(fs.createWriteStream(file)).on('finish', () => {
			response.writeHead(201);
			response.end();
		});
	} else {
		fs.createReadStream(file)
			.on('open', () => response.writeHead(200))
			.on('error', (error) => {
				console.log(request.url, error);
				response.destroy();
			})
			.pipe(response);
	}
}).listen(Number(port), '::');
