"""A drill as a document for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labgen.verify.drill import Drill, Felt, Trial

__all__ = ["drill_document"]


def drill_document(drill: Drill) -> dict[str, Any]:
    """Return everything in `drill`, for `--format json`. Every key is always there; times are in seconds.

    - `lab`, `size`: text; `nodes`: names of all nodes; `window`: how long each wire was cut
    - `seconds`: how long all of it took; `fault`: what is not as it should be, empty when all is
    - `accepted`: how many writes users were told are done; `lost`: those of them that are not there;
      `unknown`: why nothing is known of that, or empty
    - `wires`: a list of `one`, `other` (its ends), `link`, `connections` (document rows), `dependants`
      (nodes that a row lets use it), `noticed` (a list of `node`, `after`, `over`, `said`, as they came;
      `over`: well again though the wire was still cut, or null), `well_after` (from healing until all
      were well; null when somebody was not in time), `late` (these, a list of `node`, `said`) and `users`:
      null where none would feel it, else `affected` (null: they still were at the end), `alone` (well again
      while it was still cut), `failed` (requests), `said` (what the first was told), `slowest` (request)
    """
    return {
        "lab": drill.lab,
        "size": drill.size,
        "nodes": list(drill.nodes),
        "window": drill.window,
        "seconds": round(drill.seconds, 2),
        "fault": drill.fault,
        "accepted": drill.accepted,
        "lost": list(drill.lost),
        "unknown": drill.unknown,
        "wires": [_trial(one) for one in drill.trials],
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "one": trial.wire.one,
        "other": trial.wire.other,
        "link": trial.link,
        "connections": list(trial.connections),
        "dependants": list(trial.dependants),
        "noticed": [
            {
                "node": one.node,
                "after": round(one.after, 2),
                "over": None if one.over is None else round(one.over, 2),
                "said": one.said,
            }
            for one in trial.notices
        ],
        "well_after": None if trial.well_after is None else round(trial.well_after, 2),
        "late": [{"node": one.node, "said": one.said} for one in trial.late],
        "users": None if trial.felt is None else _felt(trial.felt),
    }


def _felt(felt: Felt) -> dict[str, Any]:
    impact = felt.impact
    return {
        "affected": None if impact.seconds is None else round(impact.seconds, 2),
        "alone": felt.alone,
        "failed": impact.failed,
        "said": impact.said,
        "slowest": round(impact.slowest, 2),
    }
