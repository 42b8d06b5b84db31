"""`labgen status`, `labgen ls`, `labgen plan`, `labgen credentials`, `labgen ca`: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from labgen.cli.options import (
    FileOption,
    Format,
    FormatOption,
    LabArgument,
    NameArgument,
    SetOption,
    SizeOption,
    read_spec,
)
from labgen.cli.output import note, print_json, print_rows, print_text

if TYPE_CHECKING:
    from pathlib import Path

    from labgen.engine.capacity import Machine
    from labgen.plan.model import LabPlan

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(status)
    app.command("ls")(list_labs)
    app.command()(plan)
    app.command()(credentials)
    app.command()(ca)


def status(lab: LabArgument = None, style: FormatOption = Format.TABLE) -> None:
    """Show every node of a lab: its state, addresses and published ports."""
    from labgen.cli.target import find_lab
    from labgen.engine.client import connect
    from labgen.engine.cuts import cut_wires
    from labgen.engine.observe import observe
    from labgen.engine.state import lab_state

    engine = connect()
    name = find_lab(engine, lab)
    running = observe(engine, name)
    cut: dict[str, list[str]] = {}
    for wire in cut_wires(lab_state(name)):
        for one_end, other in wire.pairs:
            cut.setdefault(one_end, []).append(other)
    rows: list[dict[str, Any]] = [
        {
            "node": one.name,
            "role": one.role,
            "site": f"outside ({one.site})" if one.actor else one.site,
            "state": str(one.state),
            "detail": one.detail,
            "image": one.image,
            "enforced": one.enforced,
            "addresses": list(one.addresses),
            "ports": list(one.ports),
            "cut": cut.get(one.name, []),
        }
        for one in running.values()
    ]
    absent = [node for node in lab_state(name).nodes() if node not in running]
    rows += [
        {
            "node": node,
            "role": "",
            "site": "",
            "state": "missing",
            "detail": "",
            "image": "",
            "enforced": "",
            "addresses": [],
            "ports": [],
            "cut": cut.get(node, []),
        }
        for node in absent
    ]
    print_rows(
        rows,
        style,
        {
            "node": "NODE",
            "site": "SITE",
            "state": "STATE",
            "detail": "ENGINE SAYS",
            "enforced": "RULES",
            "ports": "PUBLISHED",
            **({"cut": "CUT FROM"} if cut else {}),
        },
    )
    if absent and style is Format.TABLE:
        count = "1 node is" if len(absent) == 1 else f"{len(absent)} nodes are"
        note(f"{count} missing; `labgen up {name}` repairs the lab")


def list_labs(style: FormatOption = Format.TABLE) -> None:
    """List the labs on this engine."""
    from labgen.engine.client import connect
    from labgen.engine.down import known_labs
    from labgen.engine.observe import NodeState, labs_of_engine

    engine = connect()
    running = labs_of_engine(engine)
    rows = []
    for name in known_labs(engine):
        nodes = running.get(name, [])
        healthy = sum(one.state is NodeState.HEALTHY for one in nodes)
        rows.append(
            {
                "lab": name,
                "nodes": len(nodes),
                "healthy": healthy,
                "ports": sorted({port for one in nodes for port in one.ports}),
            }
        )
    if not rows and style is Format.TABLE:
        note("there is no lab; `labgen up` makes one")
        return
    print_rows(rows, style, {"lab": "LAB", "nodes": "NODES", "healthy": "HEALTHY", "ports": "PUBLISHED"})


def plan(
    name: NameArgument = None,
    size: SizeOption = None,
    file: FileOption = None,
    sets: SetOption = None,
    prove: Annotated[
        bool,
        typer.Option(
            "--prove",
            help="Prove instead, from the rendered files: exactly the documented connections pass.",
        ),
    ] = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """Show what a lab would take: nodes, networks, ports and memory, checked against this machine."""
    from labgen.catalogue.load import default_catalogue
    from labgen.errors import EngineMissing
    from labgen.plan.build import make_plan
    from labgen.plan.parse import check_name

    spec = read_spec(file, sets, size)
    if prove:
        from labgen.cli.proving import prove_lab

        prove_lab(check_name(name or spec.size), spec, style)
        return
    made = make_plan(default_catalogue(), spec, check_name(name or spec.size))
    machine = None
    notes: list[str] = []
    try:
        from labgen.engine.capacity import measure_machine
        from labgen.engine.client import connect
        from labgen.engine.up import resolve

        engine = connect()
        machine = measure_machine(engine)
        made, notes = resolve(engine, made.name, spec)
    except EngineMissing as error:
        note(f"not checked against this machine: {error.message}")
    _print_plan(made, machine, style)
    for line in notes:
        note(line)


def _print_plan(made: LabPlan, machine: Machine | None, style: Format) -> None:
    from labgen.units import format_bytes

    nodes: list[dict[str, Any]] = [
        {
            "node": one.name,
            "role": one.role,
            "server": one.server,
            "site": one.site,
            "actor": one.actor,
            "links": len(one.interfaces),
            "memory": one.memory_typical,
            "limit": one.memory_limit,
            "addresses": {i.link: i.address for i in one.interfaces},
        }
        for one in made.nodes
    ]
    links = [
        {
            "link": one.name,
            "subnet": str(one.subnet),
            "members": list(one.members),
            "connections": list(one.connections),
        }
        for one in made.links
    ]
    ports = [
        {"name": one.name, "node": one.node, "port": one.port, "host": one.address} for one in made.published
    ]
    if style is Format.JSON:
        machine_facts = (
            None
            if machine is None
            else {
                "memory_total": machine.memory_total,
                "memory_available": machine.memory_available,
                "disk_free": machine.disk_free,
                "cpus": machine.cpus,
            }
        )
        print_json(
            {
                "lab": made.name,
                "size": made.size,
                "supernet": str(made.supernet),
                "nodes": nodes,
                "links": links,
                "ports": ports,
                "memory": made.memory_typical,
                "memory_limit": made.memory_limit,
                "machine": machine_facts,
            }
        )
        return
    rows = [
        {
            **row,
            "memory": format_bytes(row["memory"]),
            "limit": format_bytes(row["limit"]),
            "site": f"outside ({row['site']})" if row["actor"] else row["site"],
        }
        for row in nodes
    ]
    print_rows(
        rows,
        style,
        {
            "node": "NODE",
            "site": "SITE",
            "server": "SERVER",
            "links": "LINKS",
            "memory": "AT REST",
            "limit": "LIMIT",
        },
    )
    print_text("")
    print_rows(links, style, {"link": "LINK", "subnet": "SUBNET", "members": "NODES", "connections": "ROWS"})
    print_text("")
    print_rows(
        ports, style, {"name": "PORT", "node": "NODE", "port": "IN THE LAB", "host": "ON THIS MACHINE"}
    )
    there = (
        ""
        if machine is None
        else (
            f"; here: {format_bytes(machine.memory_available)} available of "
            f"{format_bytes(machine.memory_total)}, {machine.cpus} processors"
        )
    )
    print_text(
        f"\n{len(made.nodes)} nodes, {len(made.links)} links in {made.supernet}, memory at rest "
        f"{format_bytes(made.memory_typical)}, at most {format_bytes(made.memory_limit)}{there}"
    )
    if machine is not None and made.memory_typical > machine.memory_available:
        note("it does not fit into the memory that is available now")


def _files(lab: str | None, pattern: str) -> list[Path]:
    """Return the lab's files that match `pattern`, at least one. Raises LabgenError when there is none."""
    from labgen.cli.target import find_lab
    from labgen.engine.client import connect
    from labgen.engine.state import lab_state
    from labgen.errors import LabgenError

    name = find_lab(connect(), lab)
    folder = lab_state(name).folder
    found = sorted(folder.glob(pattern))
    if not found:
        raise LabgenError(
            f"the files of lab '{name}' are gone from {(folder / pattern).parent}",
            f"`labgen up {name}` makes new ones; the lab's servers restart with them.",
        )
    return found


def credentials(
    lab: LabArgument = None,
    show: Annotated[bool, typer.Option("--show", help="Print the secrets themselves.")] = False,
    style: FormatOption = Format.TABLE,
) -> None:
    """List the lab's secrets: where each one is, and with --show what it is."""
    rows = [
        {"secret": path.name, "file": str(path), **({"value": path.read_text("utf-8")} if show else {})}
        for path in _files(lab, "secrets/[!.]*")
    ]
    columns = {"secret": "SECRET", "file": "FILE"} | ({"value": "VALUE"} if show else {})
    print_rows(rows, style, columns)


def ca(lab: LabArgument = None) -> None:
    """Print the certificate of the lab's CA, for a browser or `curl --cacert`."""
    (certificate,) = _files(lab, "tls/ca.crt")
    print_text(certificate.read_text("utf-8"))
