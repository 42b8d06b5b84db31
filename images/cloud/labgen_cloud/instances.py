"""What a provider does about instances and moto does not: tokens, states, refusals, and whole pages."""

import time
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.amis import AmiBackend
from moto.ec2.models.instance_types import INSTANCE_TYPES
from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.responses import EC2Response
from moto.ec2.responses.instances import EC2_DESCRIBE_INSTANCES, EC2_RUN_INSTANCES, InstanceResponse

from labgen_cloud.states import Kept

# Seconds that an ended instance is listed; an hour at the real provider.
LISTED = 60
_PAGE = 1000
_TOKENS = "client_tokens"


def tokens(backend: Any) -> dict[str, tuple[str, dict[str, str]]]:
    """Return what was run for which token: the reservation, and what was asked for."""
    known: dict[str, tuple[str, dict[str, str]]] = backend.__dict__.setdefault(_TOKENS, {})
    return known


def number(backend: Any) -> str:
    """Give the youngest reservation its number, which pages go by; return its name."""
    name: str = next(reversed(backend.reservations))
    backend.__dict__["launches"] = backend.__dict__.get("launches", 0) + 1
    backend.reservations[name].launched = backend.__dict__["launches"]
    return name


def forget_ended(backend: Any) -> None:
    """Forget instances that ended a while ago, and what belonged to them."""
    oldest = time.time() - LISTED
    for name, reservation in list(backend.reservations.items()):
        states = [one._state for one in reservation.instances]
        if all(one.goal == "terminated" and one.since < oldest for one in states):
            del backend.reservations[name]
            for instance in reservation.instances:
                for card in instance.nics.values():
                    backend.enis.pop(card.id, None)
                backend.tags.pop(instance.id, None)
    for token, (name, _) in list(tokens(backend).items()):
        if name not in backend.reservations:
            del tokens(backend)[token]


def teach() -> None:
    """Change moto's classes; once, before the first request."""
    Instance._state = Kept()
    for name, states in {
        "start": ("pending", "running", "stopped"),
        "stop": ("running", "stopping", "stopped"),
        "reboot": ("running",),
    }.items():
        _only_from(name, states)
    _idempotent_terminate()
    _only_stopped_change_type()
    _unique_image_names()
    InstanceResponse.run_instances = _run_instances(InstanceResponse.run_instances)
    InstanceResponse.describe_instances = _describe_instances
    _unknown_actions_are_refused()


def _only_from(name: str, states: tuple[str, ...]) -> None:
    """Let a method of instances pass in some states; one that is there already is left alone."""
    original, done = (
        getattr(Instance, name),
        {"start": ("pending", "running"), "stop": ("stopping", "stopped")},
    )

    def guarded(self: Any) -> Any:
        now = self._state.name
        if now not in states:
            verb = {"start": "started", "stop": "stopped", "reboot": "rebooted"}[name]
            raise EC2ClientError(
                "IncorrectInstanceState",
                f"The instance '{self.id}' is not in a state from which it can be {verb}: it is {now}.",
            )
        return self._state if now in done.get(name, ()) else original(self)

    setattr(Instance, name, guarded)


def _idempotent_terminate() -> None:
    original = Instance.terminate

    def terminate(self: Any) -> Any:
        return self._state if self._state.goal == "terminated" else original(self)

    Instance.terminate = terminate


def _only_stopped_change_type() -> None:
    original = InstanceBackend.modify_instance_attribute

    def modify(self: Any, instance_id: str, key: str, value: Any) -> Any:
        instance = self.get_instance(instance_id)
        if key == "instance_type":
            if instance._state.name != "stopped":
                raise EC2ClientError(
                    "IncorrectInstanceState", f"The instance '{instance_id}' is not in the 'stopped' state."
                )
            if value not in INSTANCE_TYPES:
                raise EC2ClientError(
                    "InvalidInstanceAttributeValue", f"Invalid value '{value}' for InstanceType."
                )
        return original(self, instance_id, key, value)

    InstanceBackend.modify_instance_attribute = modify


def _unique_image_names() -> None:
    original = AmiBackend.create_image

    def create(self: Any, instance_id: str, name: str, *rest: Any, **more: Any) -> Any:
        taken = next((one for one in self.amis.values() if one.name == name), None)
        if taken is not None:
            raise EC2ClientError(
                "InvalidAMIName.Duplicate", f"AMI name {name} is already in use by AMI {taken.id}"
            )
        return original(self, instance_id, name, *rest, **more)

    AmiBackend.create_image = create


def _run_instances(original: Any) -> Any:
    def run(self: Any) -> str:
        backend, token = self.ec2_backend, self._get_param("ClientToken")
        forget_ended(backend)
        asked = {name: values[0] for name, values in self.querystring.items()}
        if token in tokens(backend):
            name, before = tokens(backend)[token]
            if asked != before:
                raise EC2ClientError(
                    "IdempotentParameterMismatch",
                    "The request uses the same client token as a previous, but non-identical request.",
                )
            answer: str = self.response_template(EC2_RUN_INSTANCES).render(
                account_id=self.current_account, reservation=backend.reservations[name], run_instances=False
            )
            return answer
        answer = original(self)
        made = number(backend)
        if token:
            tokens(backend)[token] = (made, asked)
        return answer

    return run


def _describe_instances(self: Any) -> str:
    """Answer from the instances that there are now: moto's own pages break when one ends in between."""
    backend, wanted = self.ec2_backend, self._get_multi_param("InstanceId")
    filters = self._filters_from_querystring()
    if wanted:
        found = backend.get_reservations_by_instance_ids(wanted, filters=filters)
    else:
        found = backend.describe_instances(filters=filters)
    token = self._get_param("NextToken")
    if token and not token.isdigit():
        raise EC2ClientError("InvalidParameterValue", f"The token '{token}' is invalid.")
    rest = [one for one in found if one.launched > int(token or 0)]
    page = rest[: int(self._get_param("MaxResults", _PAGE))]
    more = page[-1].launched if len(page) < len(rest) else None
    text: str = self.response_template(EC2_DESCRIBE_INSTANCES).render(
        account_id=self.current_account, reservations=page, next_token=more, run_instances=False
    )
    return text.replace(">True<", ">true<").replace(">False<", ">false<")


def _unknown_actions_are_refused() -> None:
    original = EC2Response.call_action

    def call(self: Any) -> Any:
        try:
            return original(self)
        except NotImplementedError:
            error = EC2ClientError(
                "InvalidAction", f"The action {self._get_action()} is not valid for this web service."
            )
            return error.code, {**self.response_headers, "Content-Type": "text/xml"}, error.description

    EC2Response.call_action = call
