#!/usr/bin/env python3
"""Writes vectors.json: sealed records as another implementation makes them, with Python's `cryptography`.

    pip install cryptography && python3 vectors.py > vectors.json
"""
import base64, datetime, hashlib, json
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PURPOSE = b"pan123-token sealed v1"
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def fingerprint(token):
    return hashlib.sha256(b"pan123-token fingerprint\0" + token.encode()).hexdigest()[:16]


def store_key(url, client_id):
    text = b"pan123-token store key\0" + url.encode() + b"\0" + client_id.encode()
    return hashlib.sha256(text).hexdigest()[:32]


def nanos(text):
    """Of RFC 3339 in UTC, with up to nine digits of a second."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    passed = datetime.datetime.fromisoformat(whole + "+00:00") - EPOCH
    seconds = passed.days * 86400 + passed.seconds
    return seconds * 10**9 + int(fraction.ljust(9, "0") or 0)


def vector(name, secret, nonce, token, client_id="my-id", **fields):
    fields = {"expiresAt": "2025-03-23T07:48:37Z", "issuedAt": "2025-02-21T07:48:37Z", "lifetimeMs": 2592000000,
              "sentAtMs": 1740124116750, "forced": 0, "suspect": False} | fields
    key = HKDF(SHA256(), 32, None, PURPOSE).derive(secret.encode())
    store = store_key("https://open-api.123pan.com", client_id)
    mark = fingerprint(token)
    lines = [PURPOSE.decode(), store, mark, nanos(fields["expiresAt"]), nanos(fields["issuedAt"]),
             fields["lifetimeMs"], fields["sentAtMs"]]
    aad = "\n".join(map(str, lines)).encode()
    sealed = nonce + ChaCha20Poly1305(key).encrypt(nonce, token.encode(), aad)
    text = base64.urlsafe_b64encode(sealed).decode().rstrip("=")
    stored = {"version": 1, "readableBy": 1, "accessToken": f"sealed:{mark}:v1.{text}", "fingerprint": mark} | fields
    return {"name": name, "secret": secret, "clientID": client_id, "token": token, "stored": json.dumps(stored)}


print(json.dumps([
    vector("a token", "my-client-secret", bytes(range(12)), "ISSUED-token-1"),
    vector("a token as long as a real one", "0123456789abcdef0123456789abcdef", b"\xff" * 12, "eyJ." + "aB3-_" * 100 + ".c2ln"),
    vector("a secret in Chinese, fractions of a second, another client", "密钥", bytes(12), "ISSUED-token-2",
           client_id="other", expiresAt="2025-03-23T07:48:37.123456789Z", issuedAt="1969-12-31T23:59:59.5Z",
           lifetimeMs=1, sentAtMs=0),
    vector("a suspect after forced renewals", "my-client-secret", b"\0\1" * 6, "ISSUED-token-3", forced=2, suspect=True,
           maybeIssued=3),
], indent=1, ensure_ascii=False))
