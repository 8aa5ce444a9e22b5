from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from numerai_simulator.server.scoring import (
    STAKE_THRESHOLD,
    nmr,
    payout,
    payout_factor,
)

scores = st.floats(-1, 1, allow_nan=False)
amounts = st.decimals(0, 1_000_000, places=6)


def test_a_payout_worked_by_hand() -> None:
    # 20 NMR x 0.5 x (0.02 x 0.75 + 0.004 x 2.25) = 20 x 0.5 x 0.024
    paid = payout(
        Decimal(20),
        Decimal("0.5"),
        {"canon_corr": 0.02, "canon_mmc": 0.004, "canon_bmc": 0.9},
    )
    assert paid.total == Decimal("0.24")
    assert paid.parts["canon_corr"] == Decimal("0.15")
    assert paid.parts["canon_mmc"] == Decimal("0.09")
    assert paid.parts["canon_bmc"] == 0


def test_a_missing_score_counts_as_nothing() -> None:
    assert payout(Decimal(10), Decimal(1), {"canon_corr": None}).total == 0


@given(corr=scores, mmc=scores, at_risk=amounts, factor=st.decimals(0, 1, places=6))
def test_never_more_than_a_twentieth_is_won_or_lost(
    corr: float, mmc: float, at_risk: Decimal, factor: Decimal
) -> None:
    paid = payout(at_risk, factor, {"canon_corr": corr, "canon_mmc": mmc})
    assert abs(paid.total) <= at_risk / 20
    assert abs(sum(paid.parts.values()) - paid.total) < Decimal("1e-15")


@given(total=amounts)
def test_the_factor_pays_out_the_threshold_at_most(total: Decimal) -> None:
    factor = payout_factor(total)
    assert 0 < factor <= 1
    assert total * factor <= STAKE_THRESHOLD + Decimal("1e-9")


def test_amounts_have_eighteen_decimals() -> None:
    assert nmr(Decimal("0.5")) == "0.500000000000000000"
    assert nmr(Decimal(-3)) == "-3.000000000000000000"
