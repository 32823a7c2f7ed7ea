"""Eight or sixty-four bytes of memory at once: what makes one pass over text cheap.

Belongs here: loads and stores that numba has no words for, each a few instructions, ``i`` bytes from where a memory
begins. Nothing looks whether it is still the same memory: whoever calls has room for a whole block behind the last
byte. Bits of a mask are in the order of the bytes. Importing this imports numba.

A memory is a pointer, one argument where an array would be seven. It is no number: numba compiles what it has compiled
again, in the place of its calls, where LLVM takes a sum of numbers for memory at the address 0 if one of them is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import Parameter, Signature
from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

Memory: TypeAlias = Any  # ``memory``'s
Bits: TypeAlias = Any  # 64 of them
BLOCK = 64
NO_BITS = np.uint64(0)
_BYTE, _WORD, _BYTES = ir.IntType(8), ir.IntType(64), ir.VectorType(ir.IntType(8), BLOCK)
_INTRINSIC: Any = intrinsic
_NUMBER, _BITS, _MEMORY, _NOTHING = types.int64, types.uint64, types.voidptr, types.void


def _made(gives: Any, takes: list[Any], code: Callable[..., Any]) -> Any:
    """A function for compiled functions. ``code`` gets what writes instructions, then the arguments."""

    def function(_: Any, *__: Any) -> Any:
        def write(context: Any, builder: Any, _: Any, args: Any) -> Any:
            given = code(builder, *args)
            return context.get_dummy_value() if gives is _NOTHING else given

        return gives(*takes), write

    # numba binds arguments by name, which a function of any number of them has not.
    names = [Parameter(f"a{n}", Parameter.POSITIONAL_OR_KEYWORD) for n in range(len(takes) + 1)]
    function.__signature__ = Signature(names)  # type: ignore[attr-defined]
    return _INTRINSIC(function)


def _all(byte: int) -> Any:
    return ir.Constant(_BYTES, [byte] * BLOCK)


def _place(builder: Any, memory: Any, i: Any, kind: Any) -> Any:
    return builder.bitcast(builder.gep(memory, [i]), kind.as_pointer())


def _read(builder: Any, memory: Any, i: Any, kind: Any) -> Any:
    return builder.load(_place(builder, memory, i, kind), align=1)


def _write(builder: Any, memory: Any, i: Any, what: Any) -> None:
    builder.store(what, _place(builder, memory, i, what.type), align=1)


def _mask(other: int, alike: int = 0) -> Any:
    """A bit for each byte that is this one."""

    def code(builder: Any, memory: Any, i: Any) -> Any:
        block = builder.or_(_read(builder, memory, i, _BYTES), _all(alike))
        return builder.bitcast(builder.icmp_unsigned("==", block, _all(other)), _WORD)

    return _made(_BITS, [_MEMORY, _NUMBER], code)


def _move(builder: Any, memory: Any, i: Any, other: Any, to: Any) -> Any:
    block = _read(builder, memory, i, _BYTES)
    _write(builder, other, to, block)
    control = builder.icmp_unsigned("<", block, _all(32))
    beyond = builder.icmp_unsigned(">", block, _all(126))
    escape = builder.icmp_unsigned("==", block, _all(ord("\\")))
    return builder.bitcast(builder.or_(builder.or_(control, beyond), escape), _WORD)


def _differ(builder: Any, memory: Any, i: Any, other: Any, at: Any) -> Any:
    block = builder.icmp_unsigned("!=", _read(builder, memory, i, _BYTES), _read(builder, other, at, _BYTES))
    return builder.bitcast(block, _WORD)


@_INTRINSIC  # type: ignore[untyped-decorator]
def memory(_: Any, array: Any) -> Any:
    """Of an array, for as long as somebody holds it."""

    def write(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.bitcast(data, _BYTE.as_pointer())

    return _MEMORY(array), write


byte: Callable[[Memory, int], int] = _made(
    _NUMBER, [_MEMORY, _NUMBER], lambda builder, m, i: builder.zext(_read(builder, m, i, _BYTE), _WORD)
)
# Eight bytes, the first of them the lowest.
word: Callable[[Memory, int], Bits] = _made(
    _BITS, [_MEMORY, _NUMBER], lambda builder, m, i: _read(builder, m, i, _WORD)
)
store: Callable[[Memory, int, int], None] = _made(
    _NOTHING, [_MEMORY, _NUMBER, _NUMBER], lambda builder, m, i, number: _write(builder, m, i, number)
)
store_byte: Callable[[Memory, int, int], None] = _made(
    _NOTHING, [_MEMORY, _NUMBER, _NUMBER], lambda builder, m, i, c: _write(builder, m, i, builder.trunc(c, _BYTE))
)
# Zeros.
clear: Callable[[Memory, int], None] = _made(
    _NOTHING, [_MEMORY, _NUMBER], lambda builder, m, i: _write(builder, m, i, _all(0))
)
# Copies; the bits of what is no plain character of a text: controls, backslashes, beyond ASCII.
move: Callable[[Memory, int, Memory, int], Bits] = _made(_BITS, [_MEMORY, _NUMBER] * 2, _move)
# A bit for each byte that is not the same in both places.
differ: Callable[[Memory, int, Memory, int], Bits] = _made(_BITS, [_MEMORY, _NUMBER] * 2, _differ)
quotes: Callable[[Memory, int], Bits] = _mask(ord('"'))
dots: Callable[[Memory, int], Bits] = _mask(ord("."))
lasts: Callable[[Memory, int], Bits] = _mask(ord("]"))
# { and [ differ in one bit, and nothing else is either but for that bit.
opening: Callable[[Memory, int], Bits] = _mask(ord("{"), 0x20)
closing: Callable[[Memory, int], Bits] = _mask(ord("}"), 0x20)
# The place of the first bit; 64 where there is none.
lowest: Callable[[Bits], int] = _made(
    _NUMBER, [_BITS], lambda builder, bits: builder.cttz(bits, ir.Constant(ir.IntType(1), 0))
)
