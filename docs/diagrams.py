"""Draws the diagrams of the documentation: `python docs/diagrams.py` writes docs/figures/*.svg.

An SVG follows the reader's light or dark theme by itself.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FIGURES = Path(__file__).parent / "figures"
_STYLE = """
svg { font: 15px system-ui, sans-serif }
rect { fill: #f3f6fa; stroke: #5b6b7f; rx: 7 }
rect.ours { fill: #e2effb; stroke: #1f6fb2 }
rect.term { fill: #fff3df; stroke: #b7791f }
text { fill: #1c2530; text-anchor: middle }
text.note { fill: #5b6b7f; font-size: 12px }
path { fill: none; stroke: #5b6b7f; stroke-width: 1.6; marker-end: url(#tip) }
path.dashed { stroke-dasharray: 5 4 }
marker path { fill: #5b6b7f; stroke: none; marker-end: none }
@media (prefers-color-scheme: dark) {
  rect { fill: #222b36; stroke: #93a4b8 }
  rect.ours { fill: #173450; stroke: #6cb4f0 }
  rect.term { fill: #43341a; stroke: #e0ac55 }
  text { fill: #e8edf3 }
  text.note { fill: #a9b7c6 }
  path { stroke: #93a4b8 }
  marker path { fill: #93a4b8 }
}
"""
_LINE = 19  # px between lines of text


class Box(NamedTuple):
    """A labelled box: centre and size in px, lines of text, and the class that colours it."""

    x: float
    y: float
    width: float
    height: float
    text: str
    kind: str = ""


class Arrow(NamedTuple):
    """An arrow along points, px, with a note at a place of its own."""

    points: tuple[tuple[float, float], ...]
    note: str = ""
    at: tuple[float, float] = (0, 0)
    kind: str = ""


def draw(title: str, width: int, height: int, parts: list[Box | Arrow]) -> str:
    """The diagram as an SVG document."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'role="img" aria-label="{title}">',
            f"<style>{_STYLE}</style>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            'markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z"/></marker></defs>',
            *(line for part in parts for line in _lines(part)),
            "</svg>\n",
        ]
    )


def _lines(part: Box | Arrow) -> Iterator[str]:
    if isinstance(part, Arrow):
        way = " L".join(f"{x:g} {y:g}" for x, y in part.points)
        yield f'<path class="{part.kind}" d="M{way}"/>'
        if part.note:
            yield from _text(*part.at, part.note, "note")
        return
    left, top = part.x - part.width / 2, part.y - part.height / 2
    yield (
        f'<rect class="{part.kind}" x="{left:g}" y="{top:g}" width="{part.width:g}" '
        f'height="{part.height:g}"/>'
    )
    yield from _text(part.x, part.y, part.text)


def _text(x: float, y: float, text: str, kind: str = "") -> Iterator[str]:
    rows = text.split("\n")
    for number, row in enumerate(rows):
        at = y + 5 + _LINE * (number - (len(rows) - 1) / 2)
        yield f'<text class="{kind}" x="{x:g}" y="{at:g}">{row}</text>'


PIPELINE: list[Box | Arrow] = [
    Box(110, 60, 180, 66, "hand and object\nMuJoCo models"),
    Box(110, 190, 180, 66, "randomisation\na term per table row", "term"),
    Box(370, 125, 190, 84, "environment\nthousands of hands\nin parallel", "ours"),
    Box(640, 125, 190, 84, "PPO\nLSTM policy,\nvalue function", "ours"),
    Box(890, 60, 170, 62, "evaluation\ntrials, surrogate"),
    Box(890, 190, 170, 62, "bundle\nONNX, contract"),
    Box(370, 320, 190, 66, "pictures of\nthree cameras"),
    Box(640, 320, 190, 66, "pose network", "ours"),
    Box(890, 320, 170, 66, "robot host\nguard, ROS, hand", "ours"),
    Arrow(((200, 60), (240, 60), (240, 105), (273, 105))),
    Arrow(((200, 190), (240, 190), (240, 145), (273, 145))),
    Arrow(((465, 105), (543, 105)), "observation", (504, 92)),
    Arrow(((545, 148), (467, 148)), "actions", (504, 166)),
    Arrow(((735, 105), (770, 105), (770, 60), (803, 60))),
    Arrow(((735, 145), (770, 145), (770, 190), (803, 190))),
    Arrow(((370, 167), (370, 285)), "states", (398, 228)),
    Arrow(((465, 320), (543, 320))),
    Arrow(((735, 320), (803, 320)), "pose", (768, 308)),
    Arrow(((890, 221), (890, 285))),
]

STEP: list[Box | Arrow] = [
    Box(95, 70, 150, 62, "policy\nbins, 20 x 11", "ours"),
    Box(290, 70, 140, 62, "action noise", "term"),
    Box(485, 70, 150, 62, "average\n0.3 kept per 80 ms"),
    Box(680, 70, 140, 62, "delay", "term"),
    Box(885, 70, 170, 62, "targets\nabout the angles now"),
    Box(885, 200, 170, 62, "backlash", "term"),
    Box(680, 200, 140, 62, "motors and\nphysics, 10 steps"),
    Box(680, 320, 160, 56, "pushes, time step", "term"),
    Box(485, 200, 150, 62, "true state"),
    Box(290, 200, 140, 62, "markers, noise,\nocclusion", "term"),
    Box(95, 200, 150, 62, "observation"),
    Box(290, 320, 190, 56, "all that is hidden"),
    Box(95, 320, 150, 56, "value function", "ours"),
    Arrow(((170, 70), (218, 70))),
    Arrow(((360, 70), (408, 70))),
    Arrow(((560, 70), (608, 70))),
    Arrow(((750, 70), (798, 70))),
    Arrow(((885, 101), (885, 167))),
    Arrow(((800, 200), (752, 200))),
    Arrow(((680, 292), (680, 233))),
    Arrow(((610, 200), (562, 200))),
    Arrow(((410, 200), (362, 200))),
    Arrow(((220, 200), (172, 200))),
    Arrow(((95, 169), (95, 103))),
    Arrow(((485, 231), (485, 372), (95, 372), (95, 350)), "", (0, 0), "dashed"),
    Arrow(((195, 320), (172, 320)), "", (0, 0), "dashed"),
]


def main() -> None:
    """Writes both diagrams."""
    pipeline = draw("From the hand's model to the robot", 1000, 380, PIPELINE)
    (FIGURES / "pipeline.svg").write_text(pipeline, encoding="utf-8")
    step = draw("One control step, 80 ms", 1000, 390, STEP)
    (FIGURES / "control_step.svg").write_text(step, encoding="utf-8")


if __name__ == "__main__":
    main()
