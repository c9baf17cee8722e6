"""What the report says of figures."""

from __future__ import annotations

from bench.reads import growth, pages, report
from bench.reads.aims import Measured, aims
from bench.reads.load import Load
from bench.reads.measure import Results, Run


def results(**runs: list[Run]) -> Results:
    return Results(runs, dict.fromkeys(runs, 0))


def run(per_second: int, cpu_us: float = 100.0, memory_mb: float = 50.0) -> Run:
    return Run(Load(per_second, 1.0, 1.0, 2.0), cpu_us, 50.0, memory_mb)


def line(text: str, start: str) -> str:
    (found,) = [each for each in text.splitlines() if each.startswith(f"| {start}")]
    return found


def test_marks_what_is_reached_and_what_is_not() -> None:
    measured = Measured(
        {
            "W1": results(
                limit=[run(100), run(200), run(100)],
                gateway=[run(90), run(160), run(90)],
                postgraphile=[run(50, 150), run(50, 150), run(50, 150)],
            )
        }
    )

    text = report.tables(measured)

    assert line(text, "W1: requests/s, gateway / limit") == (
        "| W1: requests/s, gateway / limit | ≥ 0.85 | 0.90 (0.80..0.90) | ✓ |"
    )
    assert line(text, "W1: requests/s, gateway / PostGraphile").endswith("1.80 (1.80..3.20) | ✓ |")
    assert line(text, "W1: CPU a request").endswith("| ≥ 1.7 | 1.50 (1.50..1.50) | ✗ |")
    assert line(text, "W2: requests/s, gateway / limit").endswith("| not measured |  |")


def test_marks_what_is_too_much() -> None:
    name = "documents by id"
    measured = Measured(
        {"W3-cold": results(limit=[run(9)], gateway=[run(3, 3_100.0, 121.0)])},
        {name: Results({pages.FIRST: [run(100)], pages.LATE: [run(50)]}, {})},
        {"W4": Results({growth.SMALL: [run(100)], growth.LARGE: [run(95)]}, {})},
    )

    text = report.tables(measured)

    assert line(text, f"{name}: time").endswith("| ≤ 1.2 | 2.00 (2.00..2.00) | ✗ |")
    assert line(text, "W4: time").endswith("| ≤ 1.2 | 1.05 (1.05..1.05) | ✓ |")
    assert line(text, "RSS").endswith("| ≤ 120 | 121 | ✗ |")
    assert line(text, "W3-cold: CPU").endswith("| ≤ 3 | 3.1 | ✗ |")


def test_tells_of_both_ways_in_which_postgraphile_writes() -> None:
    runs = {"postgraphile": [run(80, 150)], "postgraphile-own": [run(40, 200)]}
    measured = Measured({"W5": results(limit=[run(110)], gateway=[run(100)], **runs)})

    text = report.tables(measured)

    by_function = line(text, "W5: requests/s, gateway / PostGraphile |")
    by_its_own = line(text, "W5: requests/s, gateway / PostGraphile's own mutations")
    assert by_function.endswith("| ≥ 2 | 1.25 (1.25..1.25) | ✗ |")
    assert by_its_own.endswith("| ≥ 2 | 2.50 (2.50..2.50) | ✓ |")
    assert line(text, "W5: CPU a request, PostGraphile's").endswith("2.00 (2.00..2.00) | ✓ |")


def test_goes_without_postgraphile() -> None:
    measured = Measured({"W1": results(limit=[run(100)], gateway=[run(90)])})

    reached = {each.title: each.is_reached for each in aims(measured)}

    assert reached["W1: requests/s, gateway / limit"] is True
    assert reached["W1: requests/s, gateway / PostGraphile"] is None
