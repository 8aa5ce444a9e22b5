"""The one account: its models, their stakes, its wallet."""

import re
import sqlite3
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from numerai_simulator.clock import format_time
from numerai_simulator.errors import Refusal, SetupError
from numerai_simulator.server.scoring import nmr
from numerai_simulator.server.state import State, stable_hash, stable_id

USERNAME = "simulated"
DEFAULT_MODELS = ("sim_mlp", "sim_lightgbm", "sim_ensemble")
ACCOUNT_ID = stable_id("account", USERNAME)
WALLET = stable_hash("wallet", USERNAME)[:42]

# Enough to stake and lose for years, and easy to check by head.
FIRST_DEPOSIT = Decimal(1_000)
FIRST_STAKE = Decimal(10)

# Numerai's names are made of these, and urls and tables stay readable.
_NAME = re.compile(r"[a-z0-9_]{1,20}")


class Account:
    """What belongs to the account, in the state's tables."""

    def __init__(self, state: State) -> None:
        self._state = state

    def open(self, models: Sequence[str], now: datetime) -> None:
        """Make the account and those of its models that do not exist yet.

        Raises:
            SetupError: if Numerai would not accept a model's name.
        """
        for name in models:
            if not _NAME.fullmatch(name):
                raise SetupError(
                    f"the simulated model cannot be called {name!r}. "
                    "Use 1 to 20 lower-case letters, digits and underscores."
                )
        with self._state.transaction():
            if not self._state.rows("SELECT 1 FROM transactions LIMIT 1"):
                self._move("deposit", None, FIRST_DEPOSIT, now)
            for name in models:
                if self._state.row("SELECT 1 FROM models WHERE name = ?", name):
                    continue
                model_id = stable_id("model", name)
                self._state.run(
                    "INSERT INTO models (id, name, inserted_at, stake) "
                    "VALUES (?, ?, ?, ?)",
                    model_id,
                    name,
                    format_time(now),
                    nmr(FIRST_STAKE),
                )
                self._move("stake", model_id, FIRST_STAKE, now)

    def inserted_at(self) -> str:
        """Return the moment of the first deposit, which opened the account."""
        return str(self.transactions()[-1]["time"])

    def models(self) -> list[sqlite3.Row]:
        """Return all models, by name."""
        return self._state.rows("SELECT * FROM models ORDER BY name")

    def find(self, name: str | None) -> sqlite3.Row | None:
        """Return the model of that name, None if the account has none."""
        return self._state.row("SELECT * FROM models WHERE name = ?", name)

    def model(self, model_id: str | None) -> sqlite3.Row:
        """Return a model by its id; without one, the account's only model.

        Raises:
            Refusal: if the model does not exist, or the id is missing and the account
                has several.
        """
        models = self.models()
        if model_id is None and len(models) > 1:
            raise Refusal(
                f"modelId is missing and the account has {len(models)} models: "
                f"{', '.join(row['name'] for row in models)}."
            )
        for row in models:
            if model_id is None or row["id"] == model_id:
                return row
        raise Refusal(f"the account has no model with the id {model_id}.")

    def balance(self) -> Decimal:
        """Return the NMR in the wallet, which is not staked."""
        signs = {"deposit": 1, "stake": -1, "release": 1}
        return sum(
            (
                signs.get(row["type"], 0) * Decimal(row["amount"])
                for row in self.transactions()
            ),
            Decimal(0),
        )

    def transactions(self) -> list[sqlite3.Row]:
        """Return every movement of NMR, latest first."""
        return self._state.rows("SELECT * FROM transactions ORDER BY number DESC")

    def change_stake(self, model_id: str | None, change: Decimal, now: datetime) -> str:
        """Move NMR between the wallet and a model's stake, at once.

        Args:
            model_id: the model.
            change: NMR; positive from the wallet to the stake.
            now: the moment.

        Returns:
            The model's id.

        Raises:
            Refusal: if there is not as much to move.
        """
        with self._state.transaction():
            model = self.model(model_id)
            stake, balance = Decimal(model["stake"]), self.balance()
            if change > balance or -change > stake:
                raise Refusal(
                    f"cannot move {abs(change)} NMR: the wallet holds "
                    f"{balance.normalize():f}, the stake {stake.normalize():f}."
                )
            self._set_stake(model["id"], stake + change)
            kind = "stake" if change > 0 else "release"
            self._move(kind, model["id"], abs(change), now)
            return str(model["id"])

    def pay(self, model_id: str, amount: Decimal, now: datetime) -> None:
        """Add a round's payout to a model's stake, or burn from it."""
        with self._state.transaction():
            stake = Decimal(self.model(model_id)["stake"])
            self._set_stake(model_id, max(stake + amount, Decimal(0)))
            self._move("payout" if amount >= 0 else "burn", model_id, abs(amount), now)

    def set_text(self, model_id: str | None, **texts: str | None) -> None:
        """Set the bio, link_text, link_url or webhook of a model."""
        model = self.model(model_id)
        for column, text in texts.items():
            self._state.run(
                f"UPDATE models SET {column} = ? WHERE id = ?",  # noqa: S608 - our names
                text,
                model["id"],
            )

    def _set_stake(self, model_id: str, stake: Decimal) -> None:
        self._state.run(
            "UPDATE models SET stake = ? WHERE id = ?", nmr(stake), model_id
        )

    def _move(
        self, kind: str, model_id: str | None, amount: Decimal, now: datetime
    ) -> None:
        self._state.run(
            "INSERT INTO transactions (time, type, model_id, amount) "
            "VALUES (?, ?, ?, ?)",
            format_time(now),
            kind,
            model_id,
            nmr(amount),
        )
