"""The curve of the first lesson."""

from types import SimpleNamespace

from depthlib.papers.start.figures import learning_figure, validated_steps


def run(values, seconds=30.0):
    curve = {"loss": [1.0] * len(values), "val_abs_rel": values}
    return SimpleNamespace(result={"curve": curve}, provenance={"seconds_training": seconds})


def test_curve_is_drawn_over_steps_and_over_the_seconds_of_the_run():
    steps, values = validated_steps(run([None, 0.4, None, 0.2]), "abs_rel")
    assert steps.tolist() == [2, 4] and values.tolist() == [0.4, 0.2]
    networks = {"a": [run([None, 0.4, None, 0.2]), run([None, 0.6, None, 0.2], seconds=10.0)]}
    left, right = learning_figure(networks, {"fixed map": 0.3}).axes
    for axis, expected in ((left, [2, 4]), (right, [10, 20])):  # five seconds a step in the mean
        line, floor = axis.lines
        assert line.get_xdata().tolist() == expected and line.get_ydata().tolist() == [0.5, 0.2]
        assert set(floor.get_ydata()) == {0.3}
