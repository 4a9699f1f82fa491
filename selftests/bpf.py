# SPDX-License-Identifier: GPL-2.0
"""BPF programs of a few instructions, made, loaded and run without a compiler or a library.
Instructions are those of linux/bpf.h and linux/bpf_common.h."""
import ctypes
import os
import struct

from net import LIBC

MAP_CREATE, MAP_LOOKUP, MAP_UPDATE, PROG_LOAD, OBJ_PIN, PROG_RUN = 0, 1, 2, 5, 6, 10
PROG_NEXT, PROG_OPEN, OBJ_INFO = 11, 13, 15
MAP_ARRAY, PROG_XDP = 2, 6
XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT = range(5)
LIVE_FRAMES = 1 << 1
SYS_BPF = 321

# Register 0 has a program's result, 1 its context.
R0, R1, R2, R3, R4, R5, R6, R7, R8, R9 = range(10)


def call_kernel(command, layout, *values):
    """The system call, with attributes in this layout; its result, and the attributes."""
    room = ctypes.create_string_buffer(struct.pack(layout, *values), 144)
    result = LIBC.syscall(SYS_BPF, command, room, len(room))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result, room


def bpf(command, layout, *values):
    return call_kernel(command, layout, *values)[0]


def address(buffer):
    return ctypes.addressof(buffer)


def insn(code, to=0, source=0, offset=0, value=0):
    return struct.pack("<BBhi", code, to | source << 4, offset, value)


def load(to, source, offset, size=8):
    """to = *(source + offset)"""
    return insn({4: 0x61, 8: 0x79, 2: 0x69, 1: 0x71}[size], to, source, offset)


def store(to, offset, source, size=8):
    """*(to + offset) = source"""
    return insn({4: 0x63, 8: 0x7b, 2: 0x6b, 1: 0x73}[size], to, source, offset)


def move(to, source):
    return insn(0xbf, to, source)


def add(to, value):
    return insn(0x07, to, value=value)


def subtract(to, source):
    return insn(0x1f, to, source)


def number(to, value):
    """A constant of 64 bits"""
    return (insn(0x18, to, value=struct.unpack("<i", struct.pack("<I", value & 0xffffffff))[0]) +
            insn(0, value=struct.unpack("<i", struct.pack("<I", value >> 32))[0]))


def map_value(to, fd):
    """The address of an array's only value"""
    return insn(0x18, to, 2, value=fd) + insn(0)


def skip_unless_greater(to, source, count):
    """Skips `count` instructions where to <= source."""
    return insn(0xbd, to, source, count)


def skip_unless_equal(to, source, count):
    return insn(0x5d, to, source, count)


def skip_unless(to, value, count):
    """Skips `count` instructions where to is not this value."""
    return insn(0x55, to, offset=count, value=value)


def call(helper):
    return insn(0x85, value=helper)


def leave():
    """Returns what is in R0."""
    return insn(0x95)


def returns(value):
    return insn(0xb7, R0, value=value) + leave()


class Counters:
    """An array map of one value of several numbers."""

    def __init__(self, count):
        self.count = count
        self.fd = bpf(MAP_CREATE, "IIII", MAP_ARRAY, 4, 8 * count, 1)

    def get(self):
        key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(8 * self.count)
        bpf(MAP_LOOKUP, "IxxxxQQQ", self.fd, address(key), address(value), 0)
        return struct.unpack("<%dQ" % self.count, value.raw)

    def set(self, *numbers):
        key, value = ctypes.create_string_buffer(4), ctypes.create_string_buffer(
            struct.pack("<%dQ" % self.count, *numbers), 8 * self.count)
        bpf(MAP_UPDATE, "IxxxxQQQ", self.fd, address(key), address(value), 0)


def program(code):
    """An XDP program; its file descriptor. What the verifier says is shown if it refuses."""
    text, licence = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(b"GPL")
    log = ctypes.create_string_buffer(1 << 16)
    try:
        return bpf(PROG_LOAD, "IIQQIIQ", PROG_XDP, len(code) // 8, address(text),
                   address(licence), 1, len(log), address(log))
    except OSError:
        print(log.value.decode(), flush=True)
        raise


def pin(fd, path):
    name = ctypes.create_string_buffer(path.encode())
    bpf(OBJ_PIN, "QI", address(name), fd)


def opened(name):
    """The file descriptor of a program that somebody has loaded under this name."""
    last = 0
    while True:
        _, room = call_kernel(PROG_NEXT, "II", last, 0)
        last = struct.unpack_from("I", room, 4)[0]
        fd = bpf(PROG_OPEN, "I", last)
        info = ctypes.create_string_buffer(232)
        bpf(OBJ_INFO, "IIQ", fd, len(info), address(info))
        if info.raw[64:80].rstrip(b"\0").decode() == name:
            return fd
        os.close(fd)


def run_frame(fd, frame, ifindex):
    """What the program returns for a frame of this device, and the frame afterwards. The
    verdict is not carried out."""
    data = ctypes.create_string_buffer(frame, len(frame))
    out = ctypes.create_string_buffer(len(frame) + 64)
    context = ctypes.create_string_buffer(struct.pack("IIIIII", 0, len(frame), 0, ifindex, 0,
                                                      0), 24)
    _, room = call_kernel(PROG_RUN, "IIIIQQIIIIQQIII", fd, 0, len(frame), len(out),
                          address(data), address(out), 1, 0, 24, 0, address(context), 0, 0, 0,
                          0)
    verdict, _, size = struct.unpack_from("III", room, 4)
    return verdict, out.raw[:size]


def run_frames(fd, frame, ifindex, repeat, batch=64):
    """Frames as a driver of this device would receive them, each of which the program may
    write and send."""
    data = ctypes.create_string_buffer(frame, len(frame))
    context = ctypes.create_string_buffer(struct.pack("IIIIII", 0, len(frame), 0, ifindex, 0,
                                                      0), 24)
    bpf(PROG_RUN, "IIIIQQIIIIQQIII", fd, 0, len(frame), 0, address(data), 0, repeat, 0,
        24, 0, address(context), 0, LIVE_FRAMES, 0, batch)
