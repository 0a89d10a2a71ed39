"""HTTP headers of web pages that run only scripts of their own origin, and never parse text as HTML."""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
"""Allows no content of other origins, no inline scripts or styles, and no text as HTML, since names in pages are
untrusted. Pictures are files of the server, pictures in answers (data:), or chosen files (blob:)."""
ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""Headers of every response: pages of other origins can neither embed it nor access its window."""
PAGE_HEADERS = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, **ISOLATION}
"""Headers of a page and its files."""


def policy_with_worker(trusted_types: str) -> str:
    """Return the Content-Security-Policy of a page that also starts workers from files of its own origin.

    Args:
        trusted_types: The only policy of Trusted Types that its scripts may create. The scripts themselves decide which
            addresses it accepts, because a header cannot.
    """
    policy = CONTENT_SECURITY_POLICY.replace("trusted-types 'none'", f"trusted-types {trusted_types}")
    return policy.replace("script-src 'self'; ", "script-src 'self'; worker-src 'self'; ")
