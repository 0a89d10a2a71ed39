"""The certificate of the progress endpoint: its checks and renewals."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from epochal_operator.web.certificates import (
    AUTHORITY_TTL,
    CERTIFICATE_TTL,
    PREPARED_BEFORE,
    RENEWED_BEFORE,
    Bundle,
    renew,
    renew_due,
    renewal_reason,
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


def test_a_new_bundle_is_valid_for_a_limited_time() -> None:
    authority = x509.load_pem_x509_certificate(BUNDLE.authority)
    assert renewal_reason(BUNDLE, NAMES, NOW) is None
    assert abs(authority.not_valid_after_utc - NOW - AUTHORITY_TTL) < timedelta(seconds=1)
    assert abs(certificate(BUNDLE).not_valid_after_utc - NOW - CERTIFICATE_TTL) < timedelta(seconds=1)
    names = certificate(BUNDLE).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == NAMES
    assert "epochal.epochal-system.svc" in NAMES


@pytest.mark.parametrize(
    ("bundle", "names", "now", "reason"),
    [
        (None, NAMES, NOW, "no TLS certificate yet"),
        (BUNDLE, NAMES, NOW + CERTIFICATE_TTL - RENEWED_BEFORE - DAY, None),
        (BUNDLE, NAMES, NOW + CERTIFICATE_TTL - RENEWED_BEFORE + DAY, "certificate expires at"),
        (BUNDLE, NAMES, NOW - DAY, "authority expires at"),
        (BUNDLE, NAMES, NOW + AUTHORITY_TTL - CERTIFICATE_TTL + DAY, "authority expires at"),
        (BUNDLE, [*NAMES, "other.svc"], NOW, r"lacks the names \['other.svc'\]"),
        (replace(BUNDLE, certificate=OTHER.certificate, key=OTHER.key), NAMES, NOW, "not signed by"),
        (replace(BUNDLE, key=OTHER.key), NAMES, NOW, "tls.key does not"),
        (replace(BUNDLE, authority_key=OTHER.authority_key), NAMES, NOW, "ca.key does not"),
        (
            replace(BUNDLE, authority=BUNDLE.certificate, authority_key=BUNDLE.key),
            NAMES,
            NOW,
            "cannot read the authority",
        ),
        (replace(BUNDLE, authority=b"no PEM"), NAMES, NOW, "cannot read the authority"),
        (replace(BUNDLE, certificate=b"no PEM"), NAMES, NOW, "cannot read the certificate"),
    ],
)
def test_the_renewal_reason_names_the_fault(
    bundle: Bundle | None, names: list[str], now: datetime, reason: str | None
) -> None:
    found = renewal_reason(bundle, names, now)
    assert (found is None) if reason is None else (found is not None and re.search(reason, found))


def test_a_broken_authority_is_replaced() -> None:
    assert renewal_reason(renew(replace(BUNDLE, authority=b"broken"), NAMES, NOW), NAMES, NOW) is None


def test_a_bundle_round_trips_through_a_secret() -> None:
    assert Bundle.from_secret(BUNDLE.to_secret()) == BUNDLE
    assert set(BUNDLE.to_secret()) == {"ca.crt", "ca.key", "tls.crt", "tls.key"}
    assert "PRIVATE" not in repr(BUNDLE)


@given(
    st.dictionaries(st.sampled_from(["ca.crt", "ca.key", "tls.crt", "tls.key", "more"]), st.text()),
    st.tuples(*[st.binary(min_size=1)] * 4),
)
def test_any_secret_data_is_read_or_refused(data: dict[str, str], parts: tuple[bytes, bytes, bytes, bytes]) -> None:
    assert renewal_reason(Bundle.from_secret(data), NAMES, NOW) is not None
    assert renewal_reason(Bundle(*parts), NAMES, NOW) is not None


PREPARED, _ = renew_due(BUNDLE, None, NAMES, "prepare", NOW)


def test_a_valid_bundle_is_not_renewed() -> None:
    for bundle in (BUNDLE, PREPARED):
        assert renew_due(bundle, None, NAMES, None, NOW) == (bundle, "")


@pytest.mark.parametrize("found", [BUNDLE, None])
def test_finish_without_prepare_creates_a_new_authority(found: Bundle | None) -> None:
    finished, why = renew_due(found, BUNDLE, NAMES, "finish", NOW)
    assert "at once" in why
    assert finished.trusted == finished.authority != BUNDLE.authority
    assert renewal_reason(finished, NAMES, NOW) is None


def test_an_expiring_authority_is_replaced_once_despite_a_request() -> None:
    prepared, _ = renew_due(BUNDLE, None, NAMES, None, NOW + AUTHORITY_TTL - PREPARED_BEFORE)
    finished, _ = renew_due(prepared, None, NAMES, "finish", NOW + AUTHORITY_TTL)
    assert finished.authority == prepared.next_authority


def test_a_renewed_certificate_keeps_the_next_authority() -> None:
    later = NOW + CERTIFICATE_TTL
    renewed, _ = renew_due(PREPARED, None, NAMES, "prepare", later)
    assert (renewed.next_authority, renewed.authority) == (PREPARED.next_authority, PREPARED.authority)
    assert renewed.certificate != PREPARED.certificate


@pytest.mark.parametrize("broken", [{"next-ca.crt": "bm8="}, {"next-ca.key": ""}, {"next-ca.crt": "no base64"}])
def test_an_invalid_next_authority_is_created_again_and_never_used(broken: dict[str, str]) -> None:
    found = Bundle.from_secret(PREPARED.to_secret() | broken)
    assert found is not None
    assert renew_due(found, None, NAMES, "finish", NOW)[0].authority not in {BUNDLE.authority, found.next_authority}
    made, _ = renew_due(found, None, NAMES, "prepare", NOW)
    assert renewal_reason(made.promoted(), [], NOW) != renewal_reason(found.promoted(), [], NOW)


def test_the_next_authority_is_added_before_the_authority_expires() -> None:
    end = NOW + AUTHORITY_TTL - CERTIFICATE_TTL
    assert renew_due(BUNDLE, None, NAMES, None, end - PREPARED_BEFORE - CERTIFICATE_TTL)[0].next_authority == b""
    prepared, _ = renew_due(BUNDLE, None, NAMES, None, end - PREPARED_BEFORE + DAY)
    assert prepared.next_authority
    followed, _ = renew_due(prepared, None, NAMES, None, end + DAY)
    assert followed.authority == prepared.next_authority


def test_an_emptied_secret_gets_both_authorities_back() -> None:
    assert renew_due(None, PREPARED, NAMES, "prepare", NOW)[0] == PREPARED
