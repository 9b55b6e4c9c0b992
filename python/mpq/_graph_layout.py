"""Places the operations of a network on a page.

Networks are long and thin: hundreds of operations deep, a few wide. So the layers go from left to right like words
and break into lines like them; an edge that a line break cuts goes on at the same height of the next line's margin.
Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NODE_HEIGHT = 20
LANE_HEIGHT = 28
LAYER_GAP = 14
LINE_GAP = 22
MARGIN = 16


@dataclass
class Item:
    """A node of a layer, or a value that passes through it (node < 0)."""

    value: int  # the node whose result goes on from here
    node: int
    lane: int = 0
    sources: list["Item"] = field(default_factory=list)


@dataclass
class Layout:
    width: float
    height: float
    boxes: list[tuple[float, float, float, float]]  # x, y, width, height of each node
    edges: list[tuple[int, str]]  # the node they come from, SVG path


def find_layers(sources: list[list[int]]) -> list[int]:
    """The length of the longest path to each node. Nodes are in an order in which sources come first."""
    layers: list[int] = []
    for node, before in enumerate(sources):
        layers.append(1 + max((layers[s] for s in before if s < node), default=-1))
    return layers


def _fill_layers(sources: list[list[int]]) -> list[list[Item]]:
    layer_of = find_layers(sources)
    layers: list[list[Item]] = [[] for _ in range(max(layer_of, default=-1) + 1)]
    last_use = list(layer_of)
    for node, before in enumerate(sources):
        for source in before:
            if source < node:
                last_use[source] = max(last_use[source], layer_of[node])
    where: dict[tuple[int, int], Item] = {}
    for node, layer in enumerate(layer_of):
        item = Item(node, node)
        layers[layer].append(item)
        where[node, layer] = item
        # One lane for a value, however many read it later.
        for passed in range(layer + 1, last_use[node]):
            through = Item(node, -1, sources=[where[node, passed - 1]])
            layers[passed].append(through)
            where[node, passed] = through
    for node, before in enumerate(sources):
        item = where[node, layer_of[node]]
        item.sources = [where[s, layer_of[node] - 1] for s in dict.fromkeys(before) if s < node]
    return layers


def _assign_lanes(layers: list[list[Item]]) -> None:
    """Nodes go on straight from what they read; what passes by keeps its lane, or gives way."""
    for layer in layers:
        taken: set[int] = set()

        def place(item: Item, wanted: int) -> None:
            for distance in range(len(layer) + len(taken) + wanted + 2):
                for lane in (wanted + distance, wanted - distance):
                    if lane >= 0 and lane not in taken:
                        taken.add(lane)
                        item.lane = lane
                        return

        def wish(item: Item) -> int:
            return min((source.lane for source in item.sources), default=0)

        for item in sorted((i for i in layer if i.node >= 0), key=wish):
            place(item, wish(item))
        for item in sorted((i for i in layer if i.node < 0), key=wish):
            place(item, wish(item))


def _curve(x0: float, y0: float, x1: float, y1: float) -> str:
    if y0 == y1:
        return f"M{x0:g} {y0:g}H{x1:g}"
    middle = (x0 + x1) / 2
    return f"M{x0:g} {y0:g}C{middle:g} {y0:g} {middle:g} {y1:g} {x1:g} {y1:g}"


def lay_out(sources: list[list[int]], widths: list[float], page_width: float = 1160) -> Layout:
    """SOURCES[i] are the nodes that node i reads, WIDTHS[i] is how wide its box is."""
    layers = _fill_layers(sources)
    _assign_lanes(layers)
    lines: list[list[int]] = []
    x = page_width
    starts: list[float] = []
    layer_widths = [max((widths[i.node] for i in layer if i.node >= 0), default=0) for layer in layers]
    for index, width in enumerate(layer_widths):
        if x + width > page_width - MARGIN:
            lines.append([])
            x = MARGIN
        lines[-1].append(index)
        starts.append(x)
        x += width + LAYER_GAP

    boxes: list[tuple[float, float, float, float]] = [(0, 0, 0, 0)] * len(sources)
    edges: list[tuple[int, str]] = []
    y = MARGIN
    for number, line in enumerate(lines):
        lanes = 1 + max((item.lane for index in line for item in layers[index]), default=0)

        def middle(item: Item) -> float:
            return y + item.lane * LANE_HEIGHT + NODE_HEIGHT / 2

        for index in line:
            left, width = starts[index], layer_widths[index]
            for item in layers[index]:
                own = widths[item.node] if item.node >= 0 else width
                # Boxes stand in the middle of their layer.
                box_left = left + (width - own) / 2
                if item.node >= 0:
                    boxes[item.node] = (box_left, middle(item) - NODE_HEIGHT / 2, own, NODE_HEIGHT)
                else:
                    edges.append((item.value, _curve(left, middle(item), left + width, middle(item))))
                for source in item.sources:
                    if index == line[0]:
                        edges.append((source.value, _curve(0, middle(item), box_left, middle(item))))
                        continue
                    before = index - 1
                    end = starts[before] + layer_widths[before]
                    if source.node >= 0:
                        end -= (layer_widths[before] - widths[source.node]) / 2
                    edges.append((source.value, _curve(end, middle(source), box_left, middle(item))))
        if number + 1 < len(lines):
            # What the next line goes on with leaves through the margin.
            index = line[-1]
            leaving = {id(s): s for item in layers[index + 1] for s in item.sources}
            for source in leaving.values():
                end = starts[index] + layer_widths[index]
                if source.node >= 0:
                    end -= (layer_widths[index] - widths[source.node]) / 2
                edges.append((source.value, _curve(end, middle(source), page_width, middle(source))))
        y += lanes * LANE_HEIGHT + LINE_GAP
    return Layout(page_width, y - LINE_GAP + MARGIN, boxes, edges)
