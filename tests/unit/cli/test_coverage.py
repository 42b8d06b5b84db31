"""`labgen connections --coverage`: stable keys for programs, the gaps at the end for people."""

from __future__ import annotations

from tests.unit.cli.program import Program

ROW_KEYS = {
    *("id", "from", "to", "protocol", "port", "purpose", "provenance", "reference", "note", "variant"),
    *("realised", "links", "published", "proven", "spoken", "closed", "reasons"),
}
SUMMARY_KEYS = {"rows", "realised", "unrealised", "links", "proven", "unproven"}
#: Every role of the platform's own site but MySQL.
OTHERS = [
    *("frontend", "ui", "api", "m", "novnc", "guacamole", "redis", "rabbitmq", "zookeeper", "client"),
]
SPEAKS = "tests/integration/test_connections.py::test_documented_connection_is_spoken"
GAPS = "realised by nothing here, or proven by nothing:"


def test_keys(labgen: Program) -> None:
    ran = labgen("connections", "--coverage", "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    assert set(ran.json) == {"rows", "summary"}
    assert {frozenset(row) for row in ran.json["rows"]} == {frozenset(ROW_KEYS)}
    assert {frozenset(why) for row in ran.json["rows"] for why in row["reasons"]} == {
        frozenset({"kind", "text", "set"})
    }
    assert set(ran.json["summary"]) == SUMMARY_KEYS
    by_id = {row["id"]: row for row in ran.json["rows"]}
    assert by_id["22"]["links"] == ["dc1-rs-rs-redis"]
    assert by_id["22"]["spoken"] == [
        f"{SPEAKS}[22: dc1-rs-1 -> dc1-redis-1]",
    ]
    assert by_id["6-http"]["reasons"] == [
        {"kind": "variant", "text": "am-proxy is ajp here", "set": ["variants.am-proxy=http"]}
    ]


def test_every_row_is_there_once_and_the_gaps_come_last(labgen: Program) -> None:
    ran = labgen("connections", "--coverage")
    assert (ran.code, ran.err) == (0, "")
    rows = labgen("connections", "--coverage", "--format", "json").json["rows"]
    whole, gaps = ran.out.split(f"\n{GAPS}\n")
    gaps, tests = gaps.split("\ntests:\n")
    assert {line.split()[0] for line in whole.splitlines()[1:]} == {
        row["id"] for row in rows if row["links"] and row["spoken"]
    }
    listed = [line.split()[0] for line in gaps.strip().splitlines()[1:]]
    assert listed == [row["id"] for row in rows if not (row["links"] and row["spoken"])]
    numbers = {line.split()[0] for line in tests.split("\n\n")[0].splitlines()}
    assert numbers == {str(number) for number in range(1, len(numbers) + 1)}
    assert tests.splitlines()[0].endswith("::test_documented_connection_is_spoken[ROW: FROM -> TO]")


def line_of(text: str, row: str) -> list[str]:
    rows = text.partition("\ntests:")[0].splitlines()
    (found,) = [line for line in rows if line.split()[:1] == [row]]
    return found.split()


def test_lines(labgen: Program) -> None:
    text = labgen("connections", "--coverage").out
    assert line_of(text, "2")[4:8] == ["443/tcp", "client-frontend,", "published", "https"]
    assert text.splitlines()[-1].startswith(
        "107 documented connections: 49 realised here by 37 links, 58 by "
    )
    (http,) = [line for line in text.splitlines() if line.startswith("6-http ")]
    assert http.endswith("  am-proxy is ajp here: --set variants.am-proxy=http")
    other = labgen("connections", "--coverage", "--set", "variants.am-proxy=http").out
    assert line_of(other, "6-http")[5] == "dc1-ui-rs"
    (gone,) = [line for line in other.splitlines() if line.startswith("6 ")]
    assert gone.endswith("  am-proxy is http here: --set variants.am-proxy=ajp")


def test_many_links_are_a_number(labgen: Program) -> None:
    few = labgen("connections", "--coverage", "--set", "datacenters=3").out
    assert line_of(few, "22")[5:8] == ["dc1-rs-rs-redis,", "dc2-rs-rs-redis,", "dc3-rs-rs-redis"]
    many = labgen("connections", "--coverage", "--set", "datacenters=4").out
    assert line_of(many, "22")[5:9] == ["dc1-rs-rs-redis", "…", "dc4-rs-rs-redis", "(4)"]


def test_a_lab_that_realises_nothing(labgen: Program) -> None:
    """One node, no link: everything is a gap, and there is no empty table."""
    none = ", ".join(f"{one}: 0" for one in OTHERS)
    alone = labgen.file(f"{{datacenters: 0, regions: 0, counts: {{{none}}}}}\n")
    ran = labgen("connections", "--coverage", "-f", alone)
    assert ran.code == 0
    assert ran.out.startswith(f"{GAPS}\n")
    assert "0 realised here by 0 links, 107 by nothing" in ran.out


def test_the_environment_asks_for_it_too(labgen: Program) -> None:
    asked = labgen("connections", "--coverage")
    assert labgen("connections", LABGEN_CONNECTIONS_COVERAGE="1").out == asked.out
    assert asked.out != labgen("connections").out
