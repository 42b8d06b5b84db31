"""A server's Redis: volatile data of the API (platform.md row 13), state of remote services (rows 22, 23)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from labgen_stub.links.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

    from labgen_stub.settings import Neighbour

_TIMEOUT = 1.5


class Store:
    """One client of the first Redis among the neighbours, made when it is needed."""

    def __init__(self, places: Sequence[Neighbour]) -> None:
        self._places = tuple(places)
        self._redis: Redis | None = None

    @property
    def node(self) -> str:
        """The node that is asked; empty where there is none."""
        return self._places[0].node if self._places else ""

    async def do(self, command: str, *args: str, **options: int) -> object:
        """Do one command.

        Raises:
            Unavailable: Redis does not answer, or there is none.
        """
        client = self._client()
        from redis.exceptions import RedisError  # noqa: PLC0415 - loaded by whoever has such a neighbour

        try:
            answer: object = await getattr(client, command)(*args, **options)
        except (RedisError, OSError) as error:
            raise Unavailable(str(error)) from error
        return answer

    async def all(self, *commands: Sequence[str]) -> list[Any]:
        """Do several commands (`["HSET", key, field, value]`) in one transaction; return their answers.

        Raises:
            Unavailable: Redis does not answer; whether the commands were done is not known then.
        """
        client = self._client()
        from redis.exceptions import RedisError  # noqa: PLC0415 - loaded by whoever has such a neighbour

        try:
            async with client.pipeline(transaction=True) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return list(await pipeline.execute())
        except (RedisError, OSError) as error:
            raise Unavailable(str(error)) from error

    def _client(self) -> Redis:
        if self._redis is None:
            if not self._places:
                raise Unavailable("no Redis among the neighbours")
            # Loaded by whoever has such a neighbour.
            from redis.asyncio import Redis  # noqa: PLC0415

            from labgen_stub.links.redis_connection import RedisConnection  # noqa: PLC0415

            place = self._places[0]
            self._redis = Redis(
                host=place.node,
                port=place.port,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                decode_responses=True,
            )
            # The one parameter that there is for it makes a pool whose connections try once only.
            self._redis.connection_pool.connection_class = RedisConnection
        return self._redis
