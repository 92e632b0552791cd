"""Plots as small SVG files: bars and lines on logarithmic axes, with no library. Sizes are pixels."""

import html
import math

COLOURS = ("#1b6ca8", "#c0392b", "#2e8b57", "#8e6bbf", "#d68910", "#555555", "#16a085", "#a04000", "#7f8c8d")
STYLE = '<style>text{font:12px sans-serif;fill:#222}.t{font-weight:bold}.g{stroke:#ddd}.s{fill:#555}</style>'


def shown(value):
    """A number as a person reads it."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(digits, 4)}f}".rstrip("0").rstrip(".") if digits else f"{value:,.0f}"


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{html.escape(words)}</text>'


def sheet(width, height, parts):
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return "\n".join([head, STYLE, f'<rect width="{width}" height="{height}" fill="white"/>', *parts, "</svg>", ""])


def bars(panels):
    """`panels`: [(title, [(name, value or None)])], drawn one below the other; each has its own logarithmic scale that
    begins a little below its smallest value. The first name of each is drawn in a colour of its own."""
    parts, y, left, wide = [], 8, 190, 430
    for title, rows in panels:
        y += 16
        parts.append(text(8, y, title, "t"))
        values = [math.log10(value) for _, value in rows if value]
        low, high = (min(values) - 0.5, max(values)) if values else (0, 1)
        for number, (name, value) in enumerate(rows):
            y += 18
            parts.append(text(left - 8, y, name, "", "end"))
            length = wide * (math.log10(value) - low) / (high - low) if value else 0
            parts.append(f'<rect x="{left}" y="{y - 11}" width="{length:.1f}" height="13" '
                         f'fill="{COLOURS[0] if number == 0 else "#b8c4cc"}"/>')
            parts.append(text(left + length + 6, y, "not measured" if value is None else shown(value), "s"))
        y += 12
    return sheet(720, y + 8, parts)


def lines(title, across, up, series):
    """`series`: {name: [(x, y)]}, all above 0, on two logarithmic axes; `across` and `up` name them."""
    points = [(math.log10(x), math.log10(y)) for one in series.values() for x, y in one]
    (low_x, high_x), (low_y, high_y) = (
        (math.floor(min(axis)), max(math.ceil(max(axis)), math.floor(min(axis)) + 1)) for axis in zip(*points))
    left, top, wide, tall = 70, 34, 420, 300

    def place(x, y):
        return (left + wide * (x - low_x) / (high_x - low_x), top + tall * (1 - (y - low_y) / (high_y - low_y)))

    parts = [text(left, 20, title, "t"), text(left + wide, top + tall + 34, across, "", "end"),
             text(8, top - 4, up, "s")]
    for power in range(low_x, high_x + 1):
        x, _ = place(power, low_y)
        parts += [f'<line x1="{x:.0f}" y1="{top}" x2="{x:.0f}" y2="{top + tall}" class="g"/>',
                  text(x, top + tall + 16, shown(10 ** power), "s", "middle")]
    for power in range(low_y, high_y + 1):
        _, y = place(low_x, power)
        parts += [f'<line x1="{left}" y1="{y:.0f}" x2="{left + wide}" y2="{y:.0f}" class="g"/>',
                  text(left - 6, y + 4, shown(10 ** power), "s", "end")]
    for number, (name, one) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        spots = [place(math.log10(x), math.log10(y)) for x, y in one]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in spots]
        row = top + 14 + 18 * number
        parts += [f'<rect x="{left + wide + 14}" y="{row - 10}" width="12" height="12" fill="{colour}"/>',
                  text(left + wide + 32, row, name)]
    return sheet(760, top + tall + 48, parts)
