"""Many protocols look at the same predictions: a finished network need not compute them twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def remembering(model: nn.Module) -> Iterator[None]:
    """Within, `model` answers with what it said before when it is asked the same: the same views, to the last bit.

    For a network whose weights do not change and whose `forward` maps tensors to one tensor. The answers are kept in the main
    memory until the end of the block.
    """
    compute, known = model.forward, {}

    def forward(*views: Tensor) -> Tensor:
        if model.training:
            return compute(*views)
        asked = hashlib.blake2b()
        for view in views:
            asked.update(f"{view.dtype} {tuple(view.shape)}".encode())
            asked.update(view.detach().cpu().contiguous().numpy())
        key = asked.digest()
        if key not in known:
            answer = compute(*views)
            known[key] = answer.cpu()
            return answer
        return known[key].to(views[0].device, copy=True)        # a copy: whoever changes it in place changes nobody's answer

    model.forward = forward
    try:
        yield
    finally:
        del model.forward                   # the class's own is in force again
