// SPDX-License-Identifier: MIT
// A plain HTTP/1.1 server with ServerSocket, a thread for each connection:
// java SocketServerApp.java PORT DIRECTORY
// GET /NAME: the file; POST: the body comes back.
import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

public class SocketServerApp {
	static Path directory;

	static String line(InputStream in) throws IOException {
		StringBuilder text = new StringBuilder();
		int c;

		while ((c = in.read()) != '\n') {
			if (c < 0)
				return null;
			if (c != '\r')
				text.append((char)c);
		}
		return text.toString();
	}

	// One request: is there to be another one on this connection?
	static boolean serve(InputStream in, OutputStream out) throws IOException {
		String request = line(in), header;
		int length = 0;
		byte[] body;

		if (request == null)
			return false;
		while ((header = line(in)) != null && !header.isEmpty())
			if (header.toLowerCase().startsWith("content-length:"))
				length = Integer.parseInt(header.substring(15).trim());
		if (request.startsWith("POST"))
			body = in.readNBytes(length);
		else
			body = Files.readAllBytes(directory.resolve(
					request.split(" ")[1].substring(1)));
		out.write(("HTTP/1.1 200 OK\r\nContent-Length: " + body.length
			+ "\r\n\r\n").getBytes(StandardCharsets.US_ASCII));
		out.write(body);
		out.flush();
		return request.endsWith("HTTP/1.1");
	}

	static void talk(Socket socket) {
		try (socket) {
			InputStream in = new BufferedInputStream(socket.getInputStream());
			OutputStream out =
				new BufferedOutputStream(socket.getOutputStream());

			socket.setSoTimeout(60000);
			socket.setTcpNoDelay(true);
			while (serve(in, out)) {
			}
		} catch (IOException e) {
			System.err.println(e);
		}
	}

	public static void main(String[] args) throws IOException {
		directory = Path.of(args[1]);
		try (ServerSocket server = new ServerSocket(
				Integer.parseInt(args[0]), 50,
				InetAddress.getByName("127.0.0.1"))) {
			while (true) {
				Socket socket = server.accept();

				new Thread(() -> talk(socket)).start();
			}
		}
	}
}
