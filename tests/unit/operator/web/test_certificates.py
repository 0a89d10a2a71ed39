"""The progress endpoint's certificate: what is sound, what is renewed and when."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from epochal_operator.web.certificates import (
    AUTHORITY_LIFE,
    CERTIFICATE_LIFE,
    PREPARED_BEFORE,
    RENEWED_BEFORE,
    Bundle,
    due,
    fault,
    renew,
    service_names,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = service_names("epochal.epochal-system.svc")
NOW = datetime.now(UTC)
BUNDLE = renew(None, NAMES, NOW)
OTHER = renew(None, NAMES, NOW)
DAY = timedelta(days=1)


def certificate(bundle: Bundle) -> x509.Certificate:
    return x509.load_pem_x509_certificate(bundle.certificate)


def test_a_new_bundle_is_whole_and_bounded_in_time() -> None:
    authority = x509.load_pem_x509_certificate(BUNDLE.authority)
    assert fault(BUNDLE, NAMES, NOW) is None
    assert abs(authority.not_valid_after_utc - NOW - AUTHORITY_LIFE) < timedelta(seconds=1)
    assert abs(certificate(BUNDLE).not_valid_after_utc - NOW - CERTIFICATE_LIFE) < timedelta(seconds=1)
    names = certificate(BUNDLE).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [
        "epochal",
        "epochal.epochal-system",
        "epochal.epochal-system.svc",
        "epochal.epochal-system.svc.cluster.local",
    ]


@pytest.mark.parametrize(
    ("bundle", "names", "now", "reason"),
    [
        (None, NAMES, NOW, "no certificate yet"),
        (BUNDLE, NAMES, NOW + CERTIFICATE_LIFE - RENEWED_BEFORE - DAY, None),
        (BUNDLE, NAMES, NOW + CERTIFICATE_LIFE - RENEWED_BEFORE + DAY, "certificate ends at"),
        (BUNDLE, NAMES, NOW - DAY, "authority ends at"),
        (BUNDLE, NAMES, NOW + AUTHORITY_LIFE - CERTIFICATE_LIFE + DAY, "authority ends at"),
        (BUNDLE, [*NAMES, "other.svc"], NOW, r"lacks the names \['other.svc'\]"),
        (Bundle(BUNDLE.authority, BUNDLE.authority_key, OTHER.certificate, OTHER.key), NAMES, NOW, "not signed by"),
        (Bundle(BUNDLE.authority, BUNDLE.authority_key, BUNDLE.certificate, OTHER.key), NAMES, NOW, "tls.key does not"),
        (Bundle(BUNDLE.authority, OTHER.authority_key, BUNDLE.certificate, BUNDLE.key), NAMES, NOW, "ca.key does not"),
        (
            Bundle(BUNDLE.certificate, BUNDLE.key, BUNDLE.certificate, BUNDLE.key),
            NAMES,
            NOW,
            "authority cannot be read",
        ),
        (Bundle(b"no PEM", BUNDLE.authority_key, BUNDLE.certificate, BUNDLE.key), NAMES, NOW, "authority cannot be"),
        (Bundle(BUNDLE.authority, BUNDLE.authority_key, b"no PEM", BUNDLE.key), NAMES, NOW, "certificate cannot be"),
    ],
)
def test_what_is_wrong_is_named(bundle: Bundle | None, names: list[str], now: datetime, reason: str | None) -> None:
    found = fault(bundle, names, now)
    assert (found is None) if reason is None else (found is not None and re.search(reason, found))


def test_a_broken_authority_is_replaced() -> None:
    broken = Bundle(b"broken", BUNDLE.authority_key, BUNDLE.certificate, BUNDLE.key)
    renewed = renew(broken, NAMES, NOW)
    assert fault(renewed, NAMES, NOW) is None


def test_a_secret_holds_the_bundle() -> None:
    assert Bundle.from_secret(BUNDLE.to_secret()) == BUNDLE
    assert set(BUNDLE.to_secret()) == {"ca.crt", "ca.key", "tls.crt", "tls.key"}
    assert "PRIVATE" not in repr(BUNDLE)


@given(
    st.dictionaries(st.sampled_from(["ca.crt", "ca.key", "tls.crt", "tls.key", "more"]), st.text()),
    st.tuples(*[st.binary(min_size=1)] * 4),
)
def test_any_data_is_read_or_refused(data: dict[str, str], parts: tuple[bytes, bytes, bytes, bytes]) -> None:
    assert fault(Bundle.from_secret(data), NAMES, NOW) is not None
    assert fault(Bundle(*parts), NAMES, NOW) is not None


PREPARED, _ = due(BUNDLE, None, NAMES, "prepare", NOW)


def test_nothing_is_due_where_nothing_is_asked_for() -> None:
    for bundle in (BUNDLE, PREPARED):
        assert due(bundle, None, NAMES, None, NOW) == (bundle, "")


@pytest.mark.parametrize("found", [BUNDLE, None])
def test_an_exchange_that_was_not_prepared_is_finished_at_once_by_a_new_authority(found: Bundle | None) -> None:
    finished, why = due(found, BUNDLE, NAMES, "finish", NOW)
    assert "at once" in why
    assert finished.trusted == finished.authority != BUNDLE.authority
    assert fault(finished, NAMES, NOW) is None


def test_an_authority_that_ends_is_exchanged_once_if_that_is_asked_for_too() -> None:
    prepared, _ = due(BUNDLE, None, NAMES, None, NOW + AUTHORITY_LIFE - PREPARED_BEFORE)
    finished, _ = due(prepared, None, NAMES, "finish", NOW + AUTHORITY_LIFE)
    assert finished.authority == prepared.next_authority


def test_a_certificate_that_is_renewed_meanwhile_stops_no_exchange() -> None:
    later = NOW + CERTIFICATE_LIFE
    renewed, _ = due(PREPARED, None, NAMES, "prepare", later)
    assert (renewed.next_authority, renewed.authority) == (PREPARED.next_authority, PREPARED.authority)
    assert renewed.certificate != PREPARED.certificate


@pytest.mark.parametrize("broken", [{"next-ca.crt": "bm8="}, {"next-ca.key": ""}, {"next-ca.crt": "no base64"}])
def test_a_next_authority_that_is_none_is_made_anew_and_never_used(broken: dict[str, str]) -> None:
    found = Bundle.from_secret(PREPARED.to_secret() | broken)
    assert found is not None
    assert due(found, None, NAMES, "finish", NOW)[0].authority not in {BUNDLE.authority, found.next_authority}
    made, _ = due(found, None, NAMES, "prepare", NOW)
    assert fault(made.promoted(), [], NOW) != fault(found.promoted(), [], NOW)


def test_before_an_authority_ends_the_next_one_is_known() -> None:
    end = NOW + AUTHORITY_LIFE - CERTIFICATE_LIFE
    assert due(BUNDLE, None, NAMES, None, end - PREPARED_BEFORE - CERTIFICATE_LIFE)[0].next_authority == b""
    prepared, _ = due(BUNDLE, None, NAMES, None, end - PREPARED_BEFORE + DAY)
    assert prepared.next_authority
    followed, _ = due(prepared, None, NAMES, None, end + DAY)
    assert followed.authority == prepared.next_authority


def test_a_secret_that_lost_its_data_gets_both_authorities_back() -> None:
    assert due(None, PREPARED, NAMES, "prepare", NOW)[0] == PREPARED
