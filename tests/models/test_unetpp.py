"""U-Net++ against its formula."""

from __future__ import annotations

import pytest
import torch
from small_models import nested_by_formula, small


@pytest.mark.slow
def test_unetpp_is_its_formula_and_anu_without_attention_is_unetpp() -> None:
    plain = small("unetpp").eval()
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        depth = plain(image)
        assert torch.equal(depth, plain.head(nested_by_formula(plain, image, {})))
        bare = small("anu", awca=False, psnl=False).eval()
        bare.load_state_dict(plain.state_dict())  # strict: not one parameter more
        assert torch.equal(bare(image), depth)
        full = small("anu", awca=False).eval()
        full.load_state_dict(plain.state_dict(), strict=False)
        assert torch.equal(full(image), depth)  # PSNL starts as the identity
