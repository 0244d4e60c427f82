// SPDX-License-Identifier: MIT
// A plain HTTP/1.1 server with java.nio, one thread and a Selector:
// java NioServerApp.java PORT DIRECTORY
// GET /NAME: the file, by transferTo; POST: the body comes back.
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

public class NioServerApp {
	static Path directory;

	// A connection: what has come, and what is to go.
	static class Connection {
		final SocketChannel channel;
		final SelectionKey key;
		byte[] in = new byte[0];
		ByteBuffer out = ByteBuffer.allocate(0);
		FileChannel file;
		long offset;
		boolean last;

		Connection(SocketChannel channel, Selector selector)
				throws IOException {
			this.channel = channel;
			channel.configureBlocking(false);
			key = channel.register(selector, SelectionKey.OP_READ, this);
		}

		void read() throws IOException {
			ByteBuffer buffer = ByteBuffer.allocate(20000);
			int n;

			while ((n = channel.read(buffer.clear())) > 0) {
				int old = in.length;

				in = Arrays.copyOf(in, old + n);
				buffer.flip().get(in, old, n);
			}
			if (n < 0) {
				channel.close();
				return;
			}
			next();
		}

		// Begin to answer when a whole request is there.
		void next() throws IOException {
			String text = new String(in, StandardCharsets.ISO_8859_1);
			int head = text.indexOf("\r\n\r\n") + 4, length = 0;

			if (head < 4)
				return;
			String[] lines = text.substring(0, head).split("\r\n");
			for (String line : lines)
				if (line.toLowerCase().startsWith("content-length:"))
					length = Integer.parseInt(
							line.substring(15).trim());
			if (in.length < head + length)
				return;
			last = !lines[0].endsWith("HTTP/1.1");
			answer(lines[0], Arrays.copyOfRange(in, head, head + length));
			in = Arrays.copyOfRange(in, head + length, in.length);
			write();
		}

		void answer(String request, byte[] body) throws IOException {
			long size = body.length;

			if (!request.startsWith("POST")) {
				file = FileChannel.open(directory.resolve(
						request.split(" ")[1].substring(1)));
				size = file.size();
				offset = 0;
			}
			byte[] head = ("HTTP/1.1 200 OK\r\nContent-Length: " + size
				+ "\r\n\r\n").getBytes(StandardCharsets.US_ASCII);
			out = ByteBuffer.allocate(head.length + body.length);
			out.put(head).put(body).flip();
		}

		void write() throws IOException {
			channel.write(out);
			if (file != null && !out.hasRemaining()) {
				offset += file.transferTo(offset, file.size() - offset,
							  channel);
				if (offset == file.size()) {
					file.close();
					file = null;
				}
			}
			if (out.hasRemaining() || file != null) {
				key.interestOps(SelectionKey.OP_WRITE);
			} else if (last) {
				channel.close();
			} else {
				key.interestOps(SelectionKey.OP_READ);
				next();
			}
		}
	}

	static void handle(SelectionKey key, Selector selector) throws IOException {
		if (key.attachment() == null) {
			SocketChannel channel =
				((ServerSocketChannel)key.channel()).accept();

			if (channel != null)
				new Connection(channel, selector);
			return;
		}
		Connection connection = (Connection)key.attachment();
		try {
			if (key.isReadable())
				connection.read();
			else
				connection.write();
		} catch (IOException e) {
			System.err.println(e);
			connection.channel.close();
		}
	}

	public static void main(String[] args) throws IOException {
		Selector selector = Selector.open();
		ServerSocketChannel server = ServerSocketChannel.open();

		directory = Path.of(args[1]);
		server.bind(new InetSocketAddress(InetAddress.getByName("127.0.0.1"),
						  Integer.parseInt(args[0])));
		server.configureBlocking(false);
		server.register(selector, SelectionKey.OP_ACCEPT);
		while (true) {
			selector.select();
			for (SelectionKey key : selector.selectedKeys())
				handle(key, selector);
			selector.selectedKeys().clear();
		}
	}
}
