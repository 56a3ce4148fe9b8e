"""Encrypts and decrypts a compact JWE with another implementation: library and direction as arguments, JSON on stdin."""
import json
import sys

library, direction = sys.argv[1:]
message = json.load(sys.stdin)
header = {"alg": message["alg"], "enc": "A256GCM"}

if library == "jwcrypto":
    from jwcrypto import jwe, jwk

    key = jwk.JWK(**message["key"])
    if direction == "encrypt":
        token = jwe.JWE(message["text"].encode(), json.dumps(header))
        token.add_recipient(key)
        answer = token.serialize(compact=True)
    else:
        token = jwe.JWE()
        token.deserialize(message["token"], key)
        answer = token.payload.decode()
else:
    from joserfc import jwe as rfc
    from joserfc.jwk import ECKey, RSAKey

    kind = ECKey if message["key"]["kty"] == "EC" else RSAKey
    key = kind.import_key(message["key"])
    allowed = list(header.values())
    if direction == "encrypt":
        answer = rfc.encrypt_compact(header, message["text"].encode(), key, algorithms=allowed)
    else:
        answer = rfc.decrypt_compact(message["token"], key, algorithms=allowed).plaintext.decode()

print(json.dumps(answer))
