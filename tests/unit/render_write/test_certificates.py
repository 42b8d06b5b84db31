"""The lab's authority: its certificates verify as a browser would, and are made anew when they must."""

from __future__ import annotations

import datetime as dt
import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import verification
from cryptography.x509.oid import ExtendedKeyUsageOID

from labgen.render import certificates
from labgen.render.certificates import issue_certificates

NODES = ("frontend-1", "ui-1")


def certificate(folder: Path, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


def verify(folder: Path, name: str, subject: str) -> None:
    """Verify a server's certificate for `subject` against the lab's authority. Raises VerificationError."""
    store = verification.Store([certificate(folder, "ca")])
    try:
        wanted: verification.Subject = x509.IPAddress(ipaddress.ip_address(subject))
    except ValueError:
        wanted = x509.DNSName(subject)
    verifier = verification.PolicyBuilder().store(store).build_server_verifier(wanted)
    assert len(verifier.verify(certificate(folder, name), [])) == 2


def serials(folder: Path) -> dict[str, int]:
    return {path.stem: certificate(folder, path.stem).serial_number for path in folder.glob("*.crt")}


def changed(before: dict[str, int], after: dict[str, int]) -> set[str]:
    return {name for name in after if after[name] != before.get(name)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with an authority and two certificates."""
    tls = tmp_path / "tls"
    assert issue_certificates(tls, NODES, ["192.0.2.7", "lab.example"]) == ["ca", *NODES]
    return tls


def again(folder: Path) -> list[str]:
    return issue_certificates(folder, NODES, ["192.0.2.7", "lab.example"])


@pytest.mark.parametrize("subject", ["ui-1", "localhost", "127.0.0.1", "192.0.2.7", "lab.example"])
def test_a_client_that_trusts_the_ca_trusts_the_node(folder: Path, subject: str) -> None:
    verify(folder, "ui-1", subject)


@pytest.mark.parametrize("subject", ["frontend-1", "127.0.0.2", "example"])
def test_under_no_other_name(folder: Path, subject: str) -> None:
    with pytest.raises(verification.VerificationError):
        verify(folder, "ui-1", subject)


def test_a_certificate_may_not_make_others(folder: Path) -> None:
    node, ca = certificate(folder, "ui-1").extensions, certificate(folder, "ca").extensions
    assert node.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert node.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is False
    assert ca.get_extension_for_class(x509.BasicConstraints).critical is True
    assert ca.get_extension_for_class(x509.KeyUsage).value.key_cert_sign is True
    assert list(node.get_extension_for_class(x509.ExtendedKeyUsage).value) == [
        *(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
    ]


def test_two_labs_do_not_trust_each_other(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    issue_certificates(other, NODES)
    (other / "ui-1.crt").write_bytes((folder / "ui-1.crt").read_bytes())
    with pytest.raises(verification.VerificationError):
        verify(other, "ui-1", "ui-1")


def test_keys_are_for_their_owner_alone_and_belong_to_their_certificates(folder: Path) -> None:
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("ca", *NODES):
        path = folder / f"{name}.key"
        assert path.stat().st_mode & 0o777 == 0o600
        key = load_pem_private_key(path.read_bytes(), None)
        assert key.public_key() == certificate(folder, name).public_key()
    assert len({(folder / f"{name}.key").read_bytes() for name in ("ca", *NODES)}) == 3


def test_what_is_good_stays(folder: Path) -> None:
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in folder.iterdir()}
    assert again(folder) == []
    assert {path: (path.read_bytes(), path.stat().st_ino) for path in folder.iterdir()} == before


def test_a_new_node_gets_one_and_the_others_keep_theirs(folder: Path) -> None:
    before = serials(folder)
    assert issue_certificates(folder, (*NODES, "novnc-1"), ["192.0.2.7", "lab.example"]) == ["novnc-1"]
    assert changed(before, serials(folder)) == {"novnc-1"}
    verify(folder, "novnc-1", "novnc-1")


def test_a_certificate_that_expires_within_a_month(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = serials(folder)
    with monkeypatch.context() as later:
        later.setattr(certificates, "_RENEW", dt.timedelta(days=826))
        assert again(folder) == list(NODES)
    assert changed(before, serials(folder)) == set(NODES)
    verify(folder, "ui-1", "ui-1")


def test_an_authority_that_expires_takes_its_certificates_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = serials(folder)
    with monkeypatch.context() as later:
        later.setattr(certificates, "_RENEW", dt.timedelta(days=3651))
        assert again(folder) == ["ca", *NODES]
    assert changed(before, serials(folder)) == {"ca", *NODES}
    verify(folder, "ui-1", "ui-1")


def test_an_authority_from_elsewhere(folder: Path, tmp_path: Path) -> None:
    issue_certificates(tmp_path / "other", ())
    for name in ("ca.crt", "ca.key"):
        (folder / name).write_bytes((tmp_path / "other" / name).read_bytes())
    kept = serials(folder)["ca"]
    assert again(folder) == list(NODES)
    assert serials(folder)["ca"] == kept
    verify(folder, "ui-1", "ui-1")


def test_a_key_of_another_authority_is_none(folder: Path, tmp_path: Path) -> None:
    issue_certificates(tmp_path / "other", ())
    (folder / "ca.key").write_bytes((tmp_path / "other" / "ca.key").read_bytes())
    assert again(folder) == ["ca", *NODES]
    verify(folder, "ui-1", "ui-1")


@pytest.mark.parametrize("names", [[], ["192.0.2.7"], ["192.0.2.8", "lab.example"]])
def test_other_names(folder: Path, names: list[str]) -> None:
    assert issue_certificates(folder, NODES, names) == list(NODES)
    for name in ["ui-1", *names]:
        verify(folder, "ui-1", name)
    with pytest.raises(verification.VerificationError):
        verify(folder, "ui-1", "lab.example" if "lab.example" not in names else "192.0.2.7")


@pytest.mark.parametrize("spoil", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nx\n", None])
@pytest.mark.parametrize("file", ["ui-1.crt", "ui-1.key", "ca.crt", "ca.key"])
def test_a_file_that_is_spoilt_or_lost(folder: Path, file: str, spoil: str | None) -> None:
    if spoil is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(spoil)
    assert again(folder) == (["ui-1"] if file.startswith("ui") else ["ca", *NODES])
    verify(folder, "ui-1", "ui-1")


def test_no_nodes_still_have_an_authority(tmp_path: Path) -> None:
    assert issue_certificates(tmp_path, ()) == ["ca"]
    assert issue_certificates(tmp_path, ()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"ca.crt", "ca.key"}
