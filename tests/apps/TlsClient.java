// SPDX-License-Identifier: MIT
// A client of the JDK's own TLS for give_back.py:
//   java TlsClient VERSION PORT NAME CA ALPN PKCS12 FILE
// (- for no ALPN, no client certificate). Two connections: each sends FILE, says
// that this is all (close_notify), and must get it back and then a close_notify.
import java.io.FileInputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

public class TlsClient {
	static TrustManagerFactory trust(String file) throws Exception {
		KeyStore store = KeyStore.getInstance("PKCS12");
		TrustManagerFactory factory =
				TrustManagerFactory.getInstance("PKIX");
		int n = 0;

		store.load(null, null);
		try (FileInputStream in = new FileInputStream(file)) {
			for (Certificate c : CertificateFactory.getInstance("X.509")
					.generateCertificates(in))
				store.setCertificateEntry("ca" + n++, c);
		}
		factory.init(store);
		return factory;
	}

	static KeyManagerFactory key(String file) throws Exception {
		KeyStore store = KeyStore.getInstance("PKCS12");
		KeyManagerFactory factory =
				KeyManagerFactory.getInstance("PKIX");

		try (FileInputStream in = new FileInputStream(file)) {
			store.load(in, "secret".toCharArray());
		}
		factory.init(store, "secret".toCharArray());
		return factory;
	}

	static void converse(SSLContext context, String[] args, byte[] data)
			throws Exception {
		int port = Integer.parseInt(args[1]);
		SSLParameters parameters = new SSLParameters();

		parameters.setProtocols(new String[] {"TLSv" + args[0]});
		parameters.setEndpointIdentificationAlgorithm("HTTPS");
		if (!args[4].equals("-"))
			parameters.setApplicationProtocols(
					new String[] {"none", args[4]});
		try (SSLSocket s = (SSLSocket)context.getSocketFactory()
				.createSocket(new Socket("127.0.0.1", port),
					      args[2], port, true)) {
			s.setSSLParameters(parameters);
			s.setSoTimeout(60000);
			s.getOutputStream().write(data);
			s.shutdownOutput();
			if (!Arrays.equals(data, s.getInputStream().readAllBytes()))
				throw new Exception("other bytes came back");
			System.out.println(s.getSession().getProtocol() + " alpn="
					+ s.getApplicationProtocol());
		}
	}

	public static void main(String[] args) throws Exception {
		SSLContext context = SSLContext.getInstance("TLS");
		byte[] data = Files.readAllBytes(Path.of(args[6]));

		context.init(args[5].equals("-") ? null
						 : key(args[5]).getKeyManagers(),
			     trust(args[3]).getTrustManagers(), null);
		converse(context, args, data);
		converse(context, args, data);
	}
}
