"""Where an archive is: addresses and lists that make no sense, and passwords that would be given away."""

from __future__ import annotations

import pytest

from matae.errors import PacsError
from matae.pacs import find_archive
from matae.pacs.address import config_file


@pytest.fixture
def listed(tmp_path):
    def write(text, mode=0o600):
        path = tmp_path / "pacs.toml"
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://host/x", "'ftp' is no way"),
        ("dimse://host:104", "ae_title must have 1 to 16 letters"),
        ("dimse://TITLE@host", "needs a host and a port"),
        ("dimse://TITLE@host:99999", "makes no sense"),
        ("dimse://A-TITLE-THAT-IS-TOO-LONG@host:104", "1 to 16 letters"),
        ("https://", "must read https://HOST"),
        ("http://[bad/dicom-web", "makes no sense"),
        ("https://user:secret@host/dicom-web", "leave user and password out of it"),
        ("dimse://TITLE:secret@host:104", "leave user and password out of it"),
    ],
)
def test_an_address_that_makes_no_sense_is_refused(address, words) -> None:
    with pytest.raises(PacsError, match=words) as said:
        find_archive(address)
    assert "secret" not in str(said.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "lists no archive called 'clinic' \\(there is none\\)"),
        ("[archives.other]\nurl='https://h/x'", "there is other"),
        ("archives = 3", "no tables"),
        ("[archives]\nclinic = 3", "is no table"),
        ("[archives.clinic", "cannot be read as TOML"),
        ("[archives.clinic]\nurl='ftp://h'", "must read https"),
        ("[archives.clinic]\nurl='http://[h'", "must read https"),
        ("[archives.clinic]\nhost='h'\nport='many'", "no number"),
        ("[archives.clinic]\nhost='h'\nport=104\nae_title='A'\ncolour='red'", "'colour', which means nothing"),
        ("[archives.clinic]\nurl='http://far.example/x'\npassword='p'", "in the clear"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(listed, text, words) -> None:
    with pytest.raises(PacsError, match=words):
        find_archive("clinic", listed(text))


def test_a_password_that_others_can_read_is_refused(listed) -> None:
    text = "[archives.clinic]\nurl='https://h/x'\nuser='u'\npassword='p'"
    with pytest.raises(PacsError, match=r"Others can read the password.*chmod 600"):
        find_archive("clinic", listed(text, 0o644))
    assert find_archive("clinic", listed(text)).password == "p"


def test_a_password_comes_from_the_environment_and_is_never_shown(listed, monkeypatch) -> None:
    monkeypatch.setenv("CLINIC", "very-secret")
    monkeypatch.setenv("TOKEN", "very-secret-too")
    path = listed(
        "[archives.clinic]\nurl='https://h/x/'\nuser='u'\npassword_env='CLINIC'\ntoken_env='TOKEN'\ntimeout=5", 0o644
    )
    found = find_archive("clinic", path)
    assert (found.url, found.user, found.password, found.token, found.timeout) == (
        "https://h/x", "u", "very-secret", "very-secret-too", 5,
    )  # fmt: skip
    assert "very-secret" not in repr(found)
    monkeypatch.setenv("MATAE_PACS_USER", "u")
    monkeypatch.setenv("MATAE_PACS_PASSWORD", "very-secret")
    assert find_archive("https://h/x").password == "very-secret"
    with pytest.raises(PacsError, match="in the clear"):
        find_archive("http://far.example/x")
    assert find_archive("http://127.0.0.1:8042/dicom-web").user == "u"


def test_a_closed_network_may_be_said_to_be_one(listed) -> None:
    text = "[archives.clinic]\nurl='http://far.example/x'\npassword='p'\nallow_http=true"
    assert find_archive("clinic", listed(text)).url == "http://far.example/x"


def test_dimse_by_address_and_by_name(listed) -> None:
    found = find_archive("dimse://ARCHIVE@host:104")
    assert (found.kind, found.ae_title, found.host, found.port, found.calling_ae_title) == (
        "dimse", "ARCHIVE", "host", 104, "MATAE",
    )  # fmt: skip
    text = "[archives.pacs]\nhost='h'\nport=104\nae_title='A'\ncalling_ae_title='ME'\ntls=true\nca_file='ca.pem'"
    named = find_archive("pacs", listed(text))
    assert (named.name, named.calling_ae_title, named.tls, named.ca_file) == ("pacs", "ME", True, "ca.pem")


def test_the_list_lies_beside_the_models(matae_home) -> None:
    assert config_file() == matae_home / "pacs.toml"
