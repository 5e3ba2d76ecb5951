"""An OpenID Connect issuer in the test's own process: keys, tokens, a JWKS URL and an OAuth token endpoint."""

import base64
import datetime
import http.server
import json
import threading
import urllib.parse

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

AUDIENCE = "sluice"


class Issuer:
    """Signs tokens, and serves its keys and its token endpoint on a loopback port."""

    def __init__(self):
        self.keys = {
            "rsa": ("RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048)),
            "ec": ("ES256", ec.generate_private_key(ec.SECP256R1())),
        }
        self.stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.requests = []
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self.jwks_url = f"{self.url}/jwks.json"
        self.token_url = f"{self.url}/token"
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    def jwks(self):
        """The public keys, as a JSON Web Key Set."""
        public = []
        for kid, (algorithm, key) in self.keys.items():
            maker = jwt.algorithms.RSAAlgorithm if algorithm == "RS256" else jwt.algorithms.ECAlgorithm
            jwk = json.loads(maker.to_jwk(key.public_key()))
            public.append({**jwk, "kid": kid, "alg": algorithm, "use": "sig"})
        return json.dumps({"keys": public})

    def claims(self, subject, **changes):
        """A valid token's claims; a change to None takes a claim out."""
        now = datetime.datetime.now(datetime.timezone.utc)
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": subject,
            "iat": now,
            "nbf": now - datetime.timedelta(minutes=1),
            "exp": now + datetime.timedelta(minutes=10),
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, subject, kid="rsa", **changes):
        """A token for `subject`, signed by the key named."""
        algorithm, key = self.keys[kid]
        return jwt.encode(self.claims(subject, **changes), key, algorithm=algorithm, headers={"kid": kid})

    def forged(self, subject):
        """A token under a published key's name, signed by another key."""
        return jwt.encode(self.claims(subject), self.stranger, algorithm="RS256", headers={"kid": "rsa"})

    def unsigned(self, subject):
        """A token with the algorithm `none`."""
        return jwt.encode(self.claims(subject), None, algorithm="none", headers={"kid": "rsa"})

    def signed_with_the_public_key(self, subject):
        """The classic confusion: HS256, with what is published as the secret."""
        header = _segment({"alg": "HS256", "typ": "JWT", "kid": "rsa"})
        claims = {key: _seconds(value) for key, value in self.claims(subject).items()}
        signed = f"{header}.{_segment(claims)}"
        secret = self.jwks().encode()
        signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(signed.encode(), secret)
        return f"{signed}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"

    def _handler(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self._answer(200, issuer.jwks()) if self.path == "/jwks.json" else self._answer(404, "{}")

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                form = {name: values[0] for name, values in urllib.parse.parse_qs(body).items()}
                form.update(_basic(self.headers.get("authorization")))
                issuer.requests.append(form)
                self._answer(*issuer._grant(form))

            def _answer(self, status, text):
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        return Handler

    def _grant(self, form):
        kind = form.get("grant_type")
        if kind == "client_credentials" and form.get("client_secret") == f"secret of {form.get('client_id')}":
            subject = form["client_id"]
        elif kind == "urn:ietf:params:oauth:grant-type:token-exchange":
            subject = jwt.decode(form["subject_token"], options={"verify_signature": False})["sub"]
        else:
            return 401, json.dumps({"error": "invalid_client"})
        return 200, json.dumps({"access_token": self.token(subject), "token_type": "Bearer", "expires_in": 600})


def _segment(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _seconds(value):
    return int(value.timestamp()) if isinstance(value, datetime.datetime) else value


def _basic(header):
    if not header or not header.startswith("Basic "):
        return {}
    name, _, secret = base64.b64decode(header[6:]).decode().partition(":")
    return {"client_id": urllib.parse.unquote_plus(name), "client_secret": urllib.parse.unquote_plus(secret)}
