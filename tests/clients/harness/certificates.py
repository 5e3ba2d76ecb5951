"""A certificate authority of the tests' own, the server's certificate, and certificates of clients."""

import pathlib

import trustme
from cryptography import x509


class Certificates:
    """What a TLS server and its clients need, as PEM files in one folder."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._authority = trustme.CA()
        self._clients = trustme.CA()
        self.ca_pem = self._authority.cert_pem.bytes().decode()
        self.ca_file = self._write("ca.pem", self._authority.cert_pem)
        self.client_ca_file = self._write("client-ca.pem", self._clients.cert_pem)
        server = self._authority.issue_cert("127.0.0.1", "localhost")
        self.server_cert = self._write("server.pem", *server.cert_chain_pems)
        self.server_key = self._write("server.key", server.private_key_pem)

    def client(self, common_name, authority=None):
        """A client's certificate: its chain and key as PEM texts, and its subject in RFC 4514's form."""
        issued = (authority or self._clients).issue_cert(
            f"{common_name}@acme.example",
            common_name=common_name,
            organization_name="Acme",
            organization_unit_name="People",
        )
        chain = "".join(pem.bytes().decode() for pem in issued.cert_chain_pems)
        subject = x509.load_pem_x509_certificate(chain.encode()).subject.rfc4514_string()
        return chain, issued.private_key_pem.bytes().decode(), subject

    def client_of_a_stranger(self, common_name):
        """The same subject, signed by an authority that the server does not know."""
        return self.client(common_name, trustme.CA())

    def _write(self, name, *blobs):
        path = self.folder / name
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return path
