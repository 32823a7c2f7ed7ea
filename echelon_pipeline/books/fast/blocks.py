"""Loads and stores of eight or sixty-four bytes at once, for fast passes over text.

Belongs here: loads and stores that numba lacks, each a few instructions, ``i`` bytes after a pointer. Bounds are not
checked: the caller has space for a whole block after the last byte. Bits of a mask are in the order of the bytes.
Importing this imports numba.

A pointer is one argument where an array would be seven. It has a type of its own and is no integer: numba compiles
inlined functions again, and LLVM would take a sum of integers for memory at the address 0 if one of them is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

Pointer: TypeAlias = Any  # a result of ``pointer_to``
Bits: TypeAlias = Any  # a mask of 64 bits
BLOCK = 64
NO_BITS = np.uint64(0)
_BYTE, _WORD, _BYTES = ir.IntType(8), ir.IntType(64), ir.VectorType(ir.IntType(8), BLOCK)
_INTRINSIC: Any = intrinsic
_NUMBER, _BITS, _MEMORY, _NOTHING = types.int64, types.uint64, types.voidptr, types.void


def _made(gives: Any, takes: list[Any], code: Callable[..., Any]) -> Any:
    """A function for compiled functions. ``code`` gets the instruction builder, then the arguments."""

    def function(_: Any, *__: Any) -> Any:
        def write(context: Any, builder: Any, _: Any, args: Any) -> Any:
            given = code(builder, *args)
            return context.get_dummy_value() if gives is _NOTHING else given

        return gives(*takes), write

    # numba binds arguments by name, and a variadic function has no names.
    names = [Parameter(f"a{n}", Parameter.POSITIONAL_OR_KEYWORD) for n in range(len(takes) + 1)]
    function.__signature__ = Signature(names)  # type: ignore[attr-defined]
    return _INTRINSIC(function)


def _all(byte: int) -> Any:
    return ir.Constant(_BYTES, [byte] * BLOCK)


def _place(builder: Any, pointer_to: Any, i: Any, kind: Any) -> Any:
    return builder.bitcast(builder.gep(pointer_to, [i]), kind.as_pointer())


def _read(builder: Any, pointer_to: Any, i: Any, kind: Any) -> Any:
    return builder.load(_place(builder, pointer_to, i, kind), align=1)


def _write(builder: Any, pointer_to: Any, i: Any, what: Any) -> None:
    builder.store(what, _place(builder, pointer_to, i, what.type), align=1)


def _mask(other: int, alike: int = 0) -> Any:
    """A function: a bit for each byte that equals ``other``."""

    def code(builder: Any, pointer_to: Any, i: Any) -> Any:
        block = builder.or_(_read(builder, pointer_to, i, _BYTES), _all(alike))
        return builder.bitcast(builder.icmp_unsigned("==", block, _all(other)), _WORD)

    return _made(_BITS, [_MEMORY, _NUMBER], code)


def _move(builder: Any, pointer_to: Any, i: Any, other: Any, to: Any) -> Any:
    block = _read(builder, pointer_to, i, _BYTES)
    _write(builder, other, to, block)
    control = builder.icmp_unsigned("<", block, _all(32))
    beyond = builder.icmp_unsigned(">", block, _all(126))
    escape = builder.icmp_unsigned("==", block, _all(ord("\\")))
    return builder.bitcast(builder.or_(builder.or_(control, beyond), escape), _WORD)


def _differ(builder: Any, pointer_to: Any, i: Any, other: Any, at: Any) -> Any:
    block = builder.icmp_unsigned("!=", _read(builder, pointer_to, i, _BYTES), _read(builder, other, at, _BYTES))
    return builder.bitcast(block, _WORD)


@_INTRINSIC  # type: ignore[untyped-decorator]
def pointer_to(_: Any, array: Any) -> Any:
    """The pointer to an array; valid while the array is referenced."""

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.bitcast(data, _BYTE.as_pointer())

    return _MEMORY(array), write


byte: Callable[[Pointer, int], int] = _made(
    _NUMBER, [_MEMORY, _NUMBER], lambda builder, m, i: builder.zext(_read(builder, m, i, _BYTE), _WORD)
)
# Eight bytes, little-endian.
word: Callable[[Pointer, int], Bits] = _made(
    _BITS, [_MEMORY, _NUMBER], lambda builder, m, i: _read(builder, m, i, _WORD)
)
store: Callable[[Pointer, int, int], None] = _made(
    _NOTHING, [_MEMORY, _NUMBER, _NUMBER], lambda builder, m, i, number: _write(builder, m, i, number)
)
store_byte: Callable[[Pointer, int, int], None] = _made(
    _NOTHING, [_MEMORY, _NUMBER, _NUMBER], lambda builder, m, i, c: _write(builder, m, i, builder.trunc(c, _BYTE))
)
# Stores a block of zeros.
clear: Callable[[Pointer, int], None] = _made(
    _NOTHING, [_MEMORY, _NUMBER], lambda builder, m, i: _write(builder, m, i, _all(0))
)
# Copies a block; returns the bits of characters that are not plain: controls, backslashes, beyond ASCII.
move: Callable[[Pointer, int, Pointer, int], Bits] = _made(_BITS, [_MEMORY, _NUMBER] * 2, _move)
# A bit for each byte that differs between the two places.
differ: Callable[[Pointer, int, Pointer, int], Bits] = _made(_BITS, [_MEMORY, _NUMBER] * 2, _differ)
quotes: Callable[[Pointer, int], Bits] = _mask(ord('"'))
dots: Callable[[Pointer, int], Bits] = _mask(ord("."))
lasts: Callable[[Pointer, int], Bits] = _mask(ord("]"))
# { and [ differ in one bit, and no other character equals them without that bit.
opening: Callable[[Pointer, int], Bits] = _mask(ord("{"), 0x20)
closing: Callable[[Pointer, int], Bits] = _mask(ord("}"), 0x20)
# The index of the first bit; 64 if there is none.
lowest: Callable[[Bits], int] = _made(
    _NUMBER, [_BITS], lambda builder, bits: builder.cttz(bits, ir.Constant(ir.IntType(1), 0))
)
