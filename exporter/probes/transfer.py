"""HTTP requests over libcurl, any number side by side, each bounded in time and memory."""

import asyncio
from contextlib import closing, suppress
from dataclasses import replace

import pycurl

from exporter.probes.connections import Connections, Gate
from exporter.probes.curl_failure import failed_verification
from exporter.probes.curl_handle import CurlHandle
from exporter.probes.receiver import Receiver
from exporter.probes.request import Answer, Request
from exporter.probes.result import Failure, Reason

_GRACE_SECONDS = 0.1  # libcurl keeps the deadline itself, and then knows how far it got; this is the net below


class Transfers:
    """Runs requests side by side on one event loop, all through one libcurl handle."""

    def __init__(self) -> None:
        self._multi = pycurl.AsyncCurlMulti()

    async def perform(self, request: Request, connections: Connections, deadline: float) -> Answer:
        """Return the answer, at the latest at the deadline (in the loop's time). Leaves nothing running."""
        with CurlHandle(request, Receiver(request.headers_only), Gate(request.rule, connections)) as handle:
            failure, code = await self._run(handle, deadline)
            answer = handle.answer(failure)
        if failed_verification(code):
            expiry = await self._refused_certificate_expiry(request, deadline)
            return replace(answer, certificate_expiry_timestamp_seconds=expiry)
        return answer

    async def aclose(self) -> None:
        """Drop every transfer that still runs."""
        await self._multi.aclose()

    async def _run(self, handle: CurlHandle, deadline: float) -> tuple[Failure | None, int]:
        """Return how the transfer failed, if it did, and libcurl's code for that."""
        remaining_seconds = deadline - asyncio.get_running_loop().time()
        handle.limit(remaining_seconds)
        try:
            async with asyncio.timeout(remaining_seconds + _GRACE_SECONDS):
                await self._multi.add_handle(handle.curl)
        except TimeoutError:
            return Failure(Reason.TIMEOUT, handle.progress()), pycurl.E_OPERATION_TIMEDOUT
        except pycurl.error as error:
            code, message = int(error.args[0]), str(error.args[-1])
            return handle.failure(code, message), code
        finally:
            self._remove(handle)
        return None, pycurl.E_OK

    async def _refused_certificate_expiry(self, request: Request, deadline: float) -> float | None:
        """Shake hands once more without verifying, only to learn when the refused certificate ends."""
        with closing(Connections()) as apart, CurlHandle(request, Receiver(), Gate(request.rule, apart)) as handle:
            handle.look_at_certificate_only()
            try:
                with suppress(TimeoutError, pycurl.error):
                    async with asyncio.timeout_at(deadline):
                        await self._multi.add_handle(handle.curl)
            finally:
                self._remove(handle)
            return handle.certificate_expiry()

    def _remove(self, handle: CurlHandle) -> None:
        with suppress(RuntimeError):  # it is no longer there where it has ended by itself
            self._multi.remove_handle(handle.curl)
