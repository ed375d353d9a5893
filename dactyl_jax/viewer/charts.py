"""Small SVG charts for the page's panel."""

import numpy as np

from dactyl_jax import hand
from dactyl_jax.envs.actions import MIDDLE_BIN

_ROW, _LEFT, _WIDTH = 11, 42, 200  # pixels


def action_bars(action: np.ndarray) -> str:
    """Draws a bar for each actuator from the middle bin to the chosen one.

    Args:
        action: bins `[20]` in 0..10, in the order of `hand.ACTUATORS`.

    Returns:
        SVG.
    """
    middle, unit = _LEFT + _WIDTH / 2, _WIDTH / (2 * MIDDLE_BIN)
    rows = []
    for i, (name, bin) in enumerate(zip(hand.ACTUATORS, action.tolist(), strict=True)):
        y, offset = i * _ROW, bin - MIDDLE_BIN
        x = middle + unit * min(offset, 0)
        rows.append(
            f'<text x="0" y="{y + 9}">{name.removeprefix("rh_A_")}</text>'
            f'<rect x="{x - 1:.0f}" y="{y + 2}" width="{unit * abs(offset) + 2:.0f}" '
            f'height="{_ROW - 3}" fill="#2563b0"/>'
        )
    height = _ROW * len(rows)
    return (
        f'<svg id="action" width="100%" viewBox="0 0 {_LEFT + _WIDTH + 2} {height}" '
        'font-size="9" fill="currentColor" style="padding:0 0.6em 0.4em">'
        f'<rect x="{_LEFT}" y="0" width="{_WIDTH}" height="{height}" fill="#8882"/>'
        + "".join(rows)
        + "</svg>"
    )
