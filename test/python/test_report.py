"""The report: the record of the recognizer, its page in a browser, and records that mean harm."""

import copy
import html
import json
import math
import re
import sys

import numpy as np
import pytest
from mpq_testing import browser, tools
from mpq_testing.models import RECOGNIZER
from mpq_testing.paths import BUILD, ROOT

sys.path.insert(0, str(ROOT / "python" / "mpq"))
# As a module of its own: the package around it needs its compiled part.
import report  # noqa: E402

SAMPLES = 4
FOLDER = BUILD / "report"
PRODUCTS = ("conv", "depthwise", "matmul", "attention")


@pytest.fixture(scope="session")
def recognizer():
    """The record of the recognizer in int8, and the times of its kernels."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    artifact, record, times = (FOLDER / name for name in ("rec.so", "rec.json", "times.json"))
    feeds = [RECOGNIZER.calibration_feed(index) for index in range(SAMPLES)]
    for index, feed in enumerate(feeds):
        tools.save_feed(feed, FOLDER / "data", f"{index:04}")
    recipe = FOLDER / "recipe.json"
    recipe.write_text(json.dumps({"rules": [{"op": "depthwise", "precision": "f32"}, {"first": 9, "precision": "f32"},
                                            {"op": "attention", "precision": "f32"}]}))
    tools.run_tool("quant-compile", RECOGNIZER.path, *RECOGNIZER.shape_flags(), *tools.int8_flags(RECOGNIZER, 16),
                   "--recipe", recipe, "--quiet", "--report", record, "--report-data", FOLDER / "data", "-o", artifact)
    tools.run_tool("quant-run", artifact, "--input", f"x={FOLDER / 'data' / 'x' / '0000.npy'}", "--benchmark", 5,
                   "--profile-json", times)
    outputs = [tools.Built(artifact, "").load()(feed)[0] for feed in feeds]
    floats = [tools.compile_f32(RECOGNIZER).load()(feed)[0] for feed in feeds]
    return json.loads(record.read_text()), json.loads(times.read_text()), floats, outputs


@pytest.fixture(scope="session")
def page(recognizer):
    record, times, _, _ = recognizer
    path = FOLDER / "rec.html"
    report.write(record, path, profile=times)
    return path


# The record


def test_record_is_consistent(recognizer):
    record, times, _, _ = recognizer
    assert record["source"] == RECOGNIZER.path.name
    values = {value["id"]: value for value in record["values"]}
    assert len(values) == len(record["values"])
    seen = set(record["inputs"])
    for operation in record["operations"]:
        assert seen.issuperset(operation["operands"]), operation["id"]  # edges go forward
        seen.update(operation["results"])
        assert (operation["reason"] is not None) == (operation["precision"] == "f32"), operation
        assert (operation["macs"] is not None) == (operation["op"] in PRODUCTS), operation
        if operation["op"] in PRODUCTS and operation["precision"] == "int8":
            assert operation["weights"]["channels"] >= 1 and operation["reads_integers"]
    assert seen == set(values) and set(record["outputs"]) <= seen
    assert len(record["operations"]) > 200
    for key, precision in (("integer", "int8"), ("float", "f32")):
        macs = sum(op["macs"] for op in record["operations"] if op["macs"] and op["precision"] == precision)
        kernels = sum(kernel[f"{key}_macs"] for kernel in record["kernels"])
        assert macs == record["macs"][key] == kernels, key
    for value in record["values"]:
        if "quantization" in value:
            assert "range" in value and ("histogram" in value) != value["id"].endswith("#equalized"), value["id"]
            assert len(value.get("histogram", {"bins": []})["bins"]) <= 64, value["id"]
            q = value["quantization"]
            assert q["clip_min"] <= 0 <= q["clip_max"] and 0 <= q["zero_point"] <= 255
    assert [k["name"] for k in record["kernels"]] == [k["name"] for k in times["kernels"]]


def test_errors_are_those_of_the_artifact(recognizer):
    """The ratio at the output is that of the compiled models, which know nothing of observers."""
    record, _, floats, outputs = recognizer
    signal = sum(np.square(x, dtype=np.float64).sum() for x in floats)
    noise = sum(np.square(x.astype(np.float64) - y).sum() for x, y in zip(floats, outputs))
    errors = {value["id"]: value["error"] for value in record["values"] if "error" in value}
    assert record["samples"] == {"calibration": 16, "errors": SAMPLES}
    output = errors[record["outputs"][0]]
    assert math.isclose(output["signal"], signal, rel_tol=1e-4)
    assert abs(output["sqnr_db"] - 10 * math.log10(signal / noise)) < 0.5, (output, signal / noise)
    # Another shape is no other error.
    for operation in record["operations"]:
        if operation["op"] in ("reshape", "transpose") and operation["operands"][0] in errors:
            assert errors[operation["id"]] == errors[operation["operands"][0]]
    # The first layers are in float: no error. The later it is the larger.
    first = next(op["id"] for op in record["operations"] if op["op"] == "conv")
    assert errors[first]["noise"] == 0 and errors[first]["sqnr_db"] is None


# The page


def count_classes(record):
    operations = record["operations"]
    return {
        "int": sum(op["precision"] == "int8" for op in operations),
        "float": sum(op["precision"] == "f32" and op["macs"] is not None for op in operations),
        "mixed": sum(op["precision"] == "f32" and op["macs"] is None and (op["reads_integers"] or op["writes_integers"])
                     for op in operations),
        "plain": sum(op["precision"] == "f32" and op["macs"] is None
                     and not (op["reads_integers"] or op["writes_integers"]) for op in operations),
        "move": sum(op["precision"] is None for op in operations),
    }


def section_of(dom: str, name: str) -> browser.Elements:
    found = re.search(rf'<section id="{name}".*?</section>', dom, re.DOTALL)
    assert found, f"no section '{name}'"
    return browser.Elements(found.group())


def test_page_is_self_contained(page):
    text = page.read_text()
    assert page.stat().st_size < 5_000_000
    shell = re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)
    addresses = set(re.findall(r"https?://[^\"'\s)]+", shell)) - {"http://www.w3.org/2000/svg"}  # a name, not a place
    assert not addresses
    assert not re.search(r"@import|url\(|<link|<iframe|<img|\bsrc=|fetch\(|XMLHttpRequest", shell)
    assert "default-src 'none'" in text
    beside = json.loads(page.with_suffix(".json").read_text())
    assert beside["format"] == "mpq-report" and beside["profile"]["runs"] == 5


def test_page_shows_everything(page, recognizer):
    record, times, _, _ = recognizer
    dom, console = browser.dump(page)
    assert not console
    assert re.search(r'<html[^>]*data-drawn="yes"', dom)

    graph = section_of(dom, "graph")
    for name, expected in count_classes(record).items():
        assert expected > 0 and len(graph.find("g", name)) == expected, name
    assert len(graph.find("g", "input")) == len(record["inputs"])
    assert len(graph.find("path", "edge")) >= len(record["operations"])

    operations = section_of(dom, "operations")
    assert len(operations.find("tr")) == len(record["operations"]) + 1
    shown = sorted(cell[2] for cell in operations.find("td", "id"))
    assert shown == sorted(op["id"] for op in record["operations"])
    reasons = sorted(cell[2] for cell in operations.find("td", "reason") if cell[2])
    assert reasons == sorted(op["reason"] for op in record["operations"] if op["precision"] == "f32")

    ranges = section_of(dom, "ranges")
    quantized = [value for value in record["values"] if "quantization" in value]
    assert len(quantized) > 20 and len(ranges.find("figure", "card")) == len(quantized)
    observed = [value for value in quantized if "histogram" in value]
    assert len(ranges.find("line", "stroke-clip")) == 2 * len(observed) + 1  # and one in the legend
    bars = sum(sum(count > 0 for count in value["histogram"]["bins"]) for value in observed)
    assert len(ranges.find("rect", "fill-hist")) == bars + 1

    errors = section_of(dom, "errors")
    ids = {op["id"] for op in record["operations"] if op["precision"]}
    measured = [value["error"]["sqnr_db"] for value in record["values"]
                if value["id"] in ids and value.get("error", {}).get("sqnr_db") is not None]
    assert len(errors.find("circle", "dot")) == len(measured)
    listed = [float(e[2].split(" dB")[0]) for e in errors.find("span", "value")]
    assert listed == [round(db, 1) for db in sorted(measured)[:20]] or np.allclose(listed, sorted(measured)[:20], atol=0.051)

    kernels = section_of(dom, "kernels")
    assert len(kernels.find("tr")) == len(times["kernels"]) + 1
    assert len(kernels.find("line", "stroke-floor")) == len(times["kernels"]) + 1

    tiles = [e[2] for e in browser.Elements(dom).find("dt")][:5]
    assert tiles == ["Integer arithmetic", "Size", "Workspace", "Time", "SQNR at the output"]


@pytest.mark.parametrize("dark", [False, True])
def test_screenshot(page, dark):
    path = FOLDER / ("dark.png" if dark else "light.png")
    picture = np.asarray(browser.screenshot(page, path, dark=dark)).astype(int)
    assert picture.shape == (2400, 1280, 3)
    brightness = picture.mean(axis=2)
    background = np.median(brightness)
    assert background < 60 if dark else background > 220
    # Ink everywhere down the page, in all bands of 200 pixels, and not only there.
    drawn = np.abs(brightness - background) > 40
    assert (drawn.reshape(12, 200, 1280).mean(axis=(1, 2)) > 0.004).all()
    assert 0.02 < drawn.mean() < 0.5
    # Both precisions have their colour: greenish blue and orange.
    red, green, blue = picture.transpose(2, 0, 1)
    assert (((green - red) > 50) & (abs(green - blue) < 40)).sum() > 2000
    assert (((red - blue) > 80) & (red > green + 40)).sum() > 2000


# Records that mean harm, or none


HARM = "</script><script>document.title='owned'</script><img src=http://example.invalid/x onerror=\"document.title='owned'\"> --><!-- &amp; ' \u2028 é"


def small_record():
    value = {"type": "f32", "shape": [2, 3]}
    operation = {"node": None, "operation": "linalg.matmul", "macs": 6, "reads_integers": False,
                 "writes_integers": False, "precision": "f32", "reason": "precision f32 is the default", "op": "matmul"}
    return {"format": "mpq-report", "version": 1, "model": "m", "source": None, "precision": "f32",
            "bytes": {"weights": None, "code": None, "constants": None, "workspace": None},
            "macs": {"integer": None, "float": None}, "samples": {"calibration": None, "errors": None},
            "inputs": ["x"], "outputs": ["y"], "operations": [dict(operation, id="y", operands=["x"], results=["y"])],
            "values": [dict(value, id="x"), dict(value, id="y")], "kernels": []}


def test_names_are_text(tmp_path):
    record = small_record()
    text = json.dumps(record).replace('"y"', json.dumps(HARM)).replace('"x"', json.dumps(HARM + "x"))
    record = json.loads(text)
    record["model"] = record["source"] = HARM
    record["operations"][0].update(node=HARM, reason=HARM)
    record["kernels"] = [{"name": HARM}]
    path = tmp_path / "harm.html"
    report.write(record, path, accuracy=[{"name": HARM, "value": 1.0, "unit": HARM}])
    source = path.read_text()
    assert source.count("<script") == source.count("</script>") == 2 and "<img" not in source
    dom, console = browser.dump(path)
    assert not console
    elements = browser.Elements(dom)
    assert not elements.find("img") and len(elements.find("script")) == 2
    assert "<title>owned" not in dom
    assert [cell[2] for cell in section_of(dom, "operations").find("td", "id")] == [HARM]


def test_page_of_little(tmp_path):
    """A record of a compilation that ended early: sections say what is missing."""
    path = tmp_path / "early.html"
    report.write(small_record(), path)
    dom, console = browser.dump(path)
    assert not console
    for text in ("Not measured", "stopped before code was made", "No value is quantized"):
        assert text in html.unescape(dom)
    empty = dict(small_record(), operations=[], values=[], inputs=[], outputs=[])
    report.write(empty, path)
    dom, console = browser.dump(path)
    assert not console and 'data-drawn="yes"' in dom


def test_two_compilations(recognizer):
    """Quantized first and compiled later, timed by somebody else: the page is the same but for the peaks."""
    record, times, _, _ = recognizer
    early = dict(record, kernels=[], bytes=dict.fromkeys(record["bytes"]), macs={"integer": None, "float": None})
    milliseconds = [kernel["milliseconds"] for kernel in times["kernels"]]
    floors = [kernel["floor_milliseconds"] for kernel in times["kernels"]]
    again = report.kernel_times(record["kernels"], milliseconds, floors, times["threads"], times["runs"])
    merged = report.merge(early, profile=again, compiled=record)
    assert report.headlines(merged) == report.headlines(report.merge(record, profile=times))
    assert np.allclose([k["share_of_peak"] for k in again["kernels"]], [k["share_of_peak"] for k in times["kernels"]])


def test_wrong_documents(tmp_path, recognizer):
    record, times, _, _ = recognizer
    with pytest.raises(ValueError, match=r"expected a record of format 'mpq-report', version 1, but got \('mpq-report', 2\)"):
        report.write(dict(record, version=2), tmp_path / "r.html")
    with pytest.raises(ValueError, match="expected a record .* but got 'list'"):
        report.write([], tmp_path / "r.html")
    with pytest.raises(ValueError, match="expected a profile"):
        report.write(record, tmp_path / "r.html", profile=record)
    other = copy.deepcopy(times)
    other["kernels"][3]["name"] = "other"
    with pytest.raises(ValueError, match="another compilation: .* differ from number 3 on"):
        report.write(record, tmp_path / "r.html", profile=other)
    with pytest.raises(ValueError, match="expected a file name that ends with .html"):
        report.write(record, tmp_path / "r.json")
    with pytest.raises(ValueError, match="expected an accuracy"):
        report.write(record, tmp_path / "r.html", accuracy=[{"name": "lines"}])
    assert not list(tmp_path.iterdir())


def test_layout_has_no_overlaps(recognizer):
    graph = report.lay_out_graph(recognizer[0])
    boxes = graph["boxes"]
    for x, y, width, height in boxes:
        assert x >= 0 and y >= 0 and x + width <= graph["width"] and y + height <= graph["height"]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1:]:
            assert a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]
