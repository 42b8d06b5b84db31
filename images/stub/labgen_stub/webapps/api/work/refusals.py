"""Why work is refused: the platform's codes (R9, the community core's list of API errors), 409 each."""

from __future__ import annotations

from http import HTTPStatus

from labgen_stub.web.errors import ApiError


def no_such_machine() -> ApiError:
    """404: it was there when the request came, or never."""
    return ApiError(HTTPStatus.NOT_FOUND, "VM-1", "The requested virtual machine does not exist")


def locked() -> ApiError:
    """Another task has it."""
    return _conflict("VM-2", "The virtual machine is locked by another operation")


def not_deployed() -> ApiError:
    """There is nothing to be changed at a hypervisor."""
    return _conflict("VM-3", "The virtual machine is not deployed")


def no_way(state: str, wanted: str) -> ApiError:
    """Its state does not allow what is asked for."""
    return _conflict("VM-4", f"A virtual machine that is {state} cannot {wanted}")


def deployed() -> ApiError:
    """409: it is there already."""
    return _conflict("VM-7", "Only a virtual machine that is NOT_ALLOCATED can be deployed")


def no_template() -> ApiError:
    """There is nothing to boot from, or not yet, or no longer."""
    return _conflict("VM-9", "The virtual machine has no template that is ready")


def must_be_off(state: str) -> ApiError:
    """409: a running one keeps its processors and memory."""
    return _conflict("VM-10", f"A virtual machine must be OFF to be modified, and it is {state}")


def no_room() -> ApiError:
    """Every hypervisor is full, away, or does not exist."""
    return _conflict("ALLOC-1", "No hypervisor of the datacenter has room for the virtual machine")


def no_address() -> ApiError:
    """409: the service network is used up."""
    return _conflict("NET-8", "The datacenter's service network has no free address")


def template_used() -> ApiError:
    """There are virtual machines of it."""
    return _conflict("409-IN-USE", "Virtual machines are made from it")


def template_busy() -> ApiError:
    """Somebody works on it."""
    return _conflict("TEMPLATE-LOCKED", "The template is being made, converted, or deleted")


def busy() -> ApiError:
    """409: the same is being done already."""
    return _conflict("TASK-RUNNING", "The same is being done already")


def _conflict(code: str, message: str) -> ApiError:
    return ApiError(HTTPStatus.CONFLICT, code, message)


def no_such_datacenter() -> ApiError:
    """404 for a datacenter."""
    return ApiError(HTTPStatus.NOT_FOUND, "DC-0", "The requested datacenter does not exist")


def no_such_template() -> ApiError:
    """404 for a template."""
    return ApiError(HTTPStatus.NOT_FOUND, "VM-9", "The requested template does not exist")


def no_such_task() -> ApiError:
    """404 for a task."""
    return ApiError(HTTPStatus.NOT_FOUND, "TASK-0", "The requested task does not exist")
