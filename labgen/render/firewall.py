"""The nftables rules of a node, which labgen-init loads before anything of the server runs.

Both directions end in a refusal, not in silence: who asks in vain learns it at once. Each documented row
counts the connections that passed by it. The text is spelled as `nft -s list table inet labgen` spells it, so
that what is in force can be compared with it line by line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labgen.plan.rules import Rule, rules_of

if TYPE_CHECKING:
    from labgen.plan.model import LabPlan, Node

__all__ = ["firewall_of"]

_REFUSE = (
    "    meta l4proto tcp reject with tcp reset",
    "    reject with icmpx admin-prohibited",
)


def firewall_of(plan: LabPlan, node: Node) -> str:
    """Return the rule set of `node` as `nft -f` takes it; each rule's comment is its document row."""
    rules = rules_of(plan, node)
    published = [one for one in plan.published if node.name in one.nodes]
    outgoing = [line for rule in rules if rule.outgoing for line in _lines(rule)]
    incoming = [line for rule in rules if not rule.outgoing for line in _lines(rule)]
    incoming += [
        f"    ip daddr {plan.public_subnet} tcp dport {one.port} counter accept "
        f'comment "{" ".join(["published", *one.connections])}"'
        for one in published
    ]
    return "\n".join(
        [
            "# Made by labgen. The node's documented connections, and nothing else.",
            # A container that is restarted in place loads them again.
            "table inet labgen {}",
            "delete table inet labgen",
            "table inet labgen {",
            *_chain("output", "oif", outgoing),
            *_chain("input", "iif", incoming),
            "}",
            "",
        ]
    )


def _chain(hook: str, interface: str, lines: list[str]) -> list[str]:
    return [
        f"  chain {hook} {{",
        f"    type filter hook {hook} priority filter; policy drop;",
        f'    {interface} "lo" accept',
        "    ct state established,related accept",
        *lines,
        *_REFUSE,
        "  }",
    ]


def _lines(rule: Rule) -> list[str]:
    if rule.transport == "vrrp":
        # By number: a server without a list of protocols knows no other name for it.
        what = f"ip protocol {rule.port}"
    else:
        ports = f"{rule.port}-{rule.last_port}" if rule.last_port else str(rule.port)
        what = f"{rule.transport} dport {ports}"
    accept = f'{what} counter accept comment "{rule.connection}"'
    side = "daddr" if rule.outgoing else "saddr"
    lines = [f"    ip {side} {rule.first}-{rule.last} {accept}"]
    if rule.transport == "udp":
        # Who has no address yet asks everybody (DHCP, row 31).
        lines.append(f"    ip {'daddr 255.255.255.255' if rule.outgoing else 'saddr 0.0.0.0'} {accept}")
    return lines
