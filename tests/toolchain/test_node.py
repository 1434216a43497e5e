from __future__ import annotations

import datetime
import os
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flightwire.errors import ToolchainError
from flightwire.toolchain import node as module
from flightwire.toolchain.node import (
    MIN_NODE,
    find_node,
    find_or_install_node,
    node_environment,
    node_version,
    npm_cli,
    run_npm,
)


def fake_node(folder: Path, version: str, *, npm: bool = True, name: str = "node") -> Path:
    """A program that only knows its version, laid out as Node's own installer does."""
    program = folder / "bin" / name
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    if npm:
        cli = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        cli.parent.mkdir(parents=True)
        cli.touch()
    return program


def only_on_path(monkeypatch: pytest.MonkeyPatch, *programs: Path) -> None:
    folders = [str(program.parent) for program in programs]
    monkeypatch.setenv("PATH", os.pathsep.join([*folders, "/nowhere"]))


def test_a_system_node_that_is_new_enough_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_node(tmp_path, "v22.12.0")
    only_on_path(monkeypatch, program)
    assert find_node() == program


@pytest.mark.parametrize("version", ["v20.20.2", "v22.11.9", "v9.0.0", "nonsense", ""])
def test_an_old_node_is_passed_over(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_on_path(monkeypatch, fake_node(tmp_path, version))
    assert find_node() is None


def test_a_node_without_npm_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only_on_path(monkeypatch, fake_node(tmp_path, "v24.0.0", npm=False))
    assert find_node() is None


def test_a_node_that_fails_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_node(tmp_path, "v24.0.0")
    program.write_text("#!/bin/sh\nexit 127\n")
    only_on_path(monkeypatch, program)
    assert find_node() is None


def test_debians_name_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = fake_node(tmp_path, "v24.0.0", name="nodejs")
    only_on_path(monkeypatch, program)
    assert find_node() == program


def test_an_upgrade_in_place_is_noticed(tmp_path: Path) -> None:
    program = fake_node(tmp_path, "v20.0.0")
    assert node_version(program) == (20, 0)
    program.write_text("#!/bin/sh\necho v24.1.0\n")
    os.utime(program, (1, 1))
    assert node_version(program) == (24, 1)


def test_no_node_at_all_means_the_wheels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "PATH",
        os.pathsep.join([part for part in os.environ["PATH"].split(os.pathsep) if not _has_node(part)]),
    )
    found = find_or_install_node()
    assert node_version(found) >= MIN_NODE
    assert npm_cli(found).is_relative_to(found.parent.parent)


def test_a_wheel_that_does_not_run_here_is_a_letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLIGHTWIRE_CACHE", str(tmp_path))
    monkeypatch.setattr(module, "find_node", lambda: None)
    monkeypatch.setattr(module, "install_wheel_target", lambda *_, **__: None)
    with pytest.raises(ToolchainError, match=r"Install Node 22\.12 or newer"):
        find_or_install_node()


def test_npm_runs_under_its_own_node(tmp_path: Path) -> None:
    node = find_or_install_node()
    (tmp_path / "package.json").write_text('{"scripts": {"which": "node -p process.execPath > which.txt"}}')
    run_npm(node, ["run", "which"], tmp_path)
    assert Path((tmp_path / "which.txt").read_text().strip()).samefile(node)


def test_a_failure_of_npm_carries_what_it_said(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"scripts": {"bad": "echo the reason && exit 3"}}')
    with pytest.raises(ToolchainError, match=r"(?s)`npm run bad` failed.*the reason"):
        run_npm(find_or_install_node(), ["run", "bad"], tmp_path)


def test_a_node_without_npm_cannot_run_it(tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="has no npm beside it"):
        npm_cli(fake_node(tmp_path, "v24.0.0", npm=False))


def test_children_find_the_same_node_first(tmp_path: Path) -> None:
    path = node_environment(tmp_path / "bin" / "node")["PATH"]
    assert path.split(os.pathsep)[0] == str(tmp_path / "bin")


def test_node_trusts_what_the_system_trusts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "network.pem").write_text(self_signed_certificate())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "network.pem"))
    monkeypatch.delenv("NODE_EXTRA_CA_CERTS", raising=False)
    node = find_or_install_node()
    script = (
        "tls.getCACertificates('default').some(pem => new crypto.X509Certificate(pem).subject === 'CN=proxy')"
    )
    said = subprocess.run(
        [node, "-p", script], env=node_environment(node), capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "true"


def self_signed_certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "proxy")])
    begin = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(begin).not_valid_after(begin.replace(year=2090))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _has_node(folder: str) -> bool:
    return any((Path(folder) / name).exists() for name in ("node", "nodejs"))
