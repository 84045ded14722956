# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the real LocalStack with the judge in its chain, and with a certificate that clients can trust.

The environment chooses the model of S3 (see condition_keys.py) and, in CUSTOM_SSL_CERT_PATH, where the certificate
goes; the authority that signed it is beside it, in authority.pem. tests/harness/localstack.py starts it.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import sys
from importlib import import_module
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY = "authority.pem"


def make_certificate(target: Path) -> None:
    """Write a key and its certificate for this machine's own address, and the authority that signed it."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("sealed.s3 tests: authority", authority_key, authority_key, None)
    certificate = _certificate("sealed.s3 tests", key, authority_key, authority)
    (target.parent / AUTHORITY).write_bytes(authority.public_bytes(Encoding.PEM))
    target.touch(mode=0o600)
    target.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, signer: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None
) -> x509.Certificate:
    """A certificate: an authority's where it has no issuer. All extensions that strict clients ask for are there."""
    is_authority = issuer is None
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority,
                content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
                encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
    )  # fmt: skip
    if not is_authority:
        here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
        builder = builder.add_extension(x509.SubjectAlternativeName(here), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def answer_tls() -> None:
    """Let twisted leave HTTP/2 alone: it sets it on a context in use, which the locked pyOpenSSL refuses."""

    def leave(_factory: object, _connection: object) -> None:
        pass

    import_module("twisted.protocols.tls").TLSMemoryBIOFactory._applyProtocolNegotiation = leave


def main() -> None:
    # LocalStack reads its settings when it is imported.
    make_certificate(Path(os.environ["CUSTOM_SSL_CERT_PATH"]))
    answer_tls()
    sys.path.insert(0, str(Path(__file__).parent))
    judge = import_module("judge").Judge(import_module("condition_keys").Model.chosen())
    import_module("localstack.aws.handlers").serve_custom_service_request_handlers.append(judge)
    import_module("localstack.runtime.main").main()


if __name__ == "__main__":
    main()
