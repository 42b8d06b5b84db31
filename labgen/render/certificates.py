"""The lab's own certificate authority: made once per lab, it issues a certificate per node that asks."""

from __future__ import annotations

import datetime as dt
import ipaddress
from typing import TYPE_CHECKING, Final

from labgen.render.files import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

__all__ = ["issue_certificates"]

_CA_DAYS: Final = 3650
_DAYS: Final = 825  # the longest that browsers accept from a private authority
_RENEW: Final = dt.timedelta(days=30)
_ALWAYS: Final = ("localhost", "127.0.0.1")


def issue_certificates(folder: Path, nodes: Sequence[str], names: Sequence[str] = ()) -> list[str]:
    """Make sure that `folder` holds `ca.crt`, `ca.key`, and `<node>.crt`, `<node>.key` for each node.

    What is there, belongs to this CA and lasts for another month stays. `names` are further DNS names
    or addresses for every certificate. Return the names of what was made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    wanted = {node: sorted({node, *_ALWAYS, *names}) for node in nodes}
    authority = _load(folder, "ca")
    if authority and all(_usable(folder, node, authority[0], names) for node, names in wanted.items()):
        return []
    made = []
    if authority is None:
        authority = _issue(folder, "ca", [], None)
        made.append("ca")
    for node, alternatives in wanted.items():
        if not _usable(folder, node, authority[0], alternatives):
            _issue(folder, node, alternatives, authority)
            made.append(node)
    return made


def _load(folder: Path, name: str) -> tuple[x509.Certificate, EllipticCurvePrivateKey] | None:
    from cryptography import x509  # noqa: PLC0415 - 0.1 s that a lab which is up need not pay twice
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

    try:
        certificate = x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())
        key = load_pem_private_key((folder / f"{name}.key").read_bytes(), None)
    except (OSError, ValueError, TypeError):  # TypeError: a key that somebody encrypted
        return None
    if not isinstance(key, EllipticCurvePrivateKey) or certificate.public_key() != key.public_key():
        return None
    soon = dt.datetime.now(dt.UTC) + _RENEW
    return (certificate, key) if certificate.not_valid_after_utc > soon else None


def _usable(folder: Path, node: str, authority: x509.Certificate, names: Sequence[str]) -> bool:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

    loaded = _load(folder, node)
    if loaded is None:
        return False
    certificate = loaded[0]
    try:
        certificate.verify_directly_issued_by(authority)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return {str(one.value) for one in found} == set(names)


def _issue(
    folder: Path,
    name: str,
    alternatives: Sequence[str],
    authority: tuple[x509.Certificate, EllipticCurvePrivateKey] | None,
) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    is_authority = authority is None
    title = "labgen lab authority" if is_authority else name
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
    now = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)  # clocks differ a little
    signer = authority[1] if authority else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority[0].subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=_CA_DAYS if is_authority else _DAYS))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=is_authority,
                crl_sign=is_authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if not is_authority:
        uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(one) for one in alternatives]), critical=False
        )
    certificate = builder.sign(signer, hashes.SHA256())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_file(folder / f"{name}.key", private.decode(), 0o600)
    write_file(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM).decode(), 0o644)
    return certificate, key


def _general_name(text: str) -> x509.GeneralName:
    from cryptography import x509  # noqa: PLC0415

    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
