"""The lab's KVM-like host: libvirt, one virtual machine and the platform's agent AIM."""
