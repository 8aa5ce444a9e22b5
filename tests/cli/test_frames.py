"""How deep the code is: from the command to a step of the gradient."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import numerai_pipeline
from numerai_pipeline.api import Project
from numerai_pipeline.training.networks.steps import Steps

pytestmark = pytest.mark.slow

OWN = str(Path(numerai_pipeline.__file__).parent)


def test_from_the_command_to_the_gradient_step_few_frames_are_own(
    project: Project, nai: Callable[..., Any], monkeypatch: Any
) -> None:
    del project
    stacks = []
    made = Steps.__init__

    def watched(self: Steps, train: Any, evaluate: Any) -> None:
        def step(*batch: Any) -> Any:
            stacks.append([f.filename for f in traceback.extract_stack()[:-1]])
            return train(*batch)

        made(self, step, evaluate)

    monkeypatch.setattr(Steps, "__init__", watched)
    nai("train", "mlp", "--seed", "77")
    own = [name for name in stacks[0] if name.startswith(OWN)]
    assert len(own) <= 8
    assert len(set(own)) <= 5
