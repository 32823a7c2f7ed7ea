"""The two token ids of a Polymarket condition, computed as the chain does (Conditional Tokens: ids are hashes).

An oracle for tests: position i of Gamma's token list is index set 1 << i of the condition, on USDC, or on the
wrapped collateral of negative-risk markets.
"""

from __future__ import annotations

FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583  # alt_bn128
USDC = bytes.fromhex("2791Bca1f2de4661ED88A30C99A7a9449Aa84174")
WRAPPED = bytes.fromhex("3A3BD7bb9528E159577F7C2e685CC81A765002E2")
_MASK = (1 << 64) - 1
_TURNS = ((0, 36, 3, 41, 18), (1, 44, 10, 45, 2), (62, 6, 43, 15, 61), (28, 55, 25, 21, 56), (27, 20, 39, 8, 14))


def _round_constants() -> list[int]:
    constants, state = [], 1
    for _ in range(24):
        value = 0
        for j in range(7):
            value |= (state & 1) << ((1 << j) - 1)
            state = (state << 1) ^ (0x171 if state & 0x80 else 0)
        constants.append(value)
    return constants


_CONSTANTS = _round_constants()


def _turn(value: int, by: int) -> int:
    return ((value << by) | (value >> (64 - by))) & _MASK


def keccak256(data: bytes) -> bytes:
    """Keccak-256 as Ethereum has it (padding 0x01, unlike SHA3-256)."""
    padded = bytearray(data + b"\x01" + b"\0" * (-(len(data) + 1) % 136))
    padded[-1] |= 0x80
    lanes = [[0] * 5 for _ in range(5)]
    for start in range(0, len(padded), 136):
        for i in range(17):
            lanes[i % 5][i // 5] ^= int.from_bytes(padded[start + 8 * i : start + 8 * i + 8], "little")
        lanes = _permute(lanes)
    return b"".join(lanes[i][0].to_bytes(8, "little") for i in range(4))


def _permute(a: list[list[int]]) -> list[list[int]]:
    for constant in _CONSTANTS:
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[x - 1] ^ _turn(c[(x + 1) % 5], 1) for x in range(5)]
        b = [[0] * 5 for _ in range(5)]
        for x in range(5):
            for y in range(5):
                b[y][(2 * x + 3 * y) % 5] = _turn(a[x][y] ^ d[x], _TURNS[x][y])
        a = [[b[x][y] ^ (~b[(x + 1) % 5][y] & b[(x + 2) % 5][y] & _MASK) for y in range(5)] for x in range(5)]
        a[0][0] ^= constant
    return a


def _collection(condition: str, index_set: int) -> bytes:
    x = int.from_bytes(keccak256(bytes.fromhex(condition[2:]) + index_set.to_bytes(32, "big")), "big")
    odd = x >> 255
    while True:
        x = (x + 1) % FIELD
        square = (x**3 + 3) % FIELD
        y = pow(square, (FIELD + 1) // 4, FIELD)
        if y * y % FIELD == square:
            break
    y = y if y % 2 == odd else FIELD - y
    return (x ^ ((y % 2) << 254)).to_bytes(32, "big")


def outcome_tokens(condition: str, *, neg_risk: bool) -> tuple[str, str]:
    """Token ids of outcomes 0 and 1, as decimal texts."""
    collateral = WRAPPED if neg_risk else USDC
    first, second = (int.from_bytes(keccak256(collateral + _collection(condition, 1 << i)), "big") for i in (0, 1))
    return str(first), str(second)
