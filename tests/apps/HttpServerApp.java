// SPDX-License-Identifier: MIT
// A plain HTTP server: java HttpServerApp.java PORT DIRECTORY
// GET /NAME: the file; PUT /NAME: store it; POST: the body comes back.
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.Executors;

public class HttpServerApp {
	static Path directory;

	static void answer(HttpExchange x) throws IOException {
		Path file = directory.resolve(
				x.getRequestURI().getPath().substring(1));

		try (x) {
			switch (x.getRequestMethod()) {
			case "POST":
				x.sendResponseHeaders(200, 0);
				x.getRequestBody().transferTo(x.getResponseBody());
				break;
			case "PUT":
				Files.copy(x.getRequestBody(), file,
					   StandardCopyOption.REPLACE_EXISTING);
				x.sendResponseHeaders(201, -1);
				break;
			default:
				x.sendResponseHeaders(200, Files.size(file));
				Files.copy(file, x.getResponseBody());
			}
		}
	}

	public static void main(String[] args) throws IOException {
		HttpServer server = HttpServer.create(
				new InetSocketAddress(Integer.parseInt(args[0])), 0);

		directory = Path.of(args[1]);
		server.createContext("/", HttpServerApp::answer);
		server.setExecutor(Executors.newFixedThreadPool(4));
		server.start();
	}
}
