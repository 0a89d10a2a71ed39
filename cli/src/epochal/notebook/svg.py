"""Draws curves and graphs as SVG for HTML. Texts are escaped, and lines differ in color and dashes."""

from collections.abc import Iterable, Sequence
from html import escape

from epochal.runs.figures import Line, Panel

WIDTH, HEIGHT = 360, 220
_LEFT, _TOP, _RIGHT, _BOTTOM = 52, 24, 10, 44
_COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")
_DASHES = ("none", "6 3", "2 3", "8 3 2 3")
_MAX_LABEL = 24


def draw(panels: Sequence[Panel]) -> str:
    """Return HTML that shows the panels side by side as SVG images."""
    return f"<div>{''.join(map(_panel, panels))}</div>"


def text(x: float, y: float, content: str, *, anchor: str = "middle", size: int = 11, limit: int = _MAX_LABEL) -> str:
    """Return an SVG text element at (x, y). The content is cut to `limit` characters."""
    shown = content if len(content) <= limit else f"{content[: limit - 1]}…"
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-family="sans-serif" fill="currentColor" '
        f'text-anchor="{anchor}">{escape(shown)}</text>'
    )


def svg(width: float, height: float, parts: Iterable[str], label: str) -> str:
    """Return an SVG image with these elements. `label` describes the image for screen readers."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" role="img" '
        f'aria-label="{escape(label)}">{"".join(parts)}</svg>'
    )


def _panel(panel: Panel) -> str:
    points = [point for line in panel.lines for point in line.points]
    low, high = min(point.value for point in points), max(point.value for point in points)
    first, last = min(point.epoch for point in points), max(point.epoch for point in points)

    def place(epoch: float, value: float) -> tuple[float, float]:
        x = _LEFT + (WIDTH - _LEFT - _RIGHT) * ((epoch - first) / (last - first) if last > first else 0.5)
        y = HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * ((value - low) / (high - low) if high > low else 0.5)
        return x, y

    bottom = HEIGHT - _BOTTOM
    parts = [
        text(WIDTH / 2, 15, panel.title, size=13, limit=48),
        f'<path d="M{_LEFT} {_TOP}V{bottom}H{WIDTH - _RIGHT}" fill="none" stroke="currentColor" stroke-opacity="0.4"/>',
        text(_LEFT - 5, place(first, high)[1] + 4, f"{high:.4g}", anchor="end"),
        text(_LEFT, bottom + 14, str(first)),
        text((_LEFT + WIDTH) / 2, bottom + 14, panel.axis),
    ]
    if high > low:
        parts.append(text(_LEFT - 5, bottom + 4, f"{low:.4g}", anchor="end"))
    if last > first:
        parts.append(text(WIDTH - _RIGHT, bottom + 14, str(last), anchor="end"))
    for index, line in enumerate(panel.lines):
        color, dash = _COLORS[index % len(_COLORS)], _DASHES[index % len(_DASHES)]
        places = [place(*point) for point in line.points]
        parts += _line(line, places, color, dash)
        if index < len(_COLORS):
            x, y = _LEFT + index * (WIDTH - _LEFT) / len(_COLORS), HEIGHT - 9
            parts += [
                f'<path d="M{x:.1f} {y - 4}h18" stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"/>',
                text(x + 22, y, line.label, anchor="start", size=10, limit=12),
            ]
    return svg(WIDTH, HEIGHT, parts, f"{panel.title} by {panel.axis}")


def _line(line: Line, places: Sequence[tuple[float, float]], color: str, dash: str) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    is_joined = line.joined and len(places) > 1
    joined = f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2" stroke-dasharray="{dash}"/>'
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{color}"/>' for x, y in places]
    return [joined] if is_joined else dots
