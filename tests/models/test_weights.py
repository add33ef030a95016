"""Files of weights: they execute nothing, and say what is wrong."""

import pytest
import torch

from depthlib.models.weights import WeightsError, load_weights, save_weights


def test_weights_never_execute_code_and_say_what_is_wrong(tmp_path):
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match="no such weights file"):
        load_weights(path)
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="not a readable safetensors file"):
        load_weights(path)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(WeightsError, match="no 'depthlib' metadata"):
        load_weights(path)
    from depthlib.models import create_model

    save_weights(create_model("unet", width=4), path, model_name="unet", options={"width": 8})
    with pytest.raises(WeightsError, match="do not fit the network"):
        load_weights(path)
