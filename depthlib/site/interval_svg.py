"""An effect with its interval as a small drawing, on one scale whatever the metric: the detectable difference."""

from __future__ import annotations

WIDTH, HEIGHT, REACH = 132, 18, 2.0  # the drawing ends at twice the detectable difference


def interval_svg(worth: tuple[float, float, float] | None) -> str:
    """An SVG; the numbers stand beside it as text, so it is hidden from screen readers. Empty without an effect.

    Args:
        worth: effect, low and high end, in units of the detectable difference; the claimed side is on the right.
    """
    if worth is None:
        return ""
    mean, low, high = worth
    middle = HEIGHT / 2
    parts = [
        f'<rect class="band" x="{_x(-1):.1f}" y="2" width="{_x(1) - _x(-1):.1f}" height="{HEIGHT - 4}"/>',
        f'<line class="zero" x1="{_x(0):.1f}" x2="{_x(0):.1f}" y1="0" y2="{HEIGHT}"/>',
        f'<line class="interval" x1="{_x(low):.1f}" x2="{_x(high):.1f}" y1="{middle:g}" y2="{middle:g}"/>',
    ]
    for end in (low, high):
        x = _x(end)
        if abs(end) <= REACH:
            parts.append(f'<line class="interval" x1="{x:.1f}" x2="{x:.1f}" y1="{middle - 3:g}" y2="{middle + 3:g}"/>')
        else:  # an arrow: it goes on beyond the drawing
            tail = x - 4 if end > 0 else x + 4
            parts.append(
                f'<path class="interval" d="M{tail:.1f} {middle - 3:g} L{x:.1f} {middle:g} L{tail:.1f} '
                f'{middle + 3:g}"/>'
            )
    if abs(mean) <= REACH:
        parts.append(f'<circle class="mean" cx="{_x(mean):.1f}" cy="{middle:g}" r="3.2"/>')
    return (
        f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" aria-hidden="true" '
        'focusable="false">'
        f"{''.join(parts)}</svg>"
    )


def _x(value: float) -> float:
    return WIDTH / 2 + (WIDTH / 2 - 4) * min(max(value / REACH, -1.0), 1.0)
