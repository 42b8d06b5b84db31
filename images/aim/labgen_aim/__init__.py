"""AIM, the agent of a KVM hypervisor, in Thrift's terms: what the agent and who asks it have in common.

The names, the order of the arguments, the numbers of the fields and the transport (binary protocol,
buffered, no frames) are those of the agent's published description (platform.md, R14 and row 39). Only
what a lab's host can really do is listed: Thrift's own answer for any other name, "unknown method", is
the true one.
"""
