"""Talks to an echo server by aiohttp. Exits with 0 where all came back."""

import asyncio
import sys

import aiohttp


async def main(url):
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(url, protocols=["v2", "v1"], compress=15, max_msg_size=8 << 20)
        assert socket.protocol == "v1"
        assert socket.compress
        for size in [0, 1, 125, 126, 65535, 65536, 1 << 20]:
            data = bytes(at % 251 for at in range(size))
            await socket.send_bytes(data)
            assert await socket.receive_bytes() == data, size
            text = "\u20acuro " * (size // 7)
            await socket.send_str(text)
            assert await socket.receive_str() == text, size
        await socket.ping(b"are you there")
        await socket.send_str("and here")
        assert await socket.receive_str() == "and here"
        await socket.close(code=4001, message=b"done")
        assert socket.close_code == 4001, socket.close_code


asyncio.run(main(sys.argv[1]))
