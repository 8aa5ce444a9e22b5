"""What weights are worth, on simulated members whose true scores are known.

Run ``python benchmarks/ensembles.py``; it takes half a minute. It prints the mean score
in later eras of the member that was best in the known eras, of each kind of weights,
and of the best weights there are. Then how far members without any skill are above
zero: with weights learned from the scored eras, and from earlier ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
import numpy.typing as npt

from numerai_pipeline.scoring import (
    MemberScores,
    Weighting,
    step_of,
    walk_forward,
    weights_of,
)

N_MARKETS = 2_000
KINDS: tuple[Weighting, ...] = get_args(Weighting)
NO_MMC = {"corr_factor": 1.0, "mmc_factor": 0.0}

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Markets of the same kind; each draws its members.

    Attributes:
        n_members: how many there are.
        n_eras: eras to learn weights from.
        horizon: eras that share returns with the next one.
        spread: standard deviation of the members' true scores.
        mean: of the true scores.
        n_copies: further members that are copies of the first one, such as seeds.
        correlation: of two members' predictions and of their errors.
        noise: standard deviation of a member's score of one era.
    """

    n_members: int
    n_eras: int
    horizon: int = 1
    spread: float = 0.002
    mean: float = 0.02
    n_copies: int = 0
    correlation: float = 0.6
    noise: float = 0.04

    def similarity(self) -> Values:
        """Return ``(k, k)`` correlations of the members' predictions."""
        alike = np.full((self.n_members, self.n_members), self.correlation)
        np.fill_diagonal(alike, 1)
        places = self.places()
        return alike[np.ix_(places, places)]

    def places(self) -> list[int]:
        """Return which member each of the k is; the copies come first."""
        return [0] * self.n_copies + [*range(self.n_members)]

    def draw(self, rng: np.random.Generator) -> tuple[Values, MemberScores]:
        """Return the true scores, ``(k,)``, and the scores of the eras."""
        true = rng.normal(self.mean, self.spread, self.n_members)
        common = rng.normal(size=(self.n_eras + self.horizon, 1))
        own = rng.normal(size=(self.n_eras + self.horizon, self.n_members))
        shares = np.sqrt([self.correlation, 1 - self.correlation])
        returns = shares[0] * common + shares[1] * own
        # Each score is the mean of returns that neighbouring eras share.
        total = np.vstack([np.zeros(self.n_members), returns]).cumsum(axis=0)
        overlapping = total[self.horizon :][: self.n_eras] - total[: self.n_eras]
        scores = true + self.noise * overlapping / np.sqrt(self.horizon)
        places, alike = self.places(), self.similarity()
        shape = (self.n_eras, *alike.shape)
        return true[places], MemberScores(
            eras=np.arange(1, self.n_eras + 1),
            corr=scores[:, places],
            mmc=np.full((self.n_eras, len(places)), np.nan),
            similarity=np.broadcast_to(alike, shape),
        )


def main() -> None:
    """Print both tables."""
    print(f"{N_MARKETS:,} markets each; score in later eras, ± 1.96 standard errors")
    for world in (
        World(5, 100),
        World(10, 300),
        World(5, 400, horizon=4),
        World(10, 600, horizon=4),
        World(5, 80, horizon=4),
        World(5, 80, horizon=4, spread=0.005),
        World(5, 400, horizon=4, spread=0.006),
        World(5, 400, horizon=4, n_copies=4),
    ):
        print(world)
        found = np.array([*learned(world, np.random.default_rng(1))])
        for name, values in zip(("best single", *KINDS, "best"), found.T, strict=True):
            print(f"  {name:12} {shown(values)}")
    print("no member has any skill: score above equal weights, which is 0 in the mean")
    world = World(5, 500, horizon=4, mean=0.0, spread=0.0)
    found = np.array([*without_skill(world, np.random.default_rng(2))])
    for kind, (same, earlier) in zip(KINDS, found.transpose(1, 2, 0), strict=True):
        print(f"  {kind:12} weights of the same eras: {shown(same)}")
        print(f"  {'':12} weights of earlier eras: {shown(earlier)}")


def learned(world: World, rng: np.random.Generator) -> Iterator[list[float]]:
    """Yield, for each market, the true score of what is chosen by its eras."""
    alike = world.similarity()

    def score(weights: Values) -> float:
        return float(weights @ true) / np.sqrt(weights @ alike @ weights)

    for _ in range(N_MARKETS):
        true, scores = world.draw(rng)
        single = np.eye(len(true))[scores.corr.mean(axis=0).argmax()]
        kinds = [
            weights_of(scores, kind, **NO_MMC, horizon=world.horizon) for kind in KINDS
        ]
        known = replace(scores, corr=np.broadcast_to(true, scores.corr.shape))
        best = weights_of(known, "fitted", **NO_MMC, horizon=world.horizon)
        yield [score(weights) for weights in (single, *kinds, best)]


def without_skill(world: World, rng: np.random.Generator) -> Iterator[Values]:
    """Yield, for each market, what the kinds of weights score above equal ones.

    Yields:
        ``(kinds, 2)``: with weights learned from the same eras, and from earlier ones.
    """
    starts = [*range(1, world.n_eras, 50)]
    purge = 2 * world.horizon
    alike = world.similarity()
    for _ in range(N_MARKETS):
        _, scores = world.draw(rng)
        found = []
        for kind in KINDS:
            same = weights_of(scores, kind, **NO_MMC, horizon=world.horizon)
            steps = walk_forward(
                scores, kind, starts, purge=purge, **NO_MMC, horizon=world.horizon
            )
            earlier = np.array([step_of(steps, era).weights for era in scores.eras])
            found.append([earned(scores, same, alike), earned(scores, earlier, alike)])
        yield np.array(found) - found[0]


def earned(scores: MemberScores, weights: Values, alike: Values) -> float:
    """Return the mean score of a blend; ``weights`` are ``(k,)`` or ``(n, k)``."""
    weights = np.broadcast_to(weights, scores.corr.shape)
    widths = np.sqrt(np.einsum("ni,ij,nj->n", weights, alike, weights))
    return float(((weights * scores.corr).sum(axis=1) / widths).mean())


def shown(values: Values) -> str:
    """Return a mean and its uncertainty."""
    margin = 1.96 * values.std() / np.sqrt(len(values))
    return f"{values.mean():.5f} ± {margin:.5f}"


if __name__ == "__main__":
    main()
