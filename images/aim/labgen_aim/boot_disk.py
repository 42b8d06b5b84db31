"""The lab's tiny disk: it boots in an instant and shows which machine it is; an idle one takes no processor.

Every machine made from it has the same bytes: what the screen shows comes at run time from QEMU's fw_cfg
(its documentation: docs/specs/fw_cfg), where libvirt puts the entry `LABEL_ENTRY` of a machine's
`<sysinfo type='fwcfg'>`. Without such an entry the screen shows the machine's UUID.
"""

LABEL_ENTRY = "opt/labgen/label"

_SECTOR = 512
_TRACK = 63 * _SECTOR

# A boot sector in 16-bit code, at 0x7c00; the registers' high halves are never used. The BIOS sleeps while
# it waits for a key.
_CODE = bytes.fromhex(
    "fc"  # start: cld
    "31c0"  # xor ax, ax
    "8ed8"  # mov ds, ax
    "8ec0"  # mov es, ax
    "8ed0"  # mov ss, ax
    "bc007c"  # mov sp, 0x7c00
    "bb0700"  # mov bx, 7  (page 0, grey)
    "bef37c"  # mov si, title
    "e8b900"  # call print
    "b81900"  # mov ax, 0x19  (the directory of QEMU's fw_cfg)
    "e89200"  # call select
    "e89500"  # call word4
    "89c1"  # mov cx, ax
    "e326"  # jcxz no_label
    "51"  # entry: push cx
    "e88d00"  # call word4
    "50"  # push ax
    "e88900"  # call word4
    "52"  # push dx
    "bf007e"  # mov di, buffer
    "b93800"  # mov cx, 56  (its name)
    "ba1105"  # mov dx, 0x511
    "f36c"  # rep insb
    "bed97c"  # mov si, wanted
    "bf007e"  # mov di, buffer
    "b91100"  # mov cx, 17  (with the zero at the end)
    "f3a6"  # repe cmpsb
    "58"  # pop ax
    "5f"  # pop di
    "59"  # pop cx
    "742e"  # je found
    "e2da"  # loop entry
    "b80200"  # no_label: mov ax, 2  (there is no such entry: the machine's UUID)
    "e85f00"  # call select
    "b91000"  # mov cx, 16
    "ec"  # uuid: in al, dx
    "50"  # push ax
    "c0e804"  # shr al, 4
    "e86800"  # call digit
    "58"  # pop ax
    "240f"  # and al, 15
    "e86200"  # call digit
    "88c8"  # mov al, cl
    "a801"  # test al, 1
    "740b"  # jz no_dash
    "2c07"  # sub al, 7
    "3c07"  # cmp al, 7
    "7305"  # jae no_dash
    "b02d"  # mov al, '-'
    "e85900"  # call put
    "e2df"  # no_dash: loop uuid
    "eb1f"  # jmp prompt
    "e83600"  # found: call select
    "89f9"  # mov cx, di
    "e318"  # jcxz prompt
    "83f93c"  # cmp cx, 60
    "7603"  # jbe text
    "b93c00"  # mov cx, 60  (as much as fits on the line)
    "ec"  # text: in al, dx
    "3c20"  # cmp al, ' '
    "7204"  # jb odd
    "3c7e"  # cmp al, 126
    "7602"  # jbe plain
    "b03f"  # odd: mov al, '?'
    "e83800"  # plain: call put
    "e2f0"  # loop text
    "beea7c"  # prompt: mov si, tail
    "e83500"  # call print
    "b400"  # echo: mov ah, 0
    "cd16"  # int 0x16  (wait for a key; the processor sleeps)
    "b40e"  # mov ah, 0x0e
    "cd10"  # int 0x10  (print a character)
    "3c0d"  # cmp al, 13  (Enter)
    "75f4"  # jne echo
    "beea7c"  # mov si, tail
    "e82300"  # call print
    "ebec"  # jmp echo
    "ba1005"  # select: mov dx, 0x510
    "ef"  # out dx, ax
    "42"  # inc dx
    "c3"  # ret
    "ba1105"  # word4: mov dx, 0x511
    "ec"  # in al, dx
    "88c4"  # mov ah, al
    "ec"  # in al, dx
    "50"  # push ax
    "ec"  # in al, dx
    "88c4"  # mov ah, al
    "ec"  # in al, dx
    "5a"  # pop dx
    "c3"  # ret
    "3c0a"  # digit: cmp al, 10
    "7202"  # jb small
    "0427"  # add al, 'a' - '0' - 10
    "0430"  # small: add al, '0'
    "b40e"  # put: mov ah, 0x0e
    "cd10"  # int 0x10
    "c3"  # ret
    "ac"  # print: lodsb
    "84c0"  # test al, al
    "7405"  # jz done
    "e8f3ff"  # call put
    "ebf6"  # jmp print
    "c3"  # done: ret
)
# The code knows where these three begin: `wanted`, `tail` and `title`, one after the other.
_TEXTS = (LABEL_ENTRY, "\r\n\r\n  > ", "\r\n  labgen: console of ")


def boot_disk() -> bytes:
    """Make the disk: a raw image of one track."""
    sector = _CODE + b"".join(text.encode("ascii") + b"\0" for text in _TEXTS)
    return (sector.ljust(_SECTOR - 2, b"\0") + b"\x55\xaa").ljust(_TRACK, b"\0")
