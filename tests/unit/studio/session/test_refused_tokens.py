"""Tokens that the API server refuses: only refusals over some time count."""

from epochal_studio.session.refused_tokens import SECONDS, RefusedTokens


def test_only_refusals_over_some_time_count() -> None:
    now = [0.0]
    tokens = RefusedTokens(clock=lambda: now[0], most=2)
    assert not tokens.refuse("ada")
    now[0] = SECONDS
    assert tokens.refuse("ada")
    assert tokens.is_refused("ada")
    tokens.accept("ada")
    assert not tokens.is_refused("ada")
    assert not tokens.refuse("ada")
    for other in ("bob", "eve"):
        assert not tokens.refuse(other)
    now[0] += SECONDS
    assert not tokens.refuse("ada"), "the oldest one is forgotten"
